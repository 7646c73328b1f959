//! A lane's Prometheus metrics, `cryptopipeline_processor_<lane>_…`.

use std::{
    sync::atomic::AtomicU64,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crds::wire::LaneStatus;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::age::AgeHistogram;
use crate::{
    clock::now_ms,
    kafka::arrivals::Arrivals,
    metrics::{Reason, latency_histogram},
};

/// Label of what is told by partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PartitionLabel {
    partition: i32,
}

/// One lane's metrics. Cloning gives other handles to the same.
#[derive(Clone, Debug)]
pub struct LaneMetrics {
    /// Trades that became durable.
    pub rows: Counter,
    /// Copies dropped.
    pub duplicates: Counter,
    /// Records that could not be read.
    pub unreadable: Family<Reason, Counter>,
    /// Records that Kafka deleted before the lane had read them.
    pub lost_to_retention: Counter,
    /// Versions of candles that became durable.
    pub candles: Counter,
    /// Candles whose trades were read from their table.
    pub candles_reread: Counter,
    /// Candles with sums that cannot be kept.
    pub candle_overflows: Counter,
    /// Files put into the archive.
    pub files: Counter,
    /// Their size.
    pub bytes: Counter,
    /// Batches that another writer had named first.
    pub lost_races: Counter,
    /// Failed attempts, by what the lane then waited for.
    pub retries: Family<Reason, Counter>,
    /// Partitions assigned or revoked.
    pub rebalances: Counter,
    write_seconds: Histogram,
    age: AgeHistogram,
    last_write: Gauge<f64, AtomicU64>,
    waiting: Gauge,
    lag_seconds: Family<PartitionLabel, Gauge<u64, AtomicU64>>,
    behind_seconds: Family<PartitionLabel, Gauge<u64, AtomicU64>>,
    lag_records: Family<PartitionLabel, Gauge>,
}

impl LaneMetrics {
    /// Registers the metrics of one lane. `promised` are ages within which its trades are to be durable.
    pub fn register(registry: &mut Registry, lane: &str, promised: &[Duration]) -> Self {
        let metrics = Self {
            age: AgeHistogram::new(promised),
            ..Self::unregistered()
        };
        let lane = registry.sub_registry_with_prefix(lane);
        lane.register("rows", "Trades that became durable", metrics.rows.clone());
        lane.register(
            "duplicates",
            "Copies of trades that were dropped",
            metrics.duplicates.clone(),
        );
        lane.register(
            "unreadable",
            "Records that could not be read",
            metrics.unreadable.clone(),
        );
        lane.register(
            "lost_to_retention",
            "Offsets that Kafka had deleted before they were read",
            metrics.lost_to_retention.clone(),
        );
        lane.register(
            "candles",
            "Versions of candles that became durable",
            metrics.candles.clone(),
        );
        lane.register(
            "candles_reread",
            "Candles whose trades were read from their table",
            metrics.candles_reread.clone(),
        );
        lane.register(
            "candle_overflows",
            "Candles not written for sums of too many digits",
            metrics.candle_overflows.clone(),
        );
        lane.register("files", "Files put into the archive", metrics.files.clone());
        lane.register_with_unit("files", "Size of these files", Unit::Bytes, metrics.bytes.clone());
        lane.register(
            "lost_races",
            "Batches that another writer named first",
            metrics.lost_races.clone(),
        );
        lane.register_with_unit(
            "write",
            "From the end of a batch to durability",
            Unit::Seconds,
            metrics.write_seconds.clone(),
        );
        lane.register_with_unit(
            "kafka_to_durable",
            "Age of a trade's record when the trade became durable",
            Unit::Seconds,
            metrics.age.clone(),
        );
        lane.register_with_unit(
            "last_write_timestamp",
            "When something last became durable, since 1970",
            Unit::Seconds,
            metrics.last_write.clone(),
        );
        lane.register(
            "retries",
            "Failed attempts by what was awaited then",
            metrics.retries.clone(),
        );
        lane.register(
            "rebalances",
            "Changes of the assignment",
            metrics.rebalances.clone(),
        );
        lane.register(
            "waiting",
            "1 while the lane waits for something",
            metrics.waiting.clone(),
        );
        lane.register_with_unit(
            "lag",
            "Age of the oldest record that is not durable",
            Unit::Seconds,
            metrics.lag_seconds.clone(),
        );
        lane.register_with_unit(
            "behind",
            "Age of the oldest record that was not read",
            Unit::Seconds,
            metrics.behind_seconds.clone(),
        );
        lane.register(
            "lag_records",
            "Records that are not durable",
            metrics.lag_records.clone(),
        );
        metrics
    }

    /// Metrics that nobody reads.
    pub fn unregistered() -> Self {
        Self {
            rows: Counter::default(),
            duplicates: Counter::default(),
            unreadable: Family::default(),
            lost_to_retention: Counter::default(),
            candles: Counter::default(),
            candles_reread: Counter::default(),
            candle_overflows: Counter::default(),
            files: Counter::default(),
            bytes: Counter::default(),
            lost_races: Counter::default(),
            retries: Family::default(),
            rebalances: Counter::default(),
            write_seconds: latency_histogram(),
            age: AgeHistogram::new(&[]),
            last_write: Gauge::default(),
            waiting: Gauge::default(),
            lag_seconds: Family::default(),
            behind_seconds: Family::default(),
            lag_records: Family::default(),
        }
    }

    /// A batch became durable, so long after its end.
    pub fn wrote(&self, took: Duration) {
        self.write_seconds.observe(took.as_secs_f64());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last_write.set(now.as_secs_f64());
    }

    /// Trades with these records became durable just now.
    pub fn became_durable<const SLOT_MS: i64>(&self, arrivals: &Arrivals<SLOT_MS>) {
        self.age.observe(arrivals.ages(now_ms()));
    }

    /// Sets the gauges to what the board says.
    pub fn show(&self, status: &LaneStatus) {
        self.waiting.set(i64::from(status.waiting.is_some()));
        // Partitions that went elsewhere must not linger.
        self.lag_seconds.clear();
        self.behind_seconds.clear();
        self.lag_records.clear();
        for (partition, status) in &status.partitions {
            let label = PartitionLabel {
                partition: *partition,
            };
            self.lag_seconds.get_or_create(&label).set(status.lag_seconds);
            self.behind_seconds
                .get_or_create(&label)
                .set(status.behind_seconds);
            self.lag_records
                .get_or_create(&label)
                .set(status.end_offset - status.next_offset);
        }
    }
}
