//! The StatefulSets of HDFS: one for each role, of DataNodes one per rack.

use crds::{names::Role, quantity, spec::Storage};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{CONFIG_PATH, containers};
use crate::{
    build::{RoleStatefulSet, stateful_set::Engine},
    reconcile::validate::ValidatedPipeline,
};

/// SIGKILL is safe for all: edits are synced before they are acknowledged, half-written blocks are recovered. A clean stop
/// saves a DataNode the scan of its disks, and lets a NameNode hand over.
const GRACE_SECONDS: i64 = 60;
/// A million edits, which is what JournalNodes keep for a NameNode that was away, take less.
const JOURNAL_NODE_STORAGE: &str = "10Gi";
/// One node, and the log of who held it.
const ZOOKEEPER_STORAGE: &str = "1Gi";

/// The StatefulSets of a role.
pub fn build(pipeline: &ValidatedPipeline, role: Role, config_hash: String) -> Vec<RoleStatefulSet> {
    engine(pipeline, role, config_hash).stateful_sets(pipeline, |_| containers::of(pipeline, role))
}

/// What the StatefulSets of a role are made from.
pub fn engine(pipeline: &ValidatedPipeline, role: Role, config_hash: String) -> Engine<'_> {
    let hdfs = &pipeline.spec.hdfs;
    let storage = match role {
        Role::ZooKeeper => at_most(ZOOKEEPER_STORAGE, &hdfs.name_node_storage),
        Role::JournalNode => at_most(JOURNAL_NODE_STORAGE, &hdfs.name_node_storage),
        Role::NameNode => hdfs.name_node_storage.size.clone(),
        _ => hdfs.storage.size.clone(),
    };
    Engine {
        role,
        placement: hdfs.placement.as_ref(),
        config_path: CONFIG_PATH,
        config_hash,
        grace_seconds: GRACE_SECONDS,
        storage,
        cluster_id: &pipeline.hdfs_cluster_id,
    }
}

/// So much, and never more than a NameNode gets.
fn at_most(enough: &str, name_nodes: &Storage) -> Quantity {
    let enough = Quantity(enough.to_owned());
    match (quantity::bytes(&name_nodes.size), quantity::bytes(&enough)) {
        (Ok(size), Ok(limit)) if size < limit => name_nodes.size.clone(),
        _ => enough,
    }
}
