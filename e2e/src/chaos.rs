//! Killing pods, and waiting until what is left has healed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt, api::DeleteParams};
use tokio::process::Command;

use crate::{
    cluster::Cluster,
    progress::{Look, note, until},
};

/// A pod that was killed.
#[derive(Clone, Debug)]
pub struct Victim {
    /// Its name; a StatefulSet gives it to the successor too.
    pub name: String,
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
