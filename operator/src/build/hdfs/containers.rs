//! The containers of HDFS' pods: what each runs, and by what it is judged.
//!
//! Alive is what answers at all, whatever its peers do. Ready is what serves: a NameNode that is active, or could be at once;
//! a JournalNode that gets the edits; a ZooKeeper member of a quorum.

use crds::names::Role;
use k8s_openapi::api::core::v1::{Container, EnvVar, Lifecycle, Probe};

use super::{CLIENT, FAILOVER, FAILOVER_PORTS, HTTP, SUPERUSER, ports};
use crate::{
    build::{pod, rack},
    reconcile::validate::{Sizing, ValidatedPipeline},
};

/// Name of the container beside a NameNode, and first part of its files' names.
pub const FAILOVER_CONTROLLER: &str = "zkfc";
/// Where a whole pipeline is deleted, all pods are told to stop at once. What others need goes on for longer: JournalNodes
/// longer than NameNodes, ZooKeeper longer than both.
const JOURNAL_NODE_LINGER_SECONDS: i64 = 10;
const ZOOKEEPER_LINGER_SECONDS: i64 = 15;

/// The containers of a role's pod. The first one has the volume.
pub fn of(pipeline: &ValidatedPipeline, role: Role) -> Vec<Container> {
    let mut containers = vec![member(pipeline, role)];
    if role == Role::NameNode && pipeline.spec.hdfs.is_highly_available() {
        containers.push(failover_controller(pipeline));
    }
    containers
}

fn member(pipeline: &ValidatedPipeline, role: Role) -> Container {
    let alive = || match role {
        Role::ZooKeeper => pod::tcp_probe(CLIENT),
        // The web server opens first and asks nobody.
        _ => pod::http_probe(HTTP, "/jmx?qry=java.lang:type=Runtime"),
    };
    Container {
        ports: Some(pod::ports(&ports(role))),
        readiness_probe: Some(pod::for_readiness(pod::script_probe("/etc/hadoop/ready.sh"), 5)),
        lifecycle: lifecycle(pipeline, role),
        ..container(
            pipeline,
            role,
            sizing(pipeline, role),
            role.as_str(),
            "start.sh",
            alive,
        )
    }
}

fn lifecycle(pipeline: &ValidatedPipeline, role: Role) -> Option<Lifecycle> {
    match role {
        Role::ZooKeeper => Some(pod::linger(ZOOKEEPER_LINGER_SECONDS)),
        Role::JournalNode => Some(pod::linger(JOURNAL_NODE_LINGER_SECONDS)),
        Role::NameNode if pipeline.spec.hdfs.is_highly_available() => {
            Some(pod::script_before_stop("/etc/hadoop/hand-over.sh"))
        }
        _ => None,
    }
}

fn failover_controller(pipeline: &ValidatedPipeline) -> Container {
    let alive = || pod::tcp_probe(FAILOVER);
    let sizing = &pipeline.sizings.failover_controller;
    Container {
        ports: Some(pod::ports(&FAILOVER_PORTS)),
        readiness_probe: Some(pod::for_readiness(alive(), 5)),
        ..container(
            pipeline,
            Role::NameNode,
            sizing,
            FAILOVER_CONTROLLER,
            "zkfc-start.sh",
            alive,
        )
    }
}

fn container(
    pipeline: &ValidatedPipeline,
    role: Role,
    sizing: &Sizing,
    name: &str,
    script: &str,
    alive: impl Fn() -> Probe,
) -> Container {
    Container {
        env: Some(env(pipeline, role)),
        resources: Some(sizing.resources.clone()),
        startup_probe: Some(pod::while_starting(alive())),
        liveness_probe: Some(pod::for_liveness(alive())),
        ..pod::script(image(pipeline), name, &format!("/etc/hadoop/{script}"))
    }
}

/// CPU, memory and heap of a role.
pub const fn sizing(pipeline: &ValidatedPipeline, role: Role) -> &Sizing {
    let sizings = &pipeline.sizings;
    match role {
        Role::ZooKeeper => &sizings.zoo_keeper,
        Role::JournalNode => &sizings.journal_node,
        Role::NameNode => &sizings.name_node,
        _ => &sizings.data_node,
    }
}

/// Hadoop's image.
pub fn image(pipeline: &ValidatedPipeline) -> String {
    format!(
        "{}/hadoop:{}",
        pipeline.spec.images.registry, pipeline.spec.hdfs.version
    )
}

/// The environment of a role's containers, the format Jobs' included.
pub fn env(pipeline: &ValidatedPipeline, role: Role) -> Vec<EnvVar> {
    let names = &pipeline.names;
    let count = rack::replicas(pipeline, role);
    let hosts = |role| names.pod_hosts(role, rack::replicas(pipeline, role)).join(" ");
    let mut env = vec![
        pod::env_of_pod("POD_NAME", "metadata.name"),
        pod::env("HADOOP_USER_NAME", SUPERUSER),
    ];
    match role {
        Role::ZooKeeper => env.push(pod::env("ZOOKEEPER_HOSTS", hosts(role))),
        Role::JournalNode => env.push(pod::env("NAME_SERVICE", names.name_service())),
        Role::NameNode => {
            env.push(pod::env("CLUSTER_ID", &pipeline.hdfs_cluster_id));
            if count > 1 {
                let journal_nodes = names.journal_nodes(rack::replicas(pipeline, Role::JournalNode));
                env.push(pod::env("NAME_NODE_HOSTS", hosts(role)));
                env.push(pod::env("JOURNAL_NODE_HOSTS", journal_nodes.join(" ")));
                env.push(pod::env("ZOOKEEPER_HOSTS", hosts(Role::ZooKeeper)));
            }
        }
        _ => {
            env.push(pod::env("SERVICE_HOST", names.service_host(&names.of(role))));
            env.push(pod::env("NAME_NODE_HOSTS", hosts(Role::NameNode)));
        }
    }
    env
}
