//! What the operator counts, in Prometheus' text format.

use std::{sync::Arc, time::Duration};

use crds::{CryptoPipelineStatus, names::Role, status::condition};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Kind of object and verb of a write to the API server.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WriteLabels {
    kind: String,
    verb: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PipelineLabels {
    namespace: String,
    name: String,
}

/// Every metric of the operator.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    writes: Family<WriteLabels, Counter>,
    reconciles: Counter,
    seconds: Histogram,
    errors: Family<ReasonLabels, Counter>,
    leader: Gauge,
    ready: Family<PipelineLabels, Gauge>,
    missing: Family<PipelineLabels, Gauge>,
    processors: Family<PipelineLabels, Gauge>,
    archive_lag: Family<PipelineLabels, Gauge>,
    hot_lag: Family<PipelineLabels, Gauge>,
    archive_behind: Family<PipelineLabels, Gauge>,
    hot_behind: Family<PipelineLabels, Gauge>,
    archive_buffer: Family<PipelineLabels, Gauge>,
    hot_buffer: Family<PipelineLabels, Gauge>,
}

impl Metrics {
    /// Metrics that all stand at zero.
    pub fn new() -> Arc<Self> {
        let mut metrics = Self {
            registry: Registry::with_prefix("cryptopipeline"),
            writes: Family::default(),
            reconciles: Counter::default(),
            seconds: Histogram::new([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]),
            errors: Family::default(),
            leader: Gauge::default(),
            ready: Family::default(),
            missing: Family::default(),
            processors: Family::default(),
            archive_lag: Family::default(),
            hot_lag: Family::default(),
            archive_behind: Family::default(),
            hot_behind: Family::default(),
            archive_buffer: Family::default(),
            hot_buffer: Family::default(),
        };
        let registry = &mut metrics.registry;
        registry.register(
            "api_writes",
            "Writes to the API server by kind and verb",
            metrics.writes.clone(),
        );
        registry.register(
            "reconciles",
            "Reconciliations that ended",
            metrics.reconciles.clone(),
        );
        registry.register(
            "reconcile_duration_seconds",
            "Time that one reconciliation took",
            metrics.seconds.clone(),
        );
        registry.register(
            "reconcile_errors",
            "Reconciliations that failed, by reason",
            metrics.errors.clone(),
        );
        registry.register(
            "leader",
            "1 while this process holds the lease",
            metrics.leader.clone(),
        );
        registry.register(
            "pipeline_ready",
            "1 while the pipeline is Ready",
            metrics.ready.clone(),
        );
        registry.register(
            "pipeline_missing_ids",
            "Trade ids that are in no archive file",
            metrics.missing.clone(),
        );
        registry.register(
            "pipeline_processors",
            "Processors asked for, by the user or by autoscaling",
            metrics.processors.clone(),
        );
        registry.register(
            "pipeline_archive_lag_seconds",
            "Seconds by which the archive lane trails the topic",
            metrics.archive_lag.clone(),
        );
        registry.register(
            "pipeline_hot_lag_seconds",
            "Seconds by which the hot lane trails the topic",
            metrics.hot_lag.clone(),
        );
        registry.register(
            "pipeline_archive_behind_seconds",
            "Age of the oldest record that the archive lane has not read",
            metrics.archive_behind.clone(),
        );
        registry.register(
            "pipeline_hot_behind_seconds",
            "Age of the oldest record that the hot lane has not read",
            metrics.hot_behind.clone(),
        );
        registry.register(
            "pipeline_archive_buffer_seconds",
            "Seconds until Kafka may delete the oldest record that the archive lane has not stored",
            metrics.archive_buffer.clone(),
        );
        registry.register(
            "pipeline_hot_buffer_seconds",
            "Seconds until Kafka may delete the oldest record that the hot lane has not stored",
            metrics.hot_buffer.clone(),
        );
        Arc::new(metrics)
    }

    /// Counts a write. `verb` is the API's: `create`, `update`, `patch`, `delete`.
    pub fn wrote(&self, kind: &str, verb: &str) {
        let labels = WriteLabels {
            kind: kind.to_owned(),
            verb: verb.to_owned(),
        };
        self.writes.get_or_create(&labels).inc();
    }

    /// Counts a reconciliation that ended, well or not.
    pub fn reconciled(&self, took: Duration) {
        self.reconciles.inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Counts a failed reconciliation.
    pub fn failed(&self, reason: &str) {
        let labels = ReasonLabels {
            reason: reason.to_owned(),
        };
        self.errors.get_or_create(&labels).inc();
    }

    /// Notes whether this process leads.
    pub fn leading(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Shows a pipeline's status.
    pub fn show(&self, namespace: &str, name: &str, status: &CryptoPipelineStatus) {
        let labels = PipelineLabels {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        let ready = status
            .conditions
            .iter()
            .any(|c| c.type_ == condition::READY && c.status == "True");
        self.ready.get_or_create(&labels).set(i64::from(ready));
        let processors = status.components.get(Role::Processor.as_str());
        self.processors
            .get_or_create(&labels)
            .set(processors.map_or(0, |processors| processors.desired.into()));
        let flow = status.data_flow.clone().unwrap_or_default();
        self.missing.get_or_create(&labels).set(flow.missing_ids);
        self.archive_lag
            .get_or_create(&labels)
            .set(flow.archive_lag_seconds);
        self.hot_lag.get_or_create(&labels).set(flow.hot_lag_seconds);
        self.archive_behind
            .get_or_create(&labels)
            .set(flow.archive_behind_seconds);
        self.hot_behind
            .get_or_create(&labels)
            .set(flow.hot_behind_seconds);
        let buffer = status.buffer.clone().unwrap_or_default();
        for (family, lane) in [
            (&self.archive_buffer, buffer.archive),
            (&self.hot_buffer, buffer.hot),
        ] {
            match lane {
                Some(lane) => {
                    family.get_or_create(&labels).set(lane.seconds_left);
                }
                // A lane that is not asked for has no buffer, not one of 0 seconds.
                None => {
                    family.remove(&labels);
                }
            }
        }
    }

    /// Forgets a pipeline that is gone.
    pub fn forget(&self, namespace: &str, name: &str) {
        let labels = PipelineLabels {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        for family in [
            &self.ready,
            &self.missing,
            &self.processors,
            &self.archive_lag,
            &self.hot_lag,
            &self.archive_behind,
            &self.hot_behind,
            &self.archive_buffer,
            &self.hot_buffer,
        ] {
            family.remove(&labels);
        }
    }

    /// The text that `/metrics` answers.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_counted_by_kind_and_verb() {
        let metrics = Metrics::new();
        metrics.wrote("StatefulSet", "patch");
        metrics.wrote("StatefulSet", "patch");
        metrics.wrote("Pod", "delete");
        let text = metrics.render();
        assert!(
            text.contains(r#"cryptopipeline_api_writes_total{kind="StatefulSet",verb="patch"} 2"#),
            "{text}"
        );
        assert!(
            text.contains(r#"cryptopipeline_api_writes_total{kind="Pod",verb="delete"} 1"#),
            "{text}"
        );
    }
}
