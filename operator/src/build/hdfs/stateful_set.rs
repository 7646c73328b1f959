//! The StatefulSets of the NameNode and of DataNodes (one per rack).

use crds::names::Role;
use k8s_openapi::api::core::v1::{Container, EnvVar};

use super::{CONFIG_PATH, HTTP, SUPERUSER, ports};
use crate::{
    build::{RoleStatefulSet, pod, stateful_set::Engine},
    reconcile::validate::ValidatedPipeline,
};

/// SIGKILL is safe for both: edits are synced before they are acknowledged, half-written blocks are recovered. A clean stop
/// saves a DataNode the scan of its disks.
const GRACE_SECONDS: i64 = 60;

/// The StatefulSets of a role.
pub fn build(pipeline: &ValidatedPipeline, role: Role, config_hash: String) -> Vec<RoleStatefulSet> {
    engine(pipeline, role, config_hash).stateful_sets(pipeline, |_| container(pipeline, role))
}

/// What the StatefulSets of a role are made from.
pub fn engine(pipeline: &ValidatedPipeline, role: Role, config_hash: String) -> Engine<'_> {
    let hdfs = &pipeline.spec.hdfs;
    let storage = if role == Role::NameNode {
        &hdfs.name_node_storage
    } else {
        &hdfs.storage
    };
    Engine {
        role,
        placement: hdfs.placement.as_ref(),
        config_path: CONFIG_PATH,
        config_hash,
        grace_seconds: GRACE_SECONDS,
        storage: storage.size.clone(),
        cluster_id: &pipeline.hdfs_cluster_id,
    }
}

fn container(pipeline: &ValidatedPipeline, role: Role) -> Container {
    let sizing = match role {
        Role::NameNode => &pipeline.sizings.name_node,
        _ => &pipeline.sizings.data_node,
    };
    // The web server opens first and asks nobody.
    let alive = || pod::http_probe(HTTP, "/jmx?qry=java.lang:type=Runtime");
    Container {
        env: Some(env(pipeline, role)),
        ports: Some(pod::ports(&ports(role))),
        resources: Some(sizing.resources.clone()),
        startup_probe: Some(pod::while_starting(alive())),
        liveness_probe: Some(pod::for_liveness(alive())),
        readiness_probe: Some(pod::for_readiness(pod::script_probe("/etc/hadoop/ready.sh"), 5)),
        ..pod::script(image(pipeline), role.as_str(), "/etc/hadoop/start.sh")
    }
}

/// Hadoop's image.
pub fn image(pipeline: &ValidatedPipeline) -> String {
    format!(
        "{}/hadoop:{}",
        pipeline.spec.images.registry, pipeline.spec.hdfs.version
    )
}

/// The environment of a role's containers, the format Job's included.
pub fn env(pipeline: &ValidatedPipeline, role: Role) -> Vec<EnvVar> {
    let mut env = vec![
        pod::env_of_pod("POD_NAME", "metadata.name"),
        pod::env("HADOOP_USER_NAME", SUPERUSER),
    ];
    if role == Role::NameNode {
        env.push(pod::env("CLUSTER_ID", &pipeline.hdfs_cluster_id));
    } else {
        let name_nodes = pipeline.names.name_nodes(pipeline.spec.hdfs.name_nodes);
        let hosts: Vec<_> = name_nodes
            .iter()
            .filter_map(|(_, address)| address.split_once(':'))
            .map(|(host, _)| host)
            .collect();
        env.push(pod::env_of_pod("POD_IP", "status.podIP"));
        env.push(pod::env(
            "SERVICE_HOST",
            pipeline.names.service_host(&pipeline.names.of(role)),
        ));
        env.push(pod::env("NAME_NODE_HOSTS", hosts.join(" ")));
    }
    env
}
