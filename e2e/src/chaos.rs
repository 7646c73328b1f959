//! Killing pods, and waiting until what is left has healed.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt, api::DeleteParams};

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

/// Deletes a pod without any grace, as `kubectl delete pod --grace-period=0 --force` does: it is gone from the API at once,
/// whatever it was doing.
pub async fn kill(cluster: &Cluster, namespace: &str, labels: &str, name: Option<&str>) -> Result<Victim> {
    let pods: Vec<Pod> = cluster.list(namespace, labels).await?;
    let pod = pods
        .iter()
        .find(|pod| name.is_none_or(|name| pod.name_any() == name))
        .with_context(|| format!("no pod with {labels} to kill"))?;
    let victim = Victim {
        name: pod.name_any(),
        uid: pod.uid(),
        crowd: pods.len(),
    };
    let api: Api<Pod> = cluster.api(namespace);
    api.delete(&victim.name, &DeleteParams::default().grace_period(0))
        .await?;
    note(format_args!("killed {}", victim.name));
    Ok(victim)
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
