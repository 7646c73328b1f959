//! How many processors run, by how many seconds their reading is behind. Pure; docs/decisions/0022 says why so.
//!
//! More at once, fewer slowly: being behind doubles the number and is judged again a minute later, being ahead takes one
//! worker away after a long quiet. In between nothing changes. The number and the two times that it depends on are kept in the
//! status, so that another operator goes on where this one stopped.

use crds::{
    CryptoPipelineSpec,
    status::{AutoscalingStatus, DataFlow},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// A changed number is judged after so long: partitions change hands, and what came meanwhile is read.
const SETTLE: SignedDuration = SignedDuration::from_mins(1);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Fewest workers.
    pub min: i32,
    /// Most workers, not fewer than `min`.
    pub max: i32,
    /// Seconds that reading may be behind.
    pub max_behind: i64,
    /// How long reading must be well ahead before a worker goes.
    pub quiet: SignedDuration,
}

/// How the workers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Seconds by which the slowest partition of the slower lane is behind; `None` while not every partition is spoken for.
    pub behind: Option<i64>,
    /// Whether a lane waits for its sink: more workers would wait with it.
    pub waiting: bool,
    /// Whether the workers asked for are all there.
    pub complete: bool,
}

impl Rule {
    /// The rule of a pipeline; `None` where the number is the user's. A worker without a partition would stand idle, so that
    /// the number of partitions outweighs both bounds.
    pub fn of(spec: &CryptoPipelineSpec) -> Option<Self> {
        let asked = &spec.processor.autoscaling;
        let partitions = spec.kafka.topics.trades.partitions.max(1);
        let max = asked.max_replicas.map_or(partitions, |max| max.min(partitions));
        asked.enabled.then(|| Self {
            min: asked.min_replicas.min(max),
            max,
            max_behind: i64::try_from(asked.max_behind.get().as_secs()).unwrap_or(i64::MAX),
            quiet: SignedDuration::try_from(asked.scale_down_after.get()).unwrap_or(SignedDuration::MAX),
        })
    }

    /// What follows from what was decided before.
    pub fn next(&self, before: &AutoscalingStatus, sight: Sight, now: Timestamp) -> AutoscalingStatus {
        let changed = |replicas| AutoscalingStatus {
            replicas,
            changed_at: Some(Time(now)),
            quiet_since: None,
        };
        let bounded = before.replicas.clamp(self.min, self.max);
        if bounded != before.replicas {
            return changed(bounded);
        }
        let Some(behind) = sight.behind else {
            return AutoscalingStatus {
                quiet_since: None,
                ..before.clone()
            };
        };
        let passed =
            |since: &Option<Time>, time| since.as_ref().is_none_or(|at| now.duration_since(at.0) >= time);
        if behind > self.max_behind {
            let helps = !sight.waiting && sight.complete && before.replicas < self.max;
            if helps && passed(&before.changed_at, SETTLE) {
                return changed(before.replicas.saturating_mul(2).min(self.max));
            }
        }
        let quiet_since =
            (behind <= self.max_behind / 2).then(|| before.quiet_since.clone().unwrap_or(Time(now)));
        if quiet_since.is_some() && passed(&quiet_since, self.quiet) && before.replicas > self.min {
            return changed(before.replicas - 1);
        }
        AutoscalingStatus {
            quiet_since,
            ..before.clone()
        }
    }
}

/// How many processors are to run now: what was decided last, within today's bounds.
pub fn processors(spec: &CryptoPipelineSpec, decided: Option<&AutoscalingStatus>) -> i32 {
    let before = decided.map_or(spec.processor.replicas, |decided| decided.replicas);
    match Rule::of(spec) {
        Some(rule) => before.clamp(rule.min, rule.max),
        None => spec.processor.replicas,
    }
}

/// The change in words, where there is one.
pub fn describe(
    before: Option<&AutoscalingStatus>,
    after: Option<&AutoscalingStatus>,
    flow: Option<&DataFlow>,
) -> Option<String> {
    let (was, now) = (before?.replicas, after?.replicas);
    let behind = flow.map_or(0, |flow| flow.archive_behind_seconds.max(flow.hot_behind_seconds));
    let workers = if now == 1 { "worker" } else { "workers" };
    (was != now)
        .then(|| format!("processor goes from {was} to {now} {workers}; reading is {behind} s behind"))
}
