//! The custom resource `CryptoPipeline` and its rules over several fields. Rules inside one component stand in that
//! component's module. Every rule is CEL in the CRD, so the API server refuses a wrong manifest without a webhook.

mod autoscaling;
mod cassandra;
mod common;
mod exchange;
mod hdfs;
mod ingest;
mod kafka;
mod placement;
mod processor;
mod replay;

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::common::rule;
pub use self::{
    autoscaling::Autoscaling,
    cassandra::CassandraSpec,
    common::{DeletionPolicy, External, Images, PullPolicy, Storage},
    exchange::{Endpoints, Exchange, GapPolicy},
    hdfs::HdfsSpec,
    ingest::{IngestBuffer, IngestSpec, StartFrom},
    kafka::{KafkaSpec, TopicSpec, Topics},
    placement::Placement,
    processor::{ArchiveLane, HotLane, ProcessorSpec},
    replay::{Recording, Replay, ReplayFormat, TradeSource},
};
use crate::status::CryptoPipelineStatus;

/// A whole crypto-market data platform: exchange feed, Kafka, processor, Cassandra and an HDFS archive.
#[derive(CustomResource, JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "cryptopipeline.dev",
    version = "v1alpha1",
    kind = "CryptoPipeline",
    plural = "cryptopipelines",
    shortname = "cpl",
    doc = "A whole crypto-market data platform: exchange feed, Kafka, processor, Cassandra and an HDFS archive.",
    namespaced,
    status = "CryptoPipelineStatus",
    derive = "PartialEq",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Kafka", type_ = "string", json_path = ".status.components.kafka.summary"),
    printcolumn(name = "Cassandra", type_ = "string", json_path = ".status.components.cassandra.summary"),
    printcolumn(name = "HDFS", type_ = "string", json_path = ".status.components.hdfs.summary"),
    printcolumn(name = "Trades", type_ = "integer", json_path = ".status.dataFlow.archivedTrades"),
    printcolumn(name = "Missing", type_ = "integer", json_path = ".status.dataFlow.missingIds"),
    printcolumn(name = "Lag", type_ = "integer", json_path = ".status.dataFlow.archiveLagSeconds"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 30")
        .message("metadata.name must be at most 30 characters long, because the names of pods are made from it; choose a shorter name")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules()))]
pub struct CryptoPipelineSpec {
    /// Named sites. The key is the name that components refer to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub placements: BTreeMap<String, Placement>,
    /// Where container images come from.
    #[serde(default)]
    pub images: Images,
    /// The exchange feed.
    pub ingest: IngestSpec,
    /// The log between the exchange and the sinks.
    #[serde(default)]
    pub kafka: KafkaSpec,
    /// The workers that move trades from Kafka into Cassandra and the archive.
    #[serde(default)]
    pub processor: ProcessorSpec,
    /// The store for queries now.
    #[serde(default)]
    pub cassandra: CassandraSpec,
    /// The archive's file system.
    #[serde(default)]
    pub hdfs: HdfsSpec,
    /// The DNS domain of the Kubernetes cluster. Immutable: engines store host names as data.
    #[serde(default = "default_cluster_domain")]
    #[schemars(length(min = 1, max = 64))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule(r"self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
            "clusterDomain must be a DNS domain without a dot at its ends; write it as in cluster.local"),
    ]))]
    pub cluster_domain: String,
    /// While true the operator observes and reports, and changes nothing.
    #[serde(default)]
    pub paused: bool,
    /// What happens to the volumes when the object is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

fn default_cluster_domain() -> String {
    "cluster.local".to_owned()
}

/// Rules over several components.
fn rules() -> Vec<serde_json::Value> {
    let mut rules: Vec<_> = ["ingest", "kafka", "processor", "cassandra", "hdfs"]
        .map(placement_exists)
        .into();
    rules.extend(["kafka", "cassandra", "hdfs"].map(placement_is_immutable));
    rules.push(rule(
        "self.clusterDomain == oldSelf.clusterDomain",
        "spec.clusterDomain is immutable, because engines store host names as data; restore the old value",
    ));
    rules
}

fn placement_exists(component: &str) -> serde_json::Value {
    rule(
        &format!(
            "!has(self.{component}.placement) || (has(self.placements) && self.{component}.placement in self.placements)"
        ),
        &format!(
            "spec.{component}.placement must be a key of spec.placements; add the placement or correct the name"
        ),
    )
}

fn placement_is_immutable(component: &str) -> serde_json::Value {
    rule(
        &format!(
            "has(self.{component}.placement) == has(oldSelf.{component}.placement) \
             && (!has(self.{component}.placement) || self.{component}.placement == oldSelf.{component}.placement)"
        ),
        &format!(
            "spec.{component}.placement is immutable, because its data cannot follow; \
             restore the old value or create a new pipeline"
        ),
    )
}
