//! Each part runs on its site, and a site that has no nodes is told by name.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, ensure};
use crds::{CryptoPipelineSpec, names::Role, status::condition};
use e2e::{cluster::Cluster, pipeline::Pipeline, progress::note, testbed::Testbed};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{Api, ResourceExt};

const NOWHERE: &str = "cryptopipeline-e2e-nowhere";
/// No node of the test cluster carries this label.
const MOON_BASE: &str = "
apiVersion: cryptopipeline.dev/v1alpha1
kind: CryptoPipeline
metadata: {name: moon}
spec:
  placements:
    moon-base:
      nodeLabels: {cryptopipeline.dev/site: moon}
  ingest: {symbols: [BTCUSDT]}
  kafka: {placement: moon-base, storage: {size: 1Gi}}
  cassandra: {placement: moon-base, storage: {size: 1Gi}}
  hdfs: {placement: moon-base, storage: {size: 1Gi}}
";

/// Every pod's node carries all labels of the placement that its component names.
pub async fn every_pod_runs_on_its_site(bed: &Testbed) -> Result<()> {
    let spec = bed.pipeline.get().await?.spec;
    for role in Role::ALL {
        let site = placement_of(&spec, role).with_context(|| format!("{role} has no placement"))?;
        let labels = &spec.placements[site].node_labels;
        let pods = bed.pipeline.pods(role).await?;
        ensure!(!pods.is_empty(), "there is no {role} pod");
        for pod in &pods {
            let node = labels_of_node(&bed.cluster, pod).await?;
            for (key, value) in labels {
                ensure!(
                    node.get(key) == Some(value),
                    "{} belongs to {site} and runs on a node with {key}={:?}",
                    pod.name_any(),
                    node.get(key)
                );
            }
        }
        note(format_args!("{role}: {} pods, all on {site}", pods.len()));
    }
    Ok(())
}

fn placement_of(spec: &CryptoPipelineSpec, role: Role) -> Option<&str> {
    match role {
        Role::KafkaBroker | Role::KafkaController => spec.kafka.placement.as_deref(),
        Role::Cassandra => spec.cassandra.placement.as_deref(),
        Role::ZooKeeper | Role::JournalNode | Role::NameNode | Role::DataNode => {
            spec.hdfs.placement.as_deref()
        }
        Role::Ingest => spec.ingest.placement.as_deref(),
        Role::Processor => spec.processor.placement.as_deref(),
    }
}

async fn labels_of_node(cluster: &Cluster, pod: &Pod) -> Result<BTreeMap<String, String>> {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    let node = node.with_context(|| format!("{} is on no node", pod.name_any()))?;
    let node = Api::<Node>::all(cluster.client.clone()).get(node).await?;
    Ok(node.labels().clone())
}

/// The condition names the placement, and no pod of the pipeline runs anywhere else instead.
pub async fn a_site_without_nodes_is_named(bed: &Testbed) -> Result<()> {
    let cluster = &bed.cluster;
    cluster.fresh_namespace(NOWHERE).await?;
    let pipeline = Pipeline::apply(cluster, NOWHERE, MOON_BASE).await?;
    let told = pipeline
        .wait_condition(condition::READY, Duration::from_mins(1), |ready| {
            ready.status == "False" && ready.message.contains("moon-base")
        })
        .await?;
    note(format_args!("{}: {}", told.reason, told.message));
    let pods: Vec<Pod> = cluster.list(NOWHERE, &pipeline.labels()).await?;
    let placed: Vec<_> = pods
        .iter()
        .filter(|pod| pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()))
        .map(ResourceExt::name_any)
        .collect();
    ensure!(
        placed.is_empty(),
        "{placed:?} run although their site has no node"
    );
    cluster.delete_namespace(NOWHERE).await
}
