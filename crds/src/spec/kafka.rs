//! Kafka: brokers, KRaft controllers and the topic of trades.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{External, SIZE, Storage, resources, rule};
use crate::duration::HumanDuration;

/// The replication factor is the one asked for, else 3 or the number of brokers where that is smaller.
const MIN_IN_SYNC_BELOW_REPLICATION: &str = "\
!has(self.topics.trades.minInSyncReplicas) || self.topics.trades.minInSyncReplicas <= (\
(has(self.topics.trades.replicationFactor) ? self.topics.trades.replicationFactor : self.brokers < 3 ? self.brokers : 3) == 1 ? 1 : \
(has(self.topics.trades.replicationFactor) ? self.topics.trades.replicationFactor : self.brokers < 3 ? self.brokers : 3) - 1)";

/// The Kafka cluster between the exchange and the sinks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    rule("self.controllers == 0 || self.controllers % 2 == 1",
        "kafka.controllers must be odd, or 0 for combined roles, because an even quorum tolerates no more failures than the odd one below it; use 0, 1, 3 or 5"),
    rule("self.controllers == oldSelf.controllers",
        "kafka.controllers is immutable, because the quorum's members are stored in its own log; restore the old value"),
    rule("self.brokers >= oldSelf.brokers",
        "kafka.brokers may not shrink, because partitions would lose replicas; restore the old value or a larger one"),
    rule("!has(self.topics.trades.replicationFactor) || self.topics.trades.replicationFactor <= self.brokers",
        "kafka.topics.trades.replicationFactor must not exceed kafka.brokers; lower it or add brokers"),
    rule(MIN_IN_SYNC_BELOW_REPLICATION,
        "kafka.topics.trades.minInSyncReplicas must be smaller than the replication factor (or 1 where that is 1), else one lost broker stops every write; lower it"),
    rule("!has(self.external)",
        "kafka.external is reserved for a later version; remove it and let the operator run Kafka"),
]))]
pub struct KafkaSpec {
    /// Key of `spec.placements`. Absent: any node. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub placement: Option<String>,
    /// Kafka's version; the image carries it as its tag.
    #[schemars(length(max = 20))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule(r"self.matches('^4[.][2-9][.][0-9]+$')",
            "kafka.version must be 4.2.0 or a newer version of line 4, as in 4.3.1; correct it"),
    ]))]
    pub version: String,
    /// Number of brokers.
    #[schemars(range(min = 1, max = 99))]
    pub brokers: i32,
    /// Members of the dedicated KRaft quorum; 0 makes every broker a controller too (development).
    #[schemars(range(min = 0, max = 9))]
    pub controllers: i32,
    /// Each broker's volume. Controllers get 5 GiB at most, which Kafka's KRaft page calls enough.
    pub storage: Storage,
    /// CPU and memory of one broker. Absent: 250m CPU, 1Gi memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub resources: Option<ResourceRequirements>,
    /// Java heap of one broker. Absent: half of its memory limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 20), regex(pattern = SIZE))]
    pub heap_size: Option<Quantity>,
    /// CPU and memory of one controller. Absent: 100m CPU, 512Mi memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub controller_resources: Option<ResourceRequirements>,
    /// Further broker and controller properties. Keys that the operator owns are refused.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub config: BTreeMap<String, String>,
    /// Topics that the operator creates and keeps.
    pub topics: Topics,
    /// Reserved: a Kafka that runs elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
}

/// Topics that the operator creates and keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Topics {
    /// The topic of trades. Its dead letters go to the topic named `<name>.dlq`; `<name>.gaps` and `<name>.ledger`
    /// are compacted topics of missing trade ids and of the ids that Kafka has.
    pub trades: TopicSpec,
}

/// The topic of trades.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicSpec {
    /// Name of the topic. Immutable.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[a-zA-Z0-9._-]+$"))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule("self == oldSelf",
            "topics.trades.name is immutable, because its records stay under the old name; restore the old value"),
        rule("self != '.' && self != '..' && !self.startsWith('__')",
            "topics.trades.name may not be . or .. nor start with __, which Kafka keeps for itself; choose another name"),
    ]))]
    pub name: String,
    /// Number of partitions. May grow, never shrink.
    #[schemars(range(min = 1, max = 1000))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule("self >= oldSelf",
            "topics.trades.partitions may not shrink, because Kafka cannot remove partitions; restore the old value or a larger one"),
    ]))]
    pub partitions: i32,
    /// Copies of each record. Absent: 3, or the number of brokers where that is smaller.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9))]
    pub replication_factor: Option<i32>,
    /// Copies that must exist before a write is acknowledged. Absent: one less than the replication factor, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9))]
    pub min_in_sync_replicas: Option<i32>,
    /// How long records stay. Group offsets stay at least twice as long.
    pub retention: HumanDuration,
}

impl Default for KafkaSpec {
    fn default() -> Self {
        Self {
            placement: None,
            version: "4.3.1".to_owned(),
            brokers: 3,
            controllers: 3,
            storage: Storage::of("100Gi"),
            resources: None,
            heap_size: None,
            controller_resources: None,
            config: BTreeMap::new(),
            topics: Topics::default(),
            external: None,
        }
    }
}

impl Default for TopicSpec {
    fn default() -> Self {
        Self {
            name: "crypto-stream".to_owned(),
            partitions: 12,
            replication_factor: None,
            min_in_sync_replicas: None,
            retention: crate::duration::days(7),
        }
    }
}

impl KafkaSpec {
    /// Copies of each record: as asked for, else 3 or the number of brokers where that is smaller.
    pub fn replication_factor(&self) -> i32 {
        self.topics
            .trades
            .replication_factor
            .unwrap_or_else(|| self.brokers.min(3))
    }

    /// Copies that must exist before a write is acknowledged: as asked for, else one less than the replication factor.
    pub fn min_in_sync_replicas(&self) -> i32 {
        self.topics
            .trades
            .min_in_sync_replicas
            .unwrap_or_else(|| (self.replication_factor() - 1).max(1))
    }
}

impl TopicSpec {
    /// Where records go that cannot be read.
    pub fn dead_letter_name(&self) -> String {
        format!("{}.dlq", self.name)
    }

    /// Where gaps in the trade ids are told.
    pub fn gap_name(&self) -> String {
        format!("{}.gaps", self.name)
    }

    /// Where ingest keeps which ids Kafka has.
    pub fn ledger_name(&self) -> String {
        format!("{}.ledger", self.name)
    }
}
