//! Cassandra: one StatefulSet per rack.
//!
//! Clients are not authenticated (`AllowAllAuthenticator`): who may reach the CQL port is for network policies to say.

mod config_map;
mod jmx;
mod stateful_set;

use crds::names::{CASSANDRA_INTERNODE_PORT, CQL_PORT, JMX_EXPORTER_PORT, Role};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Resources, metadata, rack, service};
use crate::reconcile::validate::ValidatedPipeline;

/// Directory of the role's files.
const CONFIG_PATH: &str = "/etc/cassandra";
const CQL: (&str, u16) = ("cql", CQL_PORT);
const INTERNODE: (&str, u16) = ("internode", CASSANDRA_INTERNODE_PORT);
const METRICS: (&str, u16) = ("metrics", JMX_EXPORTER_PORT);
const PORTS: [(&str, u16); 3] = [CQL, INTERNODE, METRICS];
/// Rack of nodes whose site has no zones.
const DEFAULT_RACK: &str = "rack1";
/// How many nodes are named to clients as first contacts.
const CONTACT_POINTS: usize = 3;

/// Adds everything that Cassandra needs.
pub(super) fn build(pipeline: &ValidatedPipeline, resources: &mut Resources) {
    let role = Role::Cassandra;
    let files = config_map::files(pipeline);
    resources
        .service_accounts
        .push(metadata::service_account(pipeline, role));
    resources.services.push(service::headless(pipeline, role, &PORTS));
    resources
        .pod_disruption_budgets
        .push(metadata::disruption_budget(pipeline, role, IntOrString::Int(1)));
    resources
        .stateful_sets
        .extend(stateful_set::build(pipeline, files.hash()));
    resources
        .config_maps
        .push(files.config_map(pipeline, pipeline.names.of(role), role.as_str()));
}

/// `host:port` of the nodes that clients contact first, from different racks where there are some.
pub fn contact_points(pipeline: &ValidatedPipeline) -> Vec<String> {
    rack::members(pipeline, Role::Cassandra)
        .iter()
        .take(CONTACT_POINTS)
        .map(|member| format!("{}:{CQL_PORT}", member.host))
        .collect()
}
