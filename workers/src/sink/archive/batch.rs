//! The open batch of one partition: a run of offsets, its new trades by hour, and the ids seen up to its end. Pure.

use bytes::Bytes;

use super::{
    columns::{Columns, HourArrivals},
    encode::{self, EncodeError},
    footer::Footer,
    layout::{BatchId, Hour},
};
use crate::{kafka::Record, model::Trade, processor::SeenIds};

/// What is durable in the archive for one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Everything before this offset is in the archive.
    pub next: i64,
    /// All ids up to there.
    pub seen: SeenIds,
    /// Trade time of the newest trade, microseconds since 1970; 0 when there is none.
    pub last_trade_time_us: i64,
}

/// A batch that still takes records.
#[derive(Debug)]
pub struct OpenBatch {
    id: BatchId,
    end: Checkpoint,
    /// In the order of their first trade, so that the first is the anchor.
    hours: Vec<(Hour, Columns)>,
    /// Where the last row went: mostly the next one goes there too.
    current: usize,
    rows: usize,
}

/// A batch as files, ready to be written.
#[derive(Clone, Debug)]
pub struct ClosedBatch {
    /// Its name.
    pub id: BatchId,
    /// What its files say about it.
    pub footer: Footer,
    /// One file per hour, in the order of `footer.hours`.
    pub files: Vec<ClosedFile>,
    /// Number of rows in all files.
    pub rows: usize,
}

/// One hour of a batch.
#[derive(Clone, Debug)]
pub struct ClosedFile {
    /// Of its trades.
    pub hour: Hour,
    /// The Parquet file.
    pub bytes: Bytes,
    /// When Kafka got its trades.
    pub arrivals: HourArrivals,
}

impl ClosedFile {
    fn new(hour: Hour, columns: Columns, partition: i32, footer: &Footer) -> Result<Self, EncodeError> {
        Ok(Self {
            hour,
            arrivals: columns.arrivals().clone(),
            bytes: encode::parquet(columns, partition, footer)?,
        })
    }
}

impl OpenBatch {
    /// The batch that follows a checkpoint. Its first offset is the checkpoint's, whatever the topic still holds: all
    /// writers must give the same batch the same name.
    pub fn after(checkpoint: Checkpoint, partition: i32) -> Self {
        Self {
            id: BatchId {
                partition,
                first: checkpoint.next,
            },
            end: checkpoint,
            hours: Vec::new(),
            current: 0,
            rows: 0,
        }
    }

    /// Adds the record's trade; returns `false` for a copy of one seen before.
    pub fn push(&mut self, trade: &Trade, record: &Record<'_>) -> bool {
        self.skip(record.offset);
        if !self.end.seen.insert(trade) {
            return false;
        }
        self.end.last_trade_time_us = self.end.last_trade_time_us.max(trade.trade_time_us);
        self.columns(Hour::of(trade.trade_time_us)).push(trade, record);
        self.rows += 1;
        true
    }

    /// Passes over a record that is no trade.
    pub fn skip(&mut self, offset: i64) {
        self.end.next = offset + 1;
    }

    fn columns(&mut self, hour: Hour) -> &mut Columns {
        if self
            .hours
            .get(self.current)
            .is_none_or(|(there, _)| *there != hour)
        {
            self.current = self
                .hours
                .iter()
                .position(|(there, _)| *there == hour)
                .unwrap_or_else(|| {
                    self.hours.push((hour, Columns::default()));
                    self.hours.len() - 1
                });
        }
        &mut self.hours[self.current].1
    }

    /// The offset after the last record.
    pub fn next(&self) -> i64 {
        self.end.next
    }

    /// Number of new trades.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Sorts and encodes the files; busy for a while. Returns also the checkpoint that the batch leads to. An empty
    /// batch must not be closed: it would have no file to leave its end in.
    pub fn close(mut self, writer: &str) -> Result<(ClosedBatch, Checkpoint), EncodeError> {
        if let Some((_, later)) = self.hours.split_first_mut() {
            later.sort_by_key(|(hour, _)| *hour);
        }
        let footer = Footer {
            first: self.id.first,
            next: self.end.next,
            hours: self.hours.iter().map(|(hour, _)| *hour).collect(),
            seen: self.end.seen.clone(),
            last_trade_time_us: self.end.last_trade_time_us,
            writer: writer.to_owned(),
        };
        let files = self
            .hours
            .into_iter()
            .map(|(hour, columns)| ClosedFile::new(hour, columns, self.id.partition, &footer))
            .collect::<Result<_, EncodeError>>()?;
        let closed = ClosedBatch {
            id: self.id,
            footer,
            files,
            rows: self.rows,
        };
        Ok((closed, self.end))
    }

    /// The missing files of a batch that was decided before, read again from its own offsets. An hour whose records are
    /// gone gets a file without rows, so that the batch is complete.
    pub fn rebuild(
        mut self,
        decided: Footer,
        missing: &[Hour],
        writer: &str,
    ) -> Result<ClosedBatch, EncodeError> {
        let footer = Footer {
            writer: writer.to_owned(),
            ..decided
        };
        let mut files = Vec::with_capacity(missing.len());
        let mut rows = 0;
        for hour in missing {
            let at = self.hours.iter().position(|(there, _)| there == hour);
            let columns = at.map_or_else(Columns::default, |at| self.hours.swap_remove(at).1);
            rows += columns.rows();
            files.push(ClosedFile::new(*hour, columns, self.id.partition, &footer)?);
        }
        Ok(ClosedBatch {
            id: self.id,
            footer,
            files,
            rows,
        })
    }
}
