//! HDFS: the archive's file system.

use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{External, SIZE, Storage, resources, rule};

/// The HDFS that keeps the archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    rule("!has(self.replication) || self.replication <= self.dataNodes",
        "hdfs.replication must not exceed hdfs.dataNodes; lower it or add DataNodes"),
    rule("self.dataNodes >= oldSelf.dataNodes",
        "hdfs.dataNodes may not shrink, because each DataNode must be decommissioned first; restore the old value or a larger one"),
    rule("self.nameNodes >= oldSelf.nameNodes",
        "hdfs.nameNodes may not go back to 1, because the JournalNodes hold edits that a single NameNode would not read; restore 2"),
    rule("self.nameNodes == 1 || self.version.startsWith('3.5.')",
        "hdfs.nameNodes 2 needs Hadoop 3.5, where a JournalNode that lost its disk recovers by itself; raise hdfs.version or set hdfs.nameNodes to 1"),
    rule("!has(self.external)",
        "hdfs.external is reserved for a later version; remove it and let the operator run HDFS"),
]))]
pub struct HdfsSpec {
    /// Key of `spec.placements`. Absent: any node. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub placement: Option<String>,
    /// Hadoop's version; the image carries it as its tag.
    #[schemars(length(max = 20))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule(r"self.matches('^3[.][45][.][0-9]+$')",
            "hdfs.version must be of line 3.4 or 3.5, as in 3.5.0; correct it"),
    ]))]
    pub version: String,
    /// 2: high availability, with a failover controller beside each NameNode, three JournalNodes and three ZooKeeper members.
    /// 1: a single NameNode, whose disk is the archive's only index. May go from 1 to 2, never back. Clients address the name
    /// service either way.
    #[schemars(range(min = 1, max = 2))]
    pub name_nodes: i32,
    /// Number of DataNodes over all racks.
    #[schemars(range(min = 1, max = 999))]
    pub data_nodes: i32,
    /// Copies of each block. Absent: 3, or the number of DataNodes where that is smaller.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9))]
    pub replication: Option<i32>,
    /// Each DataNode's volume.
    pub storage: Storage,
    /// Each NameNode's volume, which holds the index of the archive. JournalNodes and ZooKeeper get small volumes, no larger
    /// than this.
    pub name_node_storage: Storage,
    /// CPU and memory of one DataNode. Absent: 100m CPU, 1Gi memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub resources: Option<ResourceRequirements>,
    /// CPU and memory of one NameNode. Absent: 250m CPU, 1Gi memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub name_node_resources: Option<ResourceRequirements>,
    /// CPU and memory of the failover controller beside each NameNode. Absent: 50m CPU, 256Mi memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub failover_controller_resources: Option<ResourceRequirements>,
    /// CPU and memory of one JournalNode. Absent: 100m CPU, 512Mi memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub journal_node_resources: Option<ResourceRequirements>,
    /// CPU and memory of one ZooKeeper member. Absent: 100m CPU, 512Mi memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub zoo_keeper_resources: Option<ResourceRequirements>,
    /// Java heap of one DataNode. Absent: half of its memory limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 20), regex(pattern = SIZE))]
    pub heap_size: Option<Quantity>,
    /// The folder of the archive. Immutable.
    #[schemars(length(min = 2, max = 200))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule("self == oldSelf",
            "hdfs.archivePath is immutable, because its files stay in the old folder; restore the old value"),
        rule(r"self.matches('^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$')",
            "hdfs.archivePath must be an absolute folder without a slash at its end, of letters, digits, dot, dash and underscore, no part starting with a dot; write it as in /crypto_data/trades"),
    ]))]
    pub archive_path: String,
    /// Reserved: an HDFS that runs elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
}

impl Default for HdfsSpec {
    fn default() -> Self {
        Self {
            placement: None,
            version: "3.5.0".to_owned(),
            name_nodes: 2,
            data_nodes: 3,
            replication: None,
            storage: Storage::of("1Ti"),
            name_node_storage: Storage::of("20Gi"),
            resources: None,
            name_node_resources: None,
            failover_controller_resources: None,
            journal_node_resources: None,
            zoo_keeper_resources: None,
            heap_size: None,
            archive_path: "/crypto_data/trades".to_owned(),
            external: None,
        }
    }
}

impl HdfsSpec {
    /// Whether a second NameNode takes over when the first is away.
    pub const fn is_highly_available(&self) -> bool {
        self.name_nodes > 1
    }

    /// JournalNodes, and as many ZooKeeper members: three, one of which may be away; none for a single NameNode.
    pub const fn quorum_members(&self) -> i32 {
        if self.is_highly_available() { 3 } else { 0 }
    }

    /// Copies of each block: as asked for, else 3 or the number of DataNodes where that is smaller.
    pub fn replication(&self) -> i32 {
        self.replication.unwrap_or_else(|| self.data_nodes.min(3))
    }
}
