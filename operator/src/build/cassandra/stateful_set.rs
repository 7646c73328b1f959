//! The StatefulSets of Cassandra nodes, one per rack.

use crds::names::{Names, Role};
use k8s_openapi::api::core::v1::Container;

use super::{CONFIG_PATH, DEFAULT_RACK, METRICS, PORTS};
use crate::{
    build::{RoleStatefulSet, pod, rack::Rack, stateful_set::Engine},
    reconcile::validate::ValidatedPipeline,
};

/// The shutdown hook drains: it ends the writes under way and flushes the memtables.
const GRACE_SECONDS: i64 = 300;

/// One StatefulSet per rack.
pub fn build(pipeline: &ValidatedPipeline, config_hash: String) -> Vec<RoleStatefulSet> {
    let cassandra = &pipeline.spec.cassandra;
    let engine = Engine {
        role: Role::Cassandra,
        placement: cassandra.placement.as_ref(),
        config_path: CONFIG_PATH,
        config_hash,
        grace_seconds: GRACE_SECONDS,
        storage: cassandra.storage.size.clone(),
        cluster_id: &pipeline.cassandra_cluster_name,
    };
    engine.stateful_sets(pipeline, |rack| vec![container(pipeline, rack)])
}

fn container(pipeline: &ValidatedPipeline, rack: Option<&Rack>) -> Container {
    let spec = &pipeline.spec;
    let zone = rack.and_then(|rack| rack.zone.as_deref()).unwrap_or(DEFAULT_RACK);
    let image = format!("{}/cassandra:{}", spec.images.registry, spec.cassandra.version);
    // The agent answers while the process lives, whether the node has joined or not.
    let alive = || pod::http_probe(METRICS.0, "/-/healthy");
    Container {
        env: Some(vec![
            pod::env_of_pod("POD_NAME", "metadata.name"),
            pod::env_of_pod("POD_IP", "status.podIP"),
            pod::env(
                "SERVICE_HOST",
                pipeline.names.service_host(&pipeline.names.of(Role::Cassandra)),
            ),
            pod::env("DATACENTER", Names::cassandra_datacenter()),
            pod::env("RACK", zone),
        ]),
        ports: Some(pod::ports(&PORTS)),
        resources: Some(pipeline.sizings.cassandra.resources.clone()),
        // Not the CQL port: it opens once the node has joined, and streaming its share of a large ring may take hours.
        startup_probe: Some(pod::while_starting(alive())),
        liveness_probe: Some(pod::for_liveness(alive())),
        readiness_probe: Some(pod::for_readiness(
            pod::script_probe("/etc/cassandra/ready.sh"),
            5,
        )),
        ..pod::script(image, Role::Cassandra.as_str(), "/etc/cassandra/start.sh")
    }
}
