//! How long a pipeline took from its creation to `Ready`, and which part each component had in it. Pure.

use std::fmt;

use crds::{CryptoPipeline, status::condition};
use jiff::Timestamp;

use crate::pipeline::current_condition;

/// What is told of, in the order in which the operator works: engines side by side, then what is made in them, then workers.
const PARTS: [(&str, &str); 7] = [
    ("Kafka", condition::KAFKA_READY),
    ("Cassandra", condition::CASSANDRA_READY),
    ("HDFS", condition::HDFS_READY),
    ("topics", condition::TOPICS_READY),
    ("tables", condition::SCHEMA_READY),
    ("archive folders", condition::ARCHIVE_READY),
    ("workers", condition::WORKERS_READY),
];

/// Seconds from the pipeline's creation until it, and each part of it, was ready. Kubernetes keeps whole seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeToReady {
    total: i64,
    parts: Vec<(&'static str, i64)>,
}

impl TimeToReady {
    /// Reads the transition times of a ready pipeline's conditions; `None` where it is not ready.
    pub fn of(object: &CryptoPipeline) -> Option<Self> {
        let created = object.metadata.creation_timestamp.as_ref()?.0;
        let after = |name| seconds_until(object, name, created);
        Some(Self {
            total: after(condition::READY)?,
            parts: PARTS
                .iter()
                .filter_map(|(part, name)| Some((*part, after(name)?)))
                .collect(),
        })
    }
}

fn seconds_until(object: &CryptoPipeline, name: &str, since: Timestamp) -> Option<i64> {
    let condition = current_condition(object, name).filter(|condition| condition.status == "True")?;
    Some(condition.last_transition_time.0.as_second() - since.as_second())
}

impl fmt::Display for TimeToReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "time to Ready: {} s", self.total)?;
        for (part, seconds) in &self.parts {
            let percent = 100 * seconds / self.total.max(1);
            writeln!(f, "  {part:<16} ready after {seconds:>4} s  {percent:>3} %")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(ready: &str) -> CryptoPipeline {
        let condition = |name: &str, status: &str, time: &str| {
            format!(
                "{{type: {name}, status: '{status}', reason: R, message: m, observedGeneration: 1, lastTransitionTime: '{time}'}}"
            )
        };
        serde_yaml::from_str(&format!(
            "{{apiVersion: cryptopipeline.dev/v1alpha1, kind: CryptoPipeline,
              metadata: {{name: market, generation: 1, creationTimestamp: '2026-01-01T00:00:00Z'}},
              spec: {{ingest: {{symbols: [BTCUSDT]}}}},
              status: {{conditions: [{}, {}]}}}}",
            condition("KafkaReady", "True", "2026-01-01T00:00:30Z"),
            condition("Ready", ready, "2026-01-01T00:02:00Z"),
        ))
        .unwrap()
    }

    #[test]
    fn each_part_is_told_with_its_share() {
        let text = TimeToReady::of(&pipeline("True")).unwrap().to_string();
        assert_eq!(
            text,
            "time to Ready: 120 s\n  Kafka            ready after   30 s   25 %\n"
        );
    }

    #[test]
    fn a_pipeline_that_is_not_ready_has_no_time() {
        assert_eq!(TimeToReady::of(&pipeline("False")), None);
    }
}
