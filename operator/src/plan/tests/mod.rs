//! Order and safety, case by case and for any state of the world.

mod autoscaling;
mod cases;
mod hdfs;
mod properties;
mod restarts;
mod rules;

use std::{collections::BTreeMap, time::Duration};

use crds::names::Role;

use super::*;
use crate::name_node::NameNodeState;

fn member(pod: &str) -> Member {
    Member {
        pod: pod.to_owned(),
        uid: format!("uid-{pod}"),
        ready: true,
        outdated: false,
        terminating: false,
        stuck: None,
        deleted_claim: None,
        unready_for: Duration::ZERO,
    }
}

fn group(role: Role, name: &str, count: i32) -> Group {
    Group {
        refused: None,
        name: name.to_owned(),
        role,
        desired: count,
        live: Some(count),
        claims: count,
        settled: true,
        members: (0..count)
            .map(|ordinal| member(&format!("{name}-{ordinal}")))
            .collect(),
    }
}

fn running(milestones: &[Milestone], groups: Vec<Group>) -> EngineView {
    let record = |milestone: &Milestone| Record {
        milestone: *milestone,
        recorded: true,
        unmarked: false,
    };
    EngineView {
        records: milestones.iter().map(record).collect(),
        unplaceable: None,
        groups,
    }
}

fn worker(role: Role) -> WorkerView {
    WorkerView {
        refused: None,
        name: role.to_string(),
        role,
        exists: true,
        desired: 1,
        ready: 1,
        rolled_out: true,
        stuck: None,
        unplaceable: None,
    }
}

fn missing() -> Bootstrap {
    Bootstrap {
        due: true,
        ..Bootstrap::default()
    }
}

fn done() -> Bootstrap {
    Bootstrap {
        exists: true,
        done: true,
        ..Bootstrap::default()
    }
}

const ACTIVE: NameNodeState = NameNodeState {
    active: true,
    safe_mode: false,
};
const STANDBY: NameNodeState = NameNodeState {
    active: false,
    safe_mode: false,
};

/// Nothing that must happen once is recorded.
fn forget(engine: &mut EngineView) {
    for record in &mut engine.records {
        record.recorded = false;
    }
}

/// The group of a role; of a racked one the first.
fn of(view: &mut View, role: Role) -> &mut Group {
    let engine = Engine::of(role).unwrap();
    let groups = match engine {
        Engine::Kafka => &mut view.kafka.groups,
        Engine::Cassandra => &mut view.cassandra.groups,
        Engine::Hdfs => &mut view.hdfs.groups,
    };
    groups.iter_mut().find(|group| group.role == role).unwrap()
}

/// A pipeline at rest.
fn converged() -> View {
    View {
        refused_formats: BTreeMap::new(),
        kafka: running(
            &[Milestone::KafkaFormed],
            vec![
                group(Role::KafkaController, "controller", 3),
                group(Role::KafkaBroker, "broker", 3),
            ],
        ),
        cassandra: running(
            &[Milestone::CassandraFormed],
            vec![
                group(Role::Cassandra, "cassandra-r0", 2),
                group(Role::Cassandra, "cassandra-r1", 1),
            ],
        ),
        hdfs: running(
            &FormatTarget::ALL.map(FormatTarget::milestone),
            vec![
                group(Role::ZooKeeper, "zookeeper", 3),
                group(Role::JournalNode, "journalnode", 3),
                group(Role::NameNode, "namenode", 2),
                group(Role::DataNode, "datanode", 3),
            ],
        ),
        formats: BTreeMap::new(),
        name_nodes: BTreeMap::from([
            ("namenode-0".to_owned(), ACTIVE),
            ("namenode-1".to_owned(), STANDBY),
        ]),
        topics: done(),
        schema: done(),
        archive: done(),
        workers: vec![worker(Role::Ingest), worker(Role::Processor)],
        archive_lane: true,
        hot_lane: true,
        partitions: Told::Known(vec![]),
        blocks: Told::Known(Blocks {
            reported: ["datanode-0", "datanode-1", "datanode-2"]
                .map(str::to_owned)
                .to_vec(),
            ..Blocks::default()
        }),
        updating: false,
        copying_blocks: false,
        ring: Told::Known(Ring {
            up: ["cassandra-r0-0", "cassandra-r0-1", "cassandra-r1-0"]
                .map(str::to_owned)
                .to_vec(),
            unsettled: None,
        }),
    }
}

/// A pipeline of which nothing exists yet.
fn fresh() -> View {
    let mut view = converged();
    for engine in [&mut view.kafka, &mut view.cassandra, &mut view.hdfs] {
        forget(engine);
        for group in &mut engine.groups {
            group.live = None;
            group.claims = 0;
            group.members.clear();
        }
    }
    view.formats.clear();
    view.name_nodes.clear();
    view.topics = missing();
    view.schema = missing();
    view.archive = missing();
    for worker in &mut view.workers {
        worker.exists = false;
        worker.rolled_out = false;
        worker.ready = 0;
    }
    view
}

fn in_sync(partition: &str, pods: &[&str]) -> Partition {
    Partition {
        name: partition.to_owned(),
        replicas: ["broker-0", "broker-1", "broker-2"].map(str::to_owned).to_vec(),
        in_sync: pods.iter().map(|pod| (*pod).to_owned()).collect(),
        minimum: 2,
    }
}

fn restarts(plan: &Plan) -> Vec<&str> {
    plan.steps
        .iter()
        .filter_map(|step| match step {
            Step::Restart { pod, .. } => Some(pod.as_str()),
            _ => None,
        })
        .collect()
}

fn replicas(plan: &Plan, engine: Engine) -> Vec<i32> {
    plan.steps
        .iter()
        .find_map(|step| match step {
            Step::ApplyEngine { engine: of, replicas } if *of == engine => {
                Some(replicas.values().copied().collect())
            }
            _ => None,
        })
        .unwrap_or_default()
}

fn reason(plan: &Plan, condition: &str) -> Option<&'static str> {
    let awaited = plan.awaited.iter().find(|awaited| awaited.condition == condition);
    awaited.map(|awaited| awaited.reason)
}
