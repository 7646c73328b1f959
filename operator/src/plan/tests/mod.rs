//! Order and safety, case by case and for any state of the world.

mod cases;
mod properties;

use crds::names::Role;

use super::*;

fn member(pod: &str) -> Member {
    Member {
        pod: pod.to_owned(),
        uid: format!("uid-{pod}"),
        ready: true,
        outdated: false,
        terminating: false,
        stuck: None,
    }
}

fn group(role: Role, name: &str, count: i32) -> Group {
    Group {
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

fn running(groups: Vec<Group>) -> EngineView {
    EngineView {
        formed: true,
        groups,
        ..EngineView::default()
    }
}

fn worker(role: Role) -> WorkerView {
    WorkerView {
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
        done: true,
        ..Bootstrap::default()
    }
}

/// A pipeline at rest.
fn converged() -> View {
    View {
        kafka: running(vec![
            group(Role::KafkaController, "controller", 3),
            group(Role::KafkaBroker, "broker", 3),
        ]),
        cassandra: running(vec![
            group(Role::Cassandra, "cassandra-r0", 2),
            group(Role::Cassandra, "cassandra-r1", 1),
        ]),
        hdfs: running(vec![
            group(Role::NameNode, "namenode", 1),
            group(Role::DataNode, "datanode", 3),
        ]),
        format: Format::Succeeded,
        topics: done(),
        schema: done(),
        archive: done(),
        workers: vec![worker(Role::Ingest), worker(Role::Processor)],
        archive_lane: true,
        hot_lane: true,
        partitions: None,
        min_in_sync_replicas: 2,
    }
}

/// A pipeline of which nothing exists yet.
fn fresh() -> View {
    let mut view = converged();
    for engine in [&mut view.kafka, &mut view.cassandra, &mut view.hdfs] {
        engine.formed = false;
        for group in &mut engine.groups {
            group.live = None;
            group.claims = 0;
            group.members.clear();
        }
    }
    view.format = Format::Absent;
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
