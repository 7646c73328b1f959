//! Many sorted runs of rows into one sorted file. Pure, and busy for a while: call it on a thread that may block.

use arrow_array::RecordBatch;
use arrow_select::interleave::interleave_record_batch;
use bytes::Bytes;
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
            ParquetRecordBatchReaderBuilder,
        },
        arrow_writer::ArrowWriterOptions,
    },
    errors::ParquetError,
    file::metadata::KeyValue,
};

use super::{
    super::schema,
    digest::{Keys, OwnedKey},
};

/// Rows of a run that are in memory at a time.
const BATCH_ROWS: usize = 1_024;
/// Rows that are written at a time.
const CHUNK_ROWS: usize = 8_192;

/// Merges the rows of all files. Each row group is a run; where one is not sorted, neither is the result.
pub fn merge(files: &[Bytes], marks: Vec<KeyValue>) -> Result<Bytes, ParquetError> {
    let mut merge = Merge::new(marks)?;
    for file in files {
        let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new())?;
        for row_group in 0..metadata.metadata().num_row_groups() {
            let rows = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone())
                .with_row_groups(vec![row_group])
                .with_batch_size(BATCH_ROWS)
                .build()?;
            merge.begin(rows)?;
        }
    }
    merge.finish()
}

/// A run, as far as it was read.
struct Run {
    rest: ParquetRecordBatchReader,
    keys: Keys,
    /// Where its rows are among [`Merge::held`].
    batch: usize,
    row: usize,
}

struct Merge {
    runs: Vec<Run>,
    /// Rows that a run stands in, or that are not written yet.
    held: Vec<RecordBatch>,
    /// What is to be written next: places in `held`.
    chosen: Vec<(usize, usize)>,
    writer: ArrowWriter<Vec<u8>>,
}

impl Merge {
    fn new(marks: Vec<KeyValue>) -> Result<Self, ParquetError> {
        let options = ArrowWriterOptions::new()
            .with_properties(schema::properties(marks)?)
            .with_skip_arrow_metadata(true);
        Ok(Self {
            runs: Vec::new(),
            held: Vec::new(),
            chosen: Vec::with_capacity(CHUNK_ROWS),
            writer: ArrowWriter::try_new_with_options(Vec::new(), schema::plain(), options)?,
        })
    }

    fn begin(&mut self, mut rest: ParquetRecordBatchReader) -> Result<(), ParquetError> {
        if let Some(rows) = rest.next().transpose()? {
            self.runs.push(Run {
                rest,
                keys: Keys::of(&rows)?,
                batch: self.held.len(),
                row: 0,
            });
            self.held.push(rows);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Bytes, ParquetError> {
        while let Some((lowest, limit)) = self.lowest() {
            self.take(lowest, limit.as_ref())?;
        }
        self.write()?;
        Ok(self.writer.into_inner()?.into())
    }

    /// The run whose row is next, and the key up to which it stays so. Files hold what came one after another, so that
    /// a run mostly has all ids of a symbol to itself: looking at every run is rare.
    fn lowest(&self) -> Option<(usize, Option<OwnedKey>)> {
        let mut order: Vec<usize> = (0..self.runs.len()).collect();
        let key = |at: &usize| self.runs.get(*at).map(|run| run.keys.at(run.row));
        let second = order.len().min(2).checked_sub(1)?;
        order.select_nth_unstable_by(second, |a, b| key(a).cmp(&key(b)));
        let (first, limit) = match order.get(..=second)? {
            [first, second] => (*first, Some(*second)),
            [only] => (*only, None),
            _ => return None,
        };
        let owned = |(exchange, symbol, id): (&str, &str, i64)| (exchange.to_owned(), symbol.to_owned(), id);
        Some((first, limit.and_then(|at| key(&at)).map(owned)))
    }

    /// Takes the rows of a run up to a key.
    fn take(&mut self, at: usize, limit: Option<&OwnedKey>) -> Result<(), ParquetError> {
        let limit = limit.map(|(exchange, symbol, id)| (exchange.as_str(), symbol.as_str(), *id));
        loop {
            let run = &mut self.runs[at];
            let rows = self.held[run.batch].num_rows();
            while run.row < rows && self.chosen.len() < CHUNK_ROWS {
                if limit.is_some_and(|limit| run.keys.at(run.row) > limit) {
                    return Ok(());
                }
                self.chosen.push((run.batch, run.row));
                run.row += 1;
            }
            if run.row == rows && !self.read_on(at)? {
                return Ok(());
            }
            if self.chosen.len() == CHUNK_ROWS {
                self.write()?;
            }
        }
    }

    /// The next rows of a run; `false` when it has ended.
    fn read_on(&mut self, at: usize) -> Result<bool, ParquetError> {
        let run = &mut self.runs[at];
        let Some(rows) = run.rest.next().transpose()? else {
            self.runs.swap_remove(at);
            return Ok(false);
        };
        run.keys = Keys::of(&rows)?;
        run.batch = self.held.len();
        run.row = 0;
        self.held.push(rows);
        Ok(true)
    }

    /// Writes what was chosen, and lets go of rows that no run stands in.
    fn write(&mut self) -> Result<(), ParquetError> {
        if !self.chosen.is_empty() {
            let held: Vec<&RecordBatch> = self.held.iter().collect();
            self.writer
                .write(&interleave_record_batch(&held, &self.chosen)?)?;
            self.chosen.clear();
        }
        let mut kept = Vec::with_capacity(self.runs.len());
        for run in &mut self.runs {
            kept.push(self.held[run.batch].clone());
            run.batch = kept.len() - 1;
        }
        self.held = kept;
        Ok(())
    }
}
