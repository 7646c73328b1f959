//! A named site: which nodes it has, and what a pod must tolerate to run there.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, Toleration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::rule;

/// A site. A component runs on exactly one, so that no quorum is ever split over two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    rule("!has(self.nodeExpressions) || self.nodeExpressions.all(e, e.operator in ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'])",
        "placements.*.nodeExpressions.*.operator must be one of In, NotIn, Exists, DoesNotExist, Gt, Lt; correct it"),
    rule("!has(self.nodeExpressions) || self.nodeExpressions.all(e, (e.operator in ['Exists', 'DoesNotExist']) == (!has(e.values) || size(e.values) == 0))",
        "placements.*.nodeExpressions.*.values must be empty for Exists and DoesNotExist and must not be for other operators; correct them"),
    rule("self.zoneLabel == oldSelf.zoneLabel",
        "placements.*.zoneLabel is immutable, because volumes stay in the zones that they were made in; \
         restore the old value, or add another placement for what may move"),
    rule("has(self.storageClassName) == has(oldSelf.storageClassName) \
          && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
        "placements.*.storageClassName is immutable, because volumes stay in the class that they were made in; \
         restore the old value, or create a new pipeline with it"),
]))]
pub struct Placement {
    /// Labels that a node must carry. All of them are part of every term of the required node affinity.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub node_labels: BTreeMap<String, String>,
    /// Further requirements on nodes, which must all hold too, for example
    /// `{key: eks.amazonaws.com/compute-type, operator: NotIn, values: [hybrid]}`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub node_expressions: Vec<NodeSelectorRequirement>,
    /// Taints of the site's nodes that pods tolerate.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub tolerations: Vec<Toleration>,
    /// Node label that names the failure zone. Pods spread over it; it is Kafka's `broker.rack`, Cassandra's rack and HDFS' rack.
    /// Immutable.
    #[schemars(length(min = 1, max = 317))]
    pub zone_label: String,
    /// The zones to use, in order. Empty: the zones of the site's nodes when the pipeline is first reconciled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 9), extend("x-kubernetes-list-type" = "set"), inner(length(min = 1, max = 63)))]
    pub zones: Vec<String>,
    /// Storage class of the volumes of stores placed here. Absent: the cluster's default class. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub storage_class_name: Option<String>,
}

impl Default for Placement {
    fn default() -> Self {
        Self {
            node_labels: BTreeMap::new(),
            node_expressions: vec![],
            tolerations: vec![],
            zone_label: "topology.kubernetes.io/zone".to_owned(),
            zones: vec![],
            storage_class_name: None,
        }
    }
}
