//! What is told of the spool: for `/status` and `/metrics`.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::metrics::saturating;

/// Figures of the spool. Cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub struct State {
    records: Gauge,
    bytes: Gauge,
    oldest: Gauge<f64, AtomicU64>,
    held: Gauge,
    holds: Counter,
    write_errors: Counter,
}

impl State {
    /// Of an empty spool.
    pub fn new(registry: &mut Registry) -> Self {
        let state = Self {
            records: Gauge::default(),
            bytes: Gauge::default(),
            oldest: Gauge::default(),
            held: Gauge::default(),
            holds: Counter::default(),
            write_errors: Counter::default(),
        };
        registry.register(
            "spool_records",
            "Trades and dead letters that wait behind Kafka's own full buffer",
            state.records.clone(),
        );
        registry.register_with_unit(
            "spool",
            "What they occupy on the disk and in memory",
            Unit::Bytes,
            state.bytes.clone(),
        );
        registry.register_with_unit(
            "spool_oldest_time",
            "When the oldest of them was read, since 1970; 0 when none waits",
            Unit::Seconds,
            state.oldest.clone(),
        );
        registry.register(
            "feed_held",
            "1 while the feed is closed on purpose, because the spool is full",
            state.held.clone(),
        );
        registry.register(
            "feed_holds",
            "How often the feed was closed on purpose, because the spool was full",
            state.holds.clone(),
        );
        registry.register(
            "spool_write_errors",
            "Attempts to write to the spool's disk that failed and are made again",
            state.write_errors.clone(),
        );
        state
    }

    /// So many records in so many bytes wait, and the oldest was read then.
    pub fn waiting(&self, records: u64, bytes: u64, oldest_us: i64) {
        self.records.set(saturating(records));
        self.bytes.set(saturating(bytes));
        #[expect(
            clippy::cast_precision_loss,
            reason = "microseconds since 1970 are exact in 53 bits"
        )]
        self.oldest.set(oldest_us as f64 / 1e6);
    }

    /// The feed is closed on purpose, or not.
    pub fn hold(&self, held: bool) {
        if i64::from(held) > self.held.set(i64::from(held)) {
            self.holds.inc();
        }
    }

    /// A write failed.
    pub fn write_error(&self) {
        self.write_errors.inc();
    }

    /// Records that wait.
    pub fn records(&self) -> u64 {
        u64::try_from(self.records.get()).unwrap_or_default()
    }

    /// Whether the feed is closed on purpose.
    pub fn is_held(&self) -> bool {
        self.held.get() > 0
    }
}
