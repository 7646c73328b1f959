//! Killing, wiping and stopping pods, and waiting until what is left has healed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::names::Role;
use futures::future::try_join_all;
use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ContainerStatus, PersistentVolumeClaim, Pod},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use tokio::process::Command;

use crate::{
    cluster::Cluster,
    pipeline::Pipeline,
    progress::{Look, note, until},
};

/// A pod that was killed.
#[derive(Clone, Debug)]
pub struct Victim {
    /// Its name; a StatefulSet gives it to the successor too.
    pub name: String,
    /// When it was.
    pub at: Timestamp,
    uid: Option<String>,
    /// Number of pods that carried the labels before.
    crowd: usize,
}

/// Kills the processes of a pod and then deletes it, so that its successor is a new pod. A deletion alone would not do: even a
/// forced one sends SIGTERM first.
pub async fn kill(cluster: &Cluster, namespace: &str, labels: &str, name: Option<&str>) -> Result<Victim> {
    let mut pods: Vec<Pod> = cluster.list(namespace, labels).await?;
    pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    let pod = pods
        .iter()
        .find(|pod| name.is_none_or(|name| pod.name_any() == name))
        .with_context(|| format!("no pod with {labels} to kill"))?;
    let victim = Victim {
        name: pod.name_any(),
        at: Timestamp::now(),
        uid: pod.uid(),
        crowd: pods.len(),
    };
    sigkill(pod).await?;
    let api: Api<Pod> = cluster.api(namespace);
    api.delete(&victim.name, &DeleteParams::default().grace_period(0))
        .await?;
    note(format_args!("killed {}", victim.name));
    Ok(victim)
}

/// Kills several pods of a role of a pipeline at once.
pub async fn kill_together(pipeline: &Pipeline, role: Role, names: &[String]) -> Result<Vec<Victim>> {
    let labels = pipeline.role_labels(role);
    let kills = names
        .iter()
        .map(|name| kill(&pipeline.cluster, &pipeline.namespace, &labels, Some(name)));
    try_join_all(kills).await
}

/// Kills a pod of a role of a pipeline and deletes its claim with all that is on the volume, so that its successor begins with
/// an empty disk.
pub async fn wipe(pipeline: &Pipeline, role: Role, name: &str) -> Result<Victim> {
    let (cluster, namespace) = (&pipeline.cluster, &pipeline.namespace);
    let claims: Api<PersistentVolumeClaim> = cluster.api(namespace);
    let claim = format!("data-{name}");
    let old = claims.get(&claim).await?.uid();
    // It stays until its pod is gone, and no new pod is made before it is gone too.
    claims.delete(&claim, &DeleteParams::default()).await?;
    let victim = kill(cluster, namespace, &pipeline.role_labels(role), Some(name)).await?;
    until(&format!("a new {claim}"), Duration::from_mins(3), async || {
        let now = claims.get_opt(&claim).await?;
        let new = now.is_some_and(|now| now.uid() != old);
        Ok(Look::when(new, (), "not yet"))
    })
    .await?;
    note(format_args!("wiped {claim}"));
    Ok(victim)
}

/// Takes all pods of these roles away at once, and returns when they are gone. The operator is paused, as it would bring them
/// back at once; [`resume`] lets it.
pub async fn stop(pipeline: &Pipeline, roles: &[Role]) -> Result<()> {
    pipeline.change(json!({"paused": true})).await?;
    let sets: Api<StatefulSet> = pipeline.cluster.api(&pipeline.namespace);
    for role in roles {
        let labels = pipeline.role_labels(*role);
        let of_role: Vec<StatefulSet> = pipeline.cluster.list(&pipeline.namespace, &labels).await?;
        ensure!(!of_role.is_empty(), "no StatefulSet has the labels {labels}");
        for set in of_role {
            let patch = Patch::Merge(json!({"spec": {"replicas": 0}}));
            sets.patch_scale(&set.name_any(), &PatchParams::default(), &patch)
                .await?;
        }
    }
    until(&format!("{roles:?} down"), Duration::from_mins(3), async || {
        let mut left = 0;
        for role in roles {
            left += pipeline.pods(*role).await?.len();
        }
        Ok(Look::when(left == 0, (), format!("{left} pods left")))
    })
    .await
}

/// Lets the operator bring back what was stopped.
pub async fn resume(pipeline: &Pipeline) -> Result<()> {
    pipeline.change(json!({"paused": false})).await
}

/// Sends SIGKILL to the first process of every container, on the node, which kind runs as a Docker container of the same name.
async fn sigkill(pod: &Pod) -> Result<()> {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    let node = node.with_context(|| format!("{} runs on no node", pod.name_any()))?;
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_deref());
    for id in statuses
        .unwrap_or_default()
        .iter()
        .filter_map(|status| status.container_id.as_deref())
    {
        let id = id.trim_start_matches("containerd://");
        let kill = [
            "exec",
            node,
            "ctr",
            "--namespace",
            "k8s.io",
            "tasks",
            "kill",
            "--signal",
            "SIGKILL",
            id,
        ];
        let answer = Command::new("docker").args(kill).output().await?;
        ensure!(
            answer.status.success(),
            "killing {} on {node}: {}",
            pod.name_any(),
            String::from_utf8_lossy(&answer.stderr)
        );
    }
    Ok(())
}

/// Waits until the victim is gone and as many pods as before are ready.
pub async fn wait_healed(cluster: &Cluster, namespace: &str, labels: &str, victim: &Victim) -> Result<()> {
    let what = format!("a successor of {}", victim.name);
    until(&what, Duration::from_mins(4), async || {
        let pods: Vec<Pod> = cluster.list(namespace, labels).await?;
        let gone = pods.iter().all(|pod| pod.uid() != victim.uid);
        let ready = pods.iter().filter(|pod| is_ready(pod)).count();
        let healed = gone && ready >= victim.crowd;
        Ok(Look::when(
            healed,
            (),
            format!("{ready} of {} ready", victim.crowd),
        ))
    })
    .await
}

/// Whether the pod's containers run and it is not on its way out.
pub fn is_running(pod: &Pod) -> bool {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_deref());
    let runs = |status: &ContainerStatus| status.state.as_ref().is_some_and(|state| state.running.is_some());
    pod.metadata.deletion_timestamp.is_none() && statuses.is_some_and(|statuses| statuses.iter().all(runs))
}

/// Whether the pod passes its readiness probe and is not on its way out.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref());
    let ready = |condition: &k8s_openapi::api::core::v1::PodCondition| {
        condition.type_ == "Ready" && condition.status == "True"
    };
    pod.metadata.deletion_timestamp.is_none() && conditions.unwrap_or_default().iter().any(ready)
}
