//! How many processors run, where the operator is to choose it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::rule;
use crate::duration::{HumanDuration, minutes};

/// Lets the operator choose the number of processors by how far their reading is behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    rule("!has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
        "processor.autoscaling.minReplicas may not exceed maxReplicas; lower the one or raise the other"),
    rule("!self.maxBehind.endsWith('ms')",
        "processor.autoscaling.maxBehind must be at least ten seconds; write it in s, m, h or d"),
    rule("!self.scaleDownAfter.endsWith('ms')",
        "processor.autoscaling.scaleDownAfter must be at least one minute; write it in s, m, h or d"),
]))]
pub struct Autoscaling {
    /// Whether the operator chooses the number. Where it does, `processor.replicas` is only where it begins.
    pub enabled: bool,
    /// Fewest workers.
    #[schemars(range(min = 1, max = 1000))]
    pub min_replicas: i32,
    /// Most workers. Never more than the topic has partitions, which is also what absence means.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: Option<i32>,
    /// The number is doubled while the oldest record that a lane has not read yet is older than this, at least ten seconds.
    pub max_behind: HumanDuration,
    /// One worker goes after reading has been at most half of `maxBehind` behind for so long, at least one minute.
    pub scale_down_after: HumanDuration,
}

impl Default for Autoscaling {
    fn default() -> Self {
        Self {
            enabled: false,
            min_replicas: 1,
            max_replicas: None,
            max_behind: minutes(1),
            scale_down_after: minutes(10),
        }
    }
}
