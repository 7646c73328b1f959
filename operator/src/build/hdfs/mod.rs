//! HDFS: NameNodes, addressed by a name service from the start, and DataNodes. Two NameNodes share their edits through
//! JournalNodes, and the failover controllers beside them agree through ZooKeeper on which one is active.

mod config_map;
mod containers;
mod format;
mod stateful_set;

use crds::names::{
    DATA_NODE_HTTP_PORT, DATA_NODE_IPC_PORT, DATA_NODE_PORT, JOURNAL_NODE_HTTP_PORT, JOURNAL_NODE_RPC_PORT,
    NAME_NODE_HTTP_PORT, NAME_NODE_RPC_PORT, Role, ZKFC_PORT, ZOOKEEPER_ELECTION_PORT, ZOOKEEPER_PEER_PORT,
    ZOOKEEPER_PORT,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

pub use self::format::{format_job, format_job_name, name_node_claim};
use super::{Resources, metadata, rack, service};
use crate::reconcile::validate::ValidatedPipeline;

/// The superuser of the file system and the owner of the archive. Without Kerberos a user name is whatever the client says.
pub const SUPERUSER: &str = "cryptopipeline";
/// Directory of the roles' files.
const CONFIG_PATH: &str = "/etc/hadoop";
const HTTP: &str = "http";
const CLIENT: &str = "client";
const FAILOVER: &str = "failover";

/// Adds everything that HDFS needs.
pub(super) fn build(pipeline: &ValidatedPipeline, resources: &mut Resources) {
    for &role in roles(pipeline) {
        let files = config_map::files(pipeline, role);
        resources
            .service_accounts
            .push(metadata::service_account(pipeline, role));
        resources
            .services
            .push(service::headless(pipeline, role, &ports(role)));
        resources.pod_disruption_budgets.push(metadata::disruption_budget(
            pipeline,
            role,
            IntOrString::Int(1),
        ));
        resources
            .stateful_sets
            .extend(stateful_set::build(pipeline, role, files.hash()));
        resources
            .config_maps
            .push(files.config_map(pipeline, pipeline.names.of(role), role.as_str()));
    }
    let journal_nodes = rack::members(pipeline, Role::JournalNode);
    resources.services.extend(journal_nodes.iter().map(|member| {
        service::for_pod(
            pipeline,
            &member.pod,
            Role::JournalNode,
            &ports(Role::JournalNode),
        )
    }));
}

/// The roles that have pods, in the order in which they need each other.
fn roles(pipeline: &ValidatedPipeline) -> &'static [Role] {
    if pipeline.spec.hdfs.is_highly_available() {
        &[Role::ZooKeeper, Role::JournalNode, Role::NameNode, Role::DataNode]
    } else {
        &[Role::NameNode, Role::DataNode]
    }
}

fn ports(role: Role) -> Vec<(&'static str, u16)> {
    match role {
        Role::ZooKeeper => vec![
            (CLIENT, ZOOKEEPER_PORT),
            ("peer", ZOOKEEPER_PEER_PORT),
            ("election", ZOOKEEPER_ELECTION_PORT),
        ],
        Role::JournalNode => vec![("rpc", JOURNAL_NODE_RPC_PORT), (HTTP, JOURNAL_NODE_HTTP_PORT)],
        Role::NameNode => vec![("rpc", NAME_NODE_RPC_PORT), (HTTP, NAME_NODE_HTTP_PORT)],
        _ => vec![
            ("data", DATA_NODE_PORT),
            ("ipc", DATA_NODE_IPC_PORT),
            (HTTP, DATA_NODE_HTTP_PORT),
        ],
    }
}

/// The port of the failover controller beside a NameNode.
const FAILOVER_PORTS: [(&str, u16); 1] = [(FAILOVER, ZKFC_PORT)];
