//! The workers that move trades from Kafka into the two sinks.

use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    autoscaling::Autoscaling,
    common::{SIZE, resources, rule},
};
use crate::duration::HumanDuration;

/// The workers that move trades from Kafka into Cassandra and the archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    rule("self.archive.enabled || self.hot.enabled",
        "processor.archive.enabled and processor.hot.enabled may not both be false, because trades would go nowhere; enable one"),
]))]
pub struct ProcessorSpec {
    /// Key of `spec.placements`. Absent: any node.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub placement: Option<String>,
    /// Number of workers. More than the topic has partitions stay idle. Under `autoscaling` only where the number begins.
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: i32,
    /// Lets the operator choose the number of workers; off by default.
    pub autoscaling: Autoscaling,
    /// The lane that writes Parquet files to HDFS.
    pub archive: ArchiveLane,
    /// The lane that writes rows to Cassandra.
    pub hot: HotLane,
    /// CPU and memory of one worker. Absent: 100m CPU and 128Mi asked for, 512Mi at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub resources: Option<ResourceRequirements>,
}

/// The lane that writes Parquet files to HDFS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    rule("!self.rollInterval.endsWith('ms')",
        "processor.archive.rollInterval must be at least one second; write it in s, m, h or d"),
]))]
pub struct ArchiveLane {
    /// Whether the lane runs.
    pub enabled: bool,
    /// A file is closed when its encoded size reaches this.
    #[schemars(
        with = "String",
        length(max = 20),
        regex(pattern = SIZE)
    )]
    pub roll_size: Quantity,
    /// A file is closed when its first record is this old, at least one second, and when an hour ends. The default keeps the
    /// NameNode healthy; ask for less to see trades in the archive earlier.
    pub roll_interval: HumanDuration,
    /// Merging the files of days that are over.
    pub compaction: Compaction,
}

/// Merging the files of days that are over into files of up to 128 MiB, sorted by symbol and trade id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Compaction {
    /// Whether it is done.
    pub enabled: bool,
    /// When a run begins, in UTC: minute, hour, day of the month, month, day of the week. Days that ended less than three
    /// hours before are left to the next run.
    #[schemars(length(max = 100), extend("x-kubernetes-validations" = [
        rule(r"self.matches('^[0-9*,/-]+ [0-9*,/-]+ [0-9*,/?-]+ [0-9A-Za-z*,/-]+ [0-9A-Za-z*,/?-]+$')",
            "processor.archive.compaction.schedule must be five fields of cron with one space between them; write it as in 15 3 * * *"),
    ]))]
    pub schedule: String,
    /// CPU and memory of a run. Absent: 100m CPU and 512Mi asked for, 1Gi at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub resources: Option<ResourceRequirements>,
}

/// The lane that writes rows to Cassandra.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HotLane {
    /// Whether the lane runs.
    pub enabled: bool,
    /// Candle intervals: a whole number and one of s, m, h, d.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "set"), inner(length(max = 6), regex(pattern = r"^[1-9][0-9]{0,3}[smhd]$")))]
    pub candles: Vec<String>,
}

impl Default for ProcessorSpec {
    fn default() -> Self {
        Self {
            placement: None,
            replicas: 2,
            autoscaling: Autoscaling::default(),
            archive: ArchiveLane::default(),
            hot: HotLane::default(),
            resources: None,
        }
    }
}

impl Default for ArchiveLane {
    fn default() -> Self {
        Self {
            enabled: true,
            roll_size: Quantity("128Mi".to_owned()),
            roll_interval: crate::duration::hours(1),
            compaction: Compaction::default(),
        }
    }
}

impl Default for Compaction {
    fn default() -> Self {
        Self {
            enabled: false,
            schedule: "15 3 * * *".to_owned(),
            resources: None,
        }
    }
}

impl Default for HotLane {
    fn default() -> Self {
        Self {
            enabled: true,
            candles: ["1s", "1m", "1h"].map(str::to_owned).to_vec(),
        }
    }
}
