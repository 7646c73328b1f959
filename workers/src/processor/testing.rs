//! Trades and a topic for tests.

use std::sync::{Arc, Mutex};

use crds::spec::Exchange;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    board::Board,
    context::{PartitionContext, Pauses},
    metrics::LaneMetrics,
};
use crate::{
    kafka::{
        Record,
        partition::{Extent, Flow, PartitionSource, ReadEnd, SourceError},
    },
    model::{Decimal, Trade},
};

/// A trade at this time, microseconds since 2021.
pub fn trade(symbol: &str, trade_id: u64, time_us: i64) -> Trade {
    let trade_time_us = 1_609_459_200_000_000 + time_us;
    Trade {
        exchange: Exchange::Binance,
        symbol: symbol.parse().unwrap(),
        trade_id,
        price: Decimal::from_mantissa(3_943_248_000_000 + i128::from(trade_id)).unwrap(),
        quantity: "0.000263".parse().unwrap(),
        trade_time_us,
        event_time_us: trade_time_us + 1_000,
        buyer_is_maker: trade_id.is_multiple_of(2),
    }
}

/// The trade as the exchange sends it, in microseconds.
pub fn event(trade: &Trade) -> Vec<u8> {
    format!(
        r#"{{"e":"trade","E":{},"s":"{}","t":{},"p":"{}","q":"{}","T":{},"m":{},"M":true}}"#,
        trade.event_time_us,
        trade.symbol,
        trade.trade_id,
        trade.price,
        trade.quantity,
        trade.trade_time_us,
        trade.buyer_is_maker
    )
    .into_bytes()
}

/// Ids in the order in which ingest sends them when it repairs a gap of 10 ids while the stream goes on: the newest half
/// first, a copy at the end. Every id from 0 to 39 is there.
pub fn repaired_order() -> Vec<u64> {
    [0..10, 20..30, 15..20, 30..35, 10..15, 35..40, 12..13]
        .into_iter()
        .flatten()
        .collect()
}

/// A context that never pauses.
pub fn context(partition: i32) -> PartitionContext {
    PartitionContext {
        lane: "test",
        board: Board::default().partition(partition),
        metrics: LaneMetrics::unregistered(),
        pauses: Pauses {
            first: std::time::Duration::ZERO,
            longest: std::time::Duration::ZERO,
        },
    }
}

/// Partition 0 of a topic: values by offset.
pub type Log = Arc<Mutex<Vec<Vec<u8>>>>;

/// Reads a [`Log`], giving way to other tasks at every record. At the end of the log every look-up is a deadline.
#[derive(Debug)]
pub struct LogSource {
    log: Log,
    position: usize,
    /// Records before this offset are gone.
    pub low: Arc<Mutex<usize>>,
    /// The last offset committed.
    pub committed: Arc<Mutex<i64>>,
    /// By offset, what the header says whose trade it is.
    pub exchange: fn(usize) -> Option<&'static str>,
    /// By offset, when Kafka got the record, milliseconds since 1970.
    pub timestamp_ms: fn(usize) -> Option<i64>,
    stop: CancellationToken,
}

impl LogSource {
    /// Reads from the beginning.
    pub fn new(log: &Log, stop: CancellationToken) -> Self {
        Self {
            log: log.clone(),
            position: 0,
            low: Arc::default(),
            committed: Arc::default(),
            exchange: |_| None,
            timestamp_ms: |_| None,
            stop,
        }
    }
}

impl PartitionSource for LogSource {
    fn partition(&self) -> i32 {
        0
    }

    async fn extent(&self) -> Result<Extent, SourceError> {
        tokio::task::yield_now().await;
        Ok(Extent {
            low: i64::try_from(*self.low.lock().unwrap()).unwrap(),
            high: i64::try_from(self.log.lock().unwrap().len()).unwrap(),
        })
    }

    async fn seek(&mut self, offset: i64) -> Result<Extent, SourceError> {
        let extent = self.extent().await?;
        if offset > extent.high {
            return Err(SourceError::BeyondEnd {
                wanted: offset,
                end: extent.high,
            });
        }
        self.position = usize::try_from(offset).unwrap();
        Ok(extent)
    }

    async fn read(&mut self, _: Instant, mut take: impl FnMut(&Record<'_>) -> Flow + Send) -> ReadEnd {
        loop {
            tokio::task::yield_now().await;
            if self.stop.is_cancelled() {
                return ReadEnd::Stopped;
            }
            self.position = self.position.max(*self.low.lock().unwrap());
            let Some(value) = self.log.lock().unwrap().get(self.position).cloned() else {
                return ReadEnd::Deadline;
            };
            let offset = i64::try_from(self.position).unwrap();
            let exchange = (self.exchange)(self.position);
            let timestamp_ms = (self.timestamp_ms)(self.position);
            self.position += 1;
            let record = Record {
                exchange,
                offset,
                timestamp_ms,
                value: &value,
                src: Some("ws"),
                recv_us: Some(offset),
                ..Record::default()
            };
            if take(&record) == Flow::Enough {
                return ReadEnd::Enough;
            }
        }
    }

    fn commit(&self, next: i64) {
        *self.committed.lock().unwrap() = next;
    }

    fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

/// Gives way to the other tasks of the test until something holds.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if holds() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never happened: {what}");
}
