//! The one pipeline and the one exchange that all tests share, made by the first test that needs them.

use std::time::Duration;

use anyhow::Result;
use crds::{CryptoPipeline, CryptoPipelineSpec};

use crate::{cluster::Cluster, pipeline::Pipeline, progress::note, readiness::TimeToReady, sim::Sim};

/// Where the shared pipeline lives.
pub const NAMESPACE: &str = "cryptopipeline-e2e";
const MANIFEST: &str = include_str!("../manifests/pipeline.yaml");
/// The longest that a pipeline may take from nothing to `Ready`.
pub const READY_LIMIT: Duration = Duration::from_mins(8);

/// A pipeline that is ready, and the exchange that feeds it.
pub struct Testbed {
    /// The cluster.
    pub cluster: Cluster,
    /// The shared pipeline.
    pub pipeline: Pipeline,
    /// Its exchange.
    pub sim: Sim,
}

impl Testbed {
    /// The testbed as it runs, or a new one; in either case ready.
    pub async fn ready(cluster: &Cluster) -> Result<Self> {
        let testbed = match Self::running(cluster).await? {
            Some(testbed) => testbed,
            None => Self::create(cluster, MANIFEST).await?,
        };
        testbed.pipeline.wait_ready(READY_LIMIT).await?;
        Ok(testbed)
    }

    /// A new testbed in place of the one that runs, with other engines.
    pub async fn with(cluster: &Cluster, change: impl FnOnce(&mut CryptoPipelineSpec)) -> Result<Self> {
        let mut object: CryptoPipeline = serde_yaml::from_str(MANIFEST)?;
        change(&mut object.spec);
        Self::create(cluster, &serde_yaml::to_string(&object)?).await
    }

    async fn running(cluster: &Cluster) -> Result<Option<Self>> {
        let name = serde_yaml::from_str::<CryptoPipeline>(MANIFEST)?.metadata.name;
        let pipeline = Pipeline {
            cluster: cluster.clone(),
            namespace: NAMESPACE.to_owned(),
            name: name.unwrap_or_default(),
        };
        let there = pipeline.api().get_opt(&pipeline.name).await?.is_some();
        Ok(there.then(|| Self {
            cluster: cluster.clone(),
            pipeline,
            sim: Sim::at(cluster, NAMESPACE),
        }))
    }

    async fn create(cluster: &Cluster, manifest: &str) -> Result<Self> {
        cluster.fresh_namespace(NAMESPACE).await?;
        let sim = Sim::start(cluster, NAMESPACE).await?;
        let pipeline = Pipeline::apply(cluster, NAMESPACE, manifest).await?;
        let ready = pipeline.wait_ready(READY_LIMIT).await?;
        if let Some(time) = TimeToReady::of(&ready) {
            time.to_string().lines().for_each(note);
        }
        Ok(Self {
            cluster: cluster.clone(),
            pipeline,
            sim,
        })
    }
}
