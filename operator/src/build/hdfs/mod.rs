//! HDFS: one NameNode, addressed by a name service from the start, and DataNodes.

mod config_map;
mod format;
mod stateful_set;

use crds::names::{
    DATA_NODE_HTTP_PORT, DATA_NODE_IPC_PORT, DATA_NODE_PORT, NAME_NODE_HTTP_PORT, NAME_NODE_RPC_PORT, Role,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

pub use self::format::{format_job, format_job_name, name_node_claim};
use super::{Resources, metadata, service};
use crate::reconcile::validate::ValidatedPipeline;

/// The superuser of the file system and the owner of the archive. Without Kerberos a user name is whatever the client says.
pub const SUPERUSER: &str = "cryptopipeline";
/// Directory of the roles' files.
const CONFIG_PATH: &str = "/etc/hadoop";
const HTTP: &str = "http";

/// Adds everything that HDFS needs.
pub(super) fn build(pipeline: &ValidatedPipeline, resources: &mut Resources) {
    for role in [Role::NameNode, Role::DataNode] {
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
}

fn ports(role: Role) -> Vec<(&'static str, u16)> {
    if role == Role::NameNode {
        vec![("rpc", NAME_NODE_RPC_PORT), (HTTP, NAME_NODE_HTTP_PORT)]
    } else {
        vec![
            ("data", DATA_NODE_PORT),
            ("ipc", DATA_NODE_IPC_PORT),
            (HTTP, DATA_NODE_HTTP_PORT),
        ]
    }
}
