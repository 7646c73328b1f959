//! What is counted of requests to Cassandra, `cryptopipeline_processor_hot_…`.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::class::{Class, ClassLabel};
use crate::metrics::saturating;

/// The metrics. Cloning gives other handles to the same; those of [`Default`] are read by nobody.
#[derive(Clone, Debug, Default)]
pub struct RequestMetrics {
    in_flight_limit: Gauge,
    retries: Family<ClassLabel, Counter>,
}

impl RequestMetrics {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let hot = registry.sub_registry_with_prefix("hot");
        hot.register(
            "in_flight_limit",
            "Requests that may be in flight at Cassandra; follows its latency",
            metrics.in_flight_limit.clone(),
        );
        hot.register(
            "request_retries",
            "Requests that failed and are made again, by the kind of failure",
            metrics.retries.clone(),
        );
        metrics
    }

    /// So many may be in flight.
    pub fn limit(&self, limit: usize) {
        self.in_flight_limit.set(saturating(limit as u64));
    }

    /// A request failed and is made again, here or by the lane.
    pub fn retry(&self, class: Class) {
        self.retries.get_or_create(&class.into()).inc();
    }

    /// How often requests failed so.
    #[cfg(test)]
    pub fn retries(&self, class: Class) -> u64 {
        self.retries.get_or_create(&class.into()).get()
    }
}
