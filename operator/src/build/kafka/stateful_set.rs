//! The StatefulSets of brokers (one per rack) and controllers.

use crds::{names::Role, quantity, spec::Storage};
use k8s_openapi::{
    api::core::v1::{Container, Probe},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{CLIENT, CONFIG_PATH, METRICS, identity, is_combined};
use crate::{
    build::{RoleStatefulSet, pod, rack::Rack, stateful_set::Engine},
    reconcile::validate::ValidatedPipeline,
};

/// Kafka's KRaft page calls this enough for the metadata log.
const CONTROLLER_STORAGE: &str = "5Gi";
/// Kafka's own deadline of a controlled shutdown is five minutes; then logs are flushed.
const BROKER_GRACE_SECONDS: i64 = 330;
const CONTROLLER_GRACE_SECONDS: i64 = 60;
/// A broker's controlled shutdown needs a live quorum, and where a whole pipeline is deleted all pods are told to stop at
/// once. Controllers that stay this much longer spare the brokers the wait for their grace period to end.
const CONTROLLER_LINGER_SECONDS: i64 = 20;

/// The StatefulSets of a role.
pub fn build(
    pipeline: &ValidatedPipeline,
    role: Role,
    ports: &[(&str, u16)],
    config_hash: String,
) -> Vec<RoleStatefulSet> {
    let kafka = &pipeline.spec.kafka;
    let (grace_seconds, storage) = match role {
        Role::KafkaController => (CONTROLLER_GRACE_SECONDS, controller_storage(&kafka.storage)),
        _ => (BROKER_GRACE_SECONDS, kafka.storage.size.clone()),
    };
    let engine = Engine {
        role,
        placement: kafka.placement.as_ref(),
        config_path: CONFIG_PATH,
        config_hash,
        grace_seconds,
        storage,
        cluster_id: &pipeline.kafka_cluster_id,
    };
    engine.stateful_sets(pipeline, |rack| vec![container(pipeline, role, ports, rack)])
}

/// Controllers hold the metadata log only, and never more than a broker would.
fn controller_storage(brokers: &Storage) -> Quantity {
    let enough = Quantity(CONTROLLER_STORAGE.to_owned());
    match (quantity::bytes(&brokers.size), quantity::bytes(&enough)) {
        (Ok(size), Ok(limit)) if size < limit => brokers.size.clone(),
        _ => enough,
    }
}

fn container(
    pipeline: &ValidatedPipeline,
    role: Role,
    ports: &[(&str, u16)],
    rack: Option<&Rack>,
) -> Container {
    let spec = &pipeline.spec;
    let sizing = match role {
        Role::KafkaController => &pipeline.sizings.controller,
        _ => &pipeline.sizings.broker,
    };
    let is_controller = role == Role::KafkaController || is_combined(pipeline);
    let mut env = vec![
        pod::env_of_pod("POD_NAME", "metadata.name"),
        pod::env(
            "SERVICE_HOST",
            pipeline.names.service_host(&pipeline.names.of(role)),
        ),
        pod::env(
            "NODE_ID_OFFSET",
            identity::node_id_offset(role, rack.map_or(0, |rack| rack.index)).to_string(),
        ),
        pod::env("CLUSTER_ID", &pipeline.kafka_cluster_id),
        pod::env("MAY_FOUND_QUORUM", is_controller.to_string()),
    ];
    env.extend(
        rack.and_then(|rack| rack.zone.as_ref())
            .map(|zone| pod::env("RACK", zone)),
    );
    let image = format!("{}/kafka:{}", spec.images.registry, spec.kafka.version);
    // The agent answers while the process lives, whatever its peers do.
    let alive = || pod::http_probe(METRICS.0, "/-/healthy");
    Container {
        env: Some(env),
        ports: Some(pod::ports(ports)),
        resources: Some(sizing.resources.clone()),
        startup_probe: Some(pod::while_starting(alive())),
        liveness_probe: Some(pod::for_liveness(alive())),
        readiness_probe: Some(readiness(role)),
        lifecycle: (role == Role::KafkaController).then(|| pod::linger(CONTROLLER_LINGER_SECONDS)),
        ..pod::script(image, role.as_str(), "/etc/kafka/start.sh")
    }
}

/// A broker opens its clients' port once it is registered, has caught up with the metadata, has recovered its logs and is no
/// longer fenced. A controller opens its port at once, but is of use only as leader or follower of a quorum.
fn readiness(role: Role) -> Probe {
    match role {
        Role::KafkaController => pod::for_readiness(pod::script_probe("/etc/kafka/controller-ready.sh"), 5),
        _ => pod::for_readiness(pod::tcp_probe(CLIENT.0), 3),
    }
}
