//! From the objects that were read to the view that a plan is made from. Pure.

use std::{collections::BTreeMap, time::Duration};

use crds::names::{LABEL_COMPONENT, Role};
use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    batch::v1::Job,
    core::v1::{Container, ContainerStatus, Pod},
};
use kube::ResourceExt;

use super::{dereference::Observed, identity, validate::ValidatedPipeline};
use crate::{
    build::{self, Resources, RoleDeployment, RoleStatefulSet},
    engine::{Engine, named_placement},
    milestone::{FormatTarget, Milestone},
    name_node::NameNodeState,
    placement,
    plan::{Bootstrap, EngineView, Group, JobState, Member, Part, Record, Told, View, WorkerView},
};

/// What the view is made from.
pub struct Sources<'a> {
    /// What is asked for.
    pub pipeline: &'a ValidatedPipeline,
    /// The objects that it needs.
    pub resources: &'a Resources,
    /// The objects that exist.
    pub observed: &'a Observed,
    /// What NameNodes say of themselves, by pod.
    pub name_nodes: &'a BTreeMap<String, NameNodeState>,
    /// How a part in its engines stands.
    pub part: &'a dyn Fn(Part) -> Bootstrap,
    /// When the objects were read.
    pub now: Timestamp,
}

/// The view, without what engines tell of their data.
pub fn view(sources: &Sources<'_>) -> View {
    let Sources {
        pipeline, observed, ..
    } = sources;
    let spec = &pipeline.spec;
    View {
        kafka: engine(Engine::Kafka, sources),
        cassandra: engine(Engine::Cassandra, sources),
        hdfs: engine(Engine::Hdfs, sources),
        formats: FormatTarget::ALL
            .into_iter()
            .filter_map(|target| {
                let name = build::hdfs::format_job_name(&pipeline.names, target);
                Some((target, job(observed.jobs.get(&name)?)))
            })
            .collect(),
        refused_formats: FormatTarget::ALL
            .into_iter()
            .filter_map(|target| {
                let name = build::hdfs::format_job_name(&pipeline.names, target);
                Some((target, observed.refused_pods.get(&name)?.clone()))
            })
            .collect(),
        name_nodes: sources.name_nodes.clone(),
        topics: (sources.part)(Part::Topics),
        schema: (sources.part)(Part::Schema),
        archive: (sources.part)(Part::Archive),
        workers: sources
            .resources
            .deployments
            .iter()
            .map(|wanted| worker(wanted, sources))
            .collect(),
        archive_lane: spec.processor.archive.enabled,
        hot_lane: spec.processor.hot.enabled,
        partitions: Told::default(),
        blocks: Told::default(),
        updating: false,
        copying_blocks: false,
        ring: Told::default(),
    }
}

fn engine(engine: Engine, sources: &Sources<'_>) -> EngineView {
    let spec = &sources.pipeline.spec;
    let mut groups: Vec<_> = sources
        .resources
        .stateful_sets
        .iter()
        .filter(|wanted| Engine::of(wanted.role) == Some(engine))
        .map(|wanted| group(wanted, sources.observed, sources.now))
        .collect();
    let order = |role: Role| engine.roles().iter().position(|other| *other == role);
    groups.sort_by_key(|group| order(group.role));
    // Without a second NameNode, JournalNodes and ZooKeeper have no milestone.
    let records = Milestone::ALL
        .into_iter()
        .filter(|milestone| milestone.engine() == engine)
        .filter(|milestone| groups.iter().any(|group| milestone.roles().contains(&group.role)))
        .map(|milestone| record(milestone, sources))
        .collect();
    EngineView {
        records,
        unplaceable: unplaceable(sources, &engine.to_string(), engine.placement_name(spec)),
        groups,
    }
}

fn record(milestone: Milestone, sources: &Sources<'_>) -> Record {
    Record {
        milestone,
        recorded: milestone.is_recorded(&sources.pipeline.facts.identity),
        unmarked: identity::of_roles(milestone.roles(), &sources.observed.claims)
            .any(|claim| !identity::is_marked(claim)),
    }
}

/// Why no node can take the pods of a component.
fn unplaceable(sources: &Sources<'_>, component: &str, name: Option<&str>) -> Option<String> {
    let placement = named_placement(&sources.pipeline.spec, name);
    if placement::nodes(&placement, &sources.observed.sites)
        .next()
        .is_some()
    {
        return None;
    }
    Some(format!(
        "{component} waits for a node of placement {}: {}",
        name.unwrap_or("(none named)"),
        placement::describe(&placement)
    ))
}

fn group(wanted: &RoleStatefulSet, observed: &Observed, now: Timestamp) -> Group {
    let name = wanted.object.name_any();
    let live = observed.stateful_sets.get(&name);
    let claims = observed
        .claims
        .keys()
        .filter(|claim| ordinal(claim, &format!("data-{name}-")).is_some())
        .count();
    let mut members: Vec<_> = observed
        .pods
        .values()
        .filter(|pod| owned_by(pod, "StatefulSet", &name))
        .map(|pod| {
            (
                ordinal(&pod.name_any(), &format!("{name}-")),
                member(pod, live, observed, now),
            )
        })
        .collect();
    members.sort_by_key(|(ordinal, _)| *ordinal);
    Group {
        role: wanted.role,
        desired: replicas(&wanted.object),
        live: live.map(replicas),
        claims: i32::try_from(claims).unwrap_or(i32::MAX),
        settled: live.is_none_or(settled),
        refused: observed.refused_pods.get(&name).cloned(),
        members: members.into_iter().map(|(_, member)| member).collect(),
        name,
    }
}

fn ordinal(name: &str, prefix: &str) -> Option<u32> {
    name.strip_prefix(prefix)?.parse().ok()
}

fn replicas(set: &StatefulSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0)
}

fn settled(set: &StatefulSet) -> bool {
    let seen = set.status.as_ref().and_then(|status| status.observed_generation);
    seen.is_some() && seen == set.metadata.generation
}

fn owned_by(pod: &Pod, kind: &str, name: &str) -> bool {
    pod.owner_references()
        .iter()
        .any(|owner| owner.kind == kind && owner.name == name)
}

fn member(pod: &Pod, set: Option<&StatefulSet>, observed: &Observed, now: Timestamp) -> Member {
    let newest = set
        .and_then(|set| set.status.as_ref())
        .and_then(|status| status.update_revision.as_ref());
    let revision = pod.labels().get("controller-revision-hash");
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let claim = observed.claims.get(&format!("data-{}", pod.name_any()));
    let deleted = claim.filter(|claim| claim.metadata.deletion_timestamp.is_some());
    Member {
        pod: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        ready: ready(pod) && !terminating,
        outdated: newest.is_some() && revision != newest,
        terminating,
        stuck: stuck(pod),
        deleted_claim: deleted.map(ResourceExt::name_any),
        unready_for: unready_for(pod, now),
    }
}

/// Since its readiness was lost, or since it is there.
fn unready_for(pod: &Pod, now: Timestamp) -> Duration {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let unready = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition.type_ == "Ready" && condition.status != "True");
    let since = unready.and_then(|condition| condition.last_transition_time.as_ref());
    since.map_or(Duration::ZERO, |since| {
        Duration::try_from(now.duration_since(since.0)).unwrap_or_default()
    })
}

/// The readiness probes of all containers pass.
pub fn ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Its containers have ended for good: an evicted pod that nobody has removed yet.
pub fn ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// The pods of a role, without those that are on their way out.
pub fn running(observed: &Observed, role: Role) -> impl Iterator<Item = &Pod> {
    observed.pods.values().filter(move |pod| {
        let component = pod.labels().get(LABEL_COMPONENT).map(String::as_str);
        component == Some(role.as_str()) && pod.metadata.deletion_timestamp.is_none() && !ended(pod)
    })
}

/// Why a pod cannot run and will not without a change: its image or configuration is bad, it crashes at once, or no
/// node takes it.
fn stuck(pod: &Pod) -> Option<String> {
    const WAITING: [&str; 7] = [
        "ImagePullBackOff",
        "ErrImagePull",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
    ];
    let status = pod.status.as_ref()?;
    let main = main_container(pod);
    let own = |container: &&ContainerStatus| main.is_none_or(|main| container.name == main);
    let before = status.init_container_statuses.iter().flatten();
    let waiting = before
        .chain(status.container_statuses.iter().flatten().filter(own))
        .filter_map(|container: &ContainerStatus| container.state.as_ref()?.waiting.as_ref())
        .find(|waiting| {
            waiting
                .reason
                .as_deref()
                .is_some_and(|reason| WAITING.contains(&reason))
        });
    if let Some(waiting) = waiting {
        return waiting.reason.clone();
    }
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")?;
    let message = unscheduled.message.clone().unwrap_or_default();
    Some(format!("Unschedulable: {message}"))
}

/// The container that has the volume, or the only one of a worker: what runs beside it, a failover controller or what others
/// inject, keeps the member from nothing.
fn main_container(pod: &Pod) -> Option<&str> {
    let containers = &pod.spec.as_ref()?.containers;
    let mounts_data = |container: &&Container| {
        let mut mounts = container.volume_mounts.iter().flatten();
        mounts.any(|mount| mount.name == build::DATA)
    };
    let main = containers
        .iter()
        .find(mounts_data)
        .or_else(|| containers.first())?;
    Some(&main.name)
}

fn job(job: &Job) -> JobState {
    let holds = |type_: &str| {
        let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
        conditions
            .into_iter()
            .flatten()
            .any(|condition| condition.type_ == type_ && condition.status == "True")
    };
    if holds("Complete") {
        JobState::Succeeded
    } else if holds("Failed") {
        JobState::Failed
    } else {
        JobState::Running
    }
}

fn worker(wanted: &RoleDeployment, sources: &Sources<'_>) -> WorkerView {
    let observed = sources.observed;
    let spec = &sources.pipeline.spec;
    let placement = match wanted.role {
        Role::Ingest => spec.ingest.placement.as_deref(),
        _ => spec.processor.placement.as_deref(),
    };
    let name = wanted.object.name_any();
    let live = observed.deployments.get(&name);
    let desired = wanted
        .object
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1);
    let component = wanted.role.as_str();
    let stuck = observed
        .pods
        .values()
        .filter(|pod| pod.labels().get(LABEL_COMPONENT).map(String::as_str) == Some(component))
        .find_map(|pod| stuck(pod).map(|why| format!("pod {}: {why}", pod.name_any())));
    WorkerView {
        role: wanted.role,
        exists: live.is_some(),
        desired,
        ready: live
            .and_then(|live| live.status.as_ref())
            .and_then(|status| status.ready_replicas)
            .unwrap_or(0),
        rolled_out: live.is_some_and(|live| rolled_out(live, desired)),
        stuck,
        refused: observed.refused_pods.get(&name).cloned(),
        unplaceable: unplaceable(sources, component, placement),
        name,
    }
}

fn rolled_out(live: &Deployment, desired: i32) -> bool {
    let status = live.status.clone().unwrap_or_default();
    status.observed_generation == live.metadata.generation
        && status.updated_replicas.unwrap_or(0) == desired
        && status.replicas.unwrap_or(0) == desired
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A NameNode's pod with a sidecar that somebody injected before it.
    fn name_node(waiting: &str) -> Pod {
        let container = |name: &str, mounts: Value| json!({"name": name, "volumeMounts": mounts});
        let status = |name: &str| {
            let reason = json!({"waiting": {"reason": "CrashLoopBackOff"}});
            json!({"name": name, "ready": true, "image": "", "imageID": "", "restartCount": 0, "state": if name == waiting { reason } else { json!({"running": {}}) }})
        };
        let statuses = ["proxy", "namenode", "zkfc"].map(status);
        serde_json::from_value(json!({
            "metadata": {"name": "market-namenode-0"},
            "spec": {"containers": [
                container("proxy", json!([])),
                container("namenode", json!([{"name": "data", "mountPath": "/data"}])),
                container("zkfc", json!([])),
            ]},
            "status": {"containerStatuses": statuses},
        }))
        .unwrap()
    }

    #[test]
    fn only_the_container_that_has_the_volume_says_that_a_member_cannot_run() {
        assert_eq!(stuck(&name_node("namenode")).as_deref(), Some("CrashLoopBackOff"));
        assert_eq!(stuck(&name_node("zkfc")), None);
        assert_eq!(stuck(&name_node("proxy")), None);
    }

    #[test]
    fn a_member_is_unready_since_its_condition_says_so() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "a"},
            "status": {"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
        }))
        .unwrap();
        let now = "2026-01-01T00:02:00Z".parse().unwrap();
        assert_eq!(unready_for(&pod, now), Duration::from_mins(2));
        assert_eq!(unready_for(&name_node(""), now), Duration::ZERO);
    }
}
