//! Memory and CPU of pods, as their kubelets measured them.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde::Deserialize;

use crate::cluster::Cluster;

/// What one pod uses.
#[derive(Clone, Debug)]
pub struct Usage {
    /// The pod.
    pub pod: String,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// CPU in thousandths of a core, averaged over the kubelet's last interval.
    pub millicores: u64,
}

/// Memory and CPU of each pod with these labels.
pub async fn of_pods(cluster: &Cluster, namespace: &str, labels: &str) -> Result<Vec<Usage>> {
    let mut usages = Vec::new();
    for pod in cluster.list::<Pod>(namespace, labels).await? {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
        let node = node.with_context(|| format!("{} runs on no node", pod.name_any()))?;
        let text = cluster
            .get(&format!("/api/v1/nodes/{node}/proxy/stats/summary"))
            .await?;
        let summary: Summary = serde_json::from_str(&text)?;
        let found = summary
            .pods
            .into_iter()
            .find(|stats| stats.reference.name == pod.name_any() && stats.reference.namespace == namespace);
        let containers = found
            .with_context(|| format!("the kubelet does not know {}", pod.name_any()))?
            .containers;
        usages.push(Usage {
            pod: pod.name_any(),
            resident_bytes: containers.iter().map(|c| c.memory.rss_bytes).sum(),
            millicores: containers
                .iter()
                .map(|c| c.cpu.usage_nano_cores / 1_000_000)
                .sum(),
        });
    }
    Ok(usages)
}

/// The part of the kubelet's stats summary that is read here.
#[derive(Deserialize)]
struct Summary {
    pods: Vec<PodStats>,
}

#[derive(Deserialize)]
struct PodStats {
    #[serde(rename = "podRef")]
    reference: PodReference,
    #[serde(default)]
    containers: Vec<ContainerStats>,
}

#[derive(Deserialize)]
struct PodReference {
    name: String,
    namespace: String,
}

#[derive(Deserialize)]
struct ContainerStats {
    #[serde(default)]
    cpu: CpuStats,
    #[serde(default)]
    memory: MemoryStats,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CpuStats {
    usage_nano_cores: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MemoryStats {
    rss_bytes: u64,
}
