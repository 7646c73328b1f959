//! Cassandra: the store for queries now.

use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{External, SIZE, Storage, resources, rule};
use crate::duration::HumanDuration;

/// The Cassandra cluster with the tables `trades`, `candles`, `latest` and `gaps`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    rule("!has(self.replicationFactor) || self.replicationFactor <= self.nodes",
        "cassandra.replicationFactor must not exceed cassandra.nodes; lower it or add nodes"),
    rule("self.nodes >= oldSelf.nodes",
        "cassandra.nodes may not shrink, because each node must hand over its data first; restore the old value or a larger one"),
    rule("self.tradeRetention.endsWith('h') || self.tradeRetention.endsWith('d')",
        "cassandra.tradeRetention must be in whole hours or days, because rows are bucketed by the hour; write it as in 12h or 30d"),
    rule("!has(self.external)",
        "cassandra.external is reserved for a later version; remove it and let the operator run Cassandra"),
]))]
pub struct CassandraSpec {
    /// Key of `spec.placements`. Absent: any node. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub placement: Option<String>,
    /// Cassandra's version; the image carries it as its tag.
    #[schemars(length(max = 20))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule(r"self.matches('^5[.]0[.][0-9]+$')",
            "cassandra.version must be of line 5.0, as in 5.0.9; correct it"),
    ]))]
    pub version: String,
    /// Number of nodes over all racks.
    #[schemars(range(min = 1, max = 99))]
    pub nodes: i32,
    /// Each node's volume.
    pub storage: Storage,
    /// CPU and memory of one node. Absent: 500m CPU, 3Gi memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub resources: Option<ResourceRequirements>,
    /// Java heap of one node. Absent: half of what the memory limit leaves above 1 GiB, which leaves room for off-heap memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 20), regex(pattern = SIZE))]
    pub heap_size: Option<Quantity>,
    /// The keyspace that the operator creates. Immutable.
    #[schemars(length(min = 1, max = 48), regex(pattern = r"^[a-z][a-z0-9_]*$"))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule("self == oldSelf",
            "cassandra.keyspace is immutable, because its rows stay under the old name; restore the old value"),
        rule("!self.startsWith('system')",
            "cassandra.keyspace may not start with system, which Cassandra keeps for itself; choose another name"),
    ]))]
    pub keyspace: String,
    /// Copies of each row. Absent: 3, or the number of nodes where that is smaller. Raised on a live keyspace, never lowered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9))]
    pub replication_factor: Option<i32>,
    /// How long rows of `trades` stay.
    pub trade_retention: HumanDuration,
    /// Reserved: a Cassandra that runs elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
}

impl Default for CassandraSpec {
    fn default() -> Self {
        Self {
            placement: None,
            version: "5.0.9".to_owned(),
            nodes: 3,
            storage: Storage::of("200Gi"),
            resources: None,
            heap_size: None,
            keyspace: "crypto_ks".to_owned(),
            replication_factor: None,
            trade_retention: crate::duration::days(30),
            external: None,
        }
    }
}

impl CassandraSpec {
    /// Copies of each row: as asked for, else 3 or the number of nodes where that is smaller.
    pub fn replication_factor(&self) -> i32 {
        self.replication_factor.unwrap_or_else(|| self.nodes.min(3))
    }
}
