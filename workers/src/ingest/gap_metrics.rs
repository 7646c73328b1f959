//! What is counted of gaps.

use std::time::Duration;

use crds::gap::{GapRecord, GapState};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::metrics::saturating;

/// Label of closed gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cause {
    cause: &'static str,
}

/// The metrics of gaps. Cloning gives other handles to the same.
#[derive(Clone, Debug)]
pub struct GapMetrics {
    open: Gauge,
    unrepairable: Gauge,
    missing_ids: Gauge,
    closed: Family<Cause, Counter>,
    repaired_ids: Counter,
    duration: Histogram,
}

impl GapMetrics {
    /// Registers them.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            open: Gauge::default(),
            unrepairable: Gauge::default(),
            missing_ids: Gauge::default(),
            closed: Family::default(),
            repaired_ids: Counter::default(),
            // 1 s to about 9 h.
            duration: Histogram::new((0..16).map(|step| f64::from(1_u32 << step))),
        };
        registry.register(
            "gaps_open",
            "Ranges of ids that neither the feed nor Kafka had, and that Kafka does not have yet",
            metrics.open.clone(),
        );
        registry.register(
            "gaps_unrepairable",
            "Those of them that have been asked for in vain for long",
            metrics.unrepairable.clone(),
        );
        registry.register(
            "missing_ids",
            "Ids of open gaps that Kafka does not have",
            metrics.missing_ids.clone(),
        );
        registry.register(
            "gaps_closed",
            "Gaps of which Kafka has every id by now, by cause",
            metrics.closed.clone(),
        );
        registry.register(
            "repaired_ids",
            "Ids of closed gaps that were fetched by REST",
            metrics.repaired_ids.clone(),
        );
        registry.register_with_unit(
            "gap_duration",
            "From the detection of a gap to its last id in Kafka",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        metrics
    }

    /// There is news of these gaps.
    pub fn count(&self, news: &[GapRecord]) {
        for gap in news.iter().filter(|gap| gap.state == GapState::Closed) {
            let cause = gap.cause.as_str();
            self.closed.get_or_create(&Cause { cause }).inc();
            self.repaired_ids.inc_by(gap.repaired_ids);
            let lasted = gap.updated_ms.saturating_sub(gap.detected_ms);
            let lasted = Duration::from_millis(u64::try_from(lasted).unwrap_or_default());
            self.duration.observe(lasted.as_secs_f64());
        }
    }

    /// These are the gaps that are not closed.
    pub fn show(&self, open: &[GapRecord]) {
        let unrepairable = open.iter().filter(|gap| gap.state == GapState::Unrepairable);
        self.open.set(saturating(open.len() as u64));
        self.unrepairable.set(saturating(unrepairable.count() as u64));
        let missing = open
            .iter()
            .fold(0, |sum: u64, gap| sum.saturating_add(gap.missing_ids));
        self.missing_ids.set(saturating(missing));
    }
}
