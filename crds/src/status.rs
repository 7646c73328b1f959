//! What the operator reports about a pipeline.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator reports about a pipeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CryptoPipelineStatus {
    /// The `metadata.generation` that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// One word on the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// `Ready`, `Progressing`, `Degraded`, `DataFlowing` and one per part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// One entry per component: `kafka`, `cassandra`, `hdfs`, `ingest`, `processor`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub components: BTreeMap<String, ComponentStatus>,
    /// Addresses for clients inside the cluster: `kafka`, `cassandra`, `hdfs`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: BTreeMap<String, String>,
    /// Facts fixed at the first start, which engines store as data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// The count of trades, as the workers report it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_flow: Option<DataFlow>,
    /// How long what waits in Kafka is safe, and how full the stores are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffer: Option<BufferStatus>,
    /// One entry per placement that a component names, where there are two or more.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub placements: BTreeMap<String, PlacementStatus>,
    /// The number of processors that the operator has chosen; absent where `processor.autoscaling` is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<AutoscalingStatus>,
}

/// How long what waits in Kafka is safe, and how full the stores are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BufferStatus {
    /// Of the archive lane; absent where it is disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<LaneBuffer>,
    /// Of the hot lane; absent where it is disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hot: Option<LaneBuffer>,
    /// One entry per store or broker whose volumes could be measured, the fullest volume of each.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub stores: BTreeMap<String, StoreFill>,
}

/// How long what one lane has not stored is safe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LaneBuffer {
    /// Seconds until Kafka may delete the oldest record that the lane has not stored; 0 where it may have begun.
    pub seconds_left: i64,
    /// When that record was written; absent where everything is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_unstored: Option<Time>,
    /// Every partition's owner says so now. Otherwise it is what was last known, and time goes on.
    pub current: bool,
}

/// How full a store is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StoreFill {
    /// Percent of its bytes that are used, in steps of 5.
    pub used_percent: i64,
    /// Seconds until it is full at the rate of the last hour at most; absent where that is more than a day, or not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_in_seconds: Option<i64>,
    /// Measured against the size of the claims, which a volume need not keep to, and not against the disk.
    pub estimated: bool,
}

/// A site as the API server and the pipeline's own connections see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PlacementStatus {
    /// Nodes that match the placement.
    pub nodes: i32,
    /// Those that are ready.
    pub ready: i32,
    /// Whether its nodes reach the API server.
    pub control_plane: Reach,
    /// Whether its pods are reached from other sites.
    pub data_plane: Reach,
    /// Since when one of the two is unreachable; absent while neither is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

/// Whether a site is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Reach {
    /// It is.
    Reachable,
    /// It is not.
    Unreachable,
    /// Nothing tells.
    #[default]
    Unknown,
}

/// The number of processors that the operator has chosen, and the times that it depends on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AutoscalingStatus {
    /// Workers asked for.
    pub replicas: i32,
    /// When that number last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Time>,
    /// Since when reading has been so little behind that a worker could go; absent while it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_since: Option<Time>,
}

/// One word on the whole pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// The spec is refused; the conditions say why.
    Invalid,
    /// Engines, bootstrap or workers are on their way up for the first time.
    Starting,
    /// Everything is as asked for.
    Ready,
    /// A change is being carried out.
    Updating,
    /// Something that was ready is not.
    Degraded,
    /// `spec.paused` is set.
    Paused,
    /// The object is being deleted.
    Deleting,
}

/// Progress of one component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentStatus {
    /// Members that are ready, all roles together.
    pub ready: i32,
    /// Members asked for, all roles together.
    pub desired: i32,
    /// `ready/desired`, for the printer column.
    pub summary: String,
    /// The version that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What is awaited, or empty; for `hdfs` otherwise which NameNode is active.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// Facts fixed at the first start. Never changed afterwards: a missing disk later means a lost member, never a new cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "records that do not depend on each other"
)]
pub struct Identity {
    /// Zones of each component in rack order. Zones are appended, never reordered, since names and ids derive from the index.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub racks: BTreeMap<String, Vec<String>>,
    /// Kafka's cluster id, 22 characters of URL-safe base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka_cluster_id: Option<String>,
    /// HDFS' cluster id, `CID-` and a UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hdfs_cluster_id: Option<String>,
    /// Cassandra's cluster name, by which nodes tell their ring from others: the pipeline's name and eight digits of its uid, or
    /// the pipeline's name alone for a ring that formed before the digits were added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cassandra_cluster_name: Option<String>,
    /// The KRaft quorum has formed once: controllers with an empty disk join, they never start a quorum.
    pub kafka_formed: bool,
    /// The Cassandra ring has formed once: nodes with an empty disk bootstrap, they never skip it.
    pub cassandra_formed: bool,
    /// A NameNode has been formatted once: none is ever formatted again.
    pub hdfs_formatted: bool,
    /// The JournalNodes have got the NameNode's edits once: they are never formatted again.
    pub hdfs_edits_shared: bool,
    /// ZooKeeper holds the failover controllers' node: it is never created again.
    pub hdfs_failover_formatted: bool,
}

/// The count of trades. Trade ids of a symbol have no holes, so completeness can be counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DataFlow {
    /// Exchange time of the newest trade in Kafka, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_trade_time: Option<String>,
    /// Records in the topic since it was created, copies included.
    pub ingested_trades: i64,
    /// Distinct trades in closed archive files.
    pub archived_trades: i64,
    /// Distinct trades acknowledged by Cassandra.
    pub hot_trades: i64,
    /// Trade ids between a symbol's first and last one that are in no archive file, or not even in Kafka, yet.
    pub missing_ids: i64,
    /// Copies that the archive lane dropped.
    pub duplicate_ids: i64,
    /// Seconds by which the archive lane trails the topic's end. Grows with time while no processor speaks for a partition.
    pub archive_lag_seconds: i64,
    /// Seconds by which the hot lane trails the topic's end. Grows with time while no processor speaks for a partition.
    pub hot_lag_seconds: i64,
    /// Seconds since the oldest record that the archive lane has not read yet was written. Unlike the lag it leaves out what
    /// waits for its file to be closed.
    pub archive_behind_seconds: i64,
    /// Seconds since the oldest record that the hot lane has not read yet was written.
    pub hot_behind_seconds: i64,
    /// Records sent to the dead-letter topic.
    pub dead_letters: i64,
}

/// The types of conditions.
pub mod condition {
    /// Everything is as asked for.
    pub const READY: &str = "Ready";
    /// A change is being carried out.
    pub const PROGRESSING: &str = "Progressing";
    /// Something that was ready is not.
    pub const DEGRADED: &str = "Degraded";
    /// Trades arrive and none is missing.
    pub const DATA_FLOWING: &str = "DataFlowing";
    /// Brokers and controllers are up.
    pub const KAFKA_READY: &str = "KafkaReady";
    /// Topics are as asked for.
    pub const TOPICS_READY: &str = "TopicsReady";
    /// Cassandra nodes are up.
    pub const CASSANDRA_READY: &str = "CassandraReady";
    /// Keyspace and tables are as asked for.
    pub const SCHEMA_READY: &str = "SchemaReady";
    /// NameNodes, one of them active, DataNodes and what they need are up.
    pub const HDFS_READY: &str = "HdfsReady";
    /// The archive's folders exist.
    pub const ARCHIVE_READY: &str = "ArchiveReady";
    /// The exchange lists every symbol. Those that it does not list keep the others from nothing.
    pub const SYMBOLS_KNOWN: &str = "SymbolsKnown";
    /// The last run of compaction merged everything that it could. Only there where compaction is asked for; it keeps
    /// nothing else from being ready.
    pub const COMPACTION_HEALTHY: &str = "CompactionHealthy";
    /// A site is cut off: True is bad. Only there where components name two or more placements.
    pub const SITE_UNREACHABLE: &str = "SiteUnreachable";
    /// Every node that holds a pod of the pipeline is ready.
    pub const NODES_READY: &str = "NodesReady";
    /// Retention or a full disk is about to take records that a lane has not stored: True is bad.
    pub const BUFFER_AT_RISK: &str = "BufferAtRisk";
    /// A store is full within a day at the present rate: True is bad. It keeps nothing else from being ready.
    pub const STORAGE_FILLING: &str = "StorageFilling";
    /// Ingest and processor are up.
    pub const WORKERS_READY: &str = "WorkersReady";
}
