//! Kafka: brokers and the KRaft quorum.

mod config_map;
mod identity;
mod jmx;
mod stateful_set;

use crds::names::{JMX_EXPORTER_PORT, KAFKA_CONTROLLER_PORT, KAFKA_PORT, Role};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

pub use self::identity::{bootstrap_servers, node_id};
use super::{Resources, metadata, service};
use crate::reconcile::validate::ValidatedPipeline;

/// Directory of the role's files.
const CONFIG_PATH: &str = "/etc/kafka";
const CLIENT: (&str, u16) = ("client", KAFKA_PORT);
const CONTROLLER: (&str, u16) = ("controller", KAFKA_CONTROLLER_PORT);
const METRICS: (&str, u16) = ("metrics", JMX_EXPORTER_PORT);

/// Adds everything that Kafka needs.
pub(super) fn build(pipeline: &ValidatedPipeline, resources: &mut Resources) {
    for role in roles(pipeline) {
        let ports = ports(pipeline, role);
        resources
            .service_accounts
            .push(metadata::service_account(pipeline, role));
        resources.services.push(service::headless(pipeline, role, &ports));
        resources.pod_disruption_budgets.push(metadata::disruption_budget(
            pipeline,
            role,
            IntOrString::Int(1),
        ));
        let files = config_map::files(pipeline, role);
        resources
            .stateful_sets
            .extend(stateful_set::build(pipeline, role, &ports, files.hash()));
        resources
            .config_maps
            .push(files.config_map(pipeline, pipeline.names.of(role), role.as_str()));
    }
    resources.services.push(service::for_clients(
        pipeline,
        pipeline.names.kafka_bootstrap(),
        Role::KafkaBroker,
        &[CLIENT],
    ));
}

/// Whether brokers are controllers too.
pub(super) fn is_combined(pipeline: &ValidatedPipeline) -> bool {
    pipeline.spec.kafka.controllers == 0
}

/// The role whose members form the quorum.
fn quorum_role(pipeline: &ValidatedPipeline) -> Role {
    if is_combined(pipeline) {
        Role::KafkaBroker
    } else {
        Role::KafkaController
    }
}

/// The roles that have pods of their own, controllers first: brokers wait for them.
fn roles(pipeline: &ValidatedPipeline) -> Vec<Role> {
    if is_combined(pipeline) {
        vec![Role::KafkaBroker]
    } else {
        vec![Role::KafkaController, Role::KafkaBroker]
    }
}

fn ports(pipeline: &ValidatedPipeline, role: Role) -> Vec<(&'static str, u16)> {
    match role {
        Role::KafkaController => vec![CONTROLLER, METRICS],
        _ if is_combined(pipeline) => vec![CLIENT, CONTROLLER, METRICS],
        _ => vec![CLIENT, METRICS],
    }
}
