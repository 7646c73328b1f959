//! The pipeline under test: applied, changed, watched and deleted as a person would with `kubectl`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crds::{
    CryptoPipeline,
    names::{LABEL_COMPONENT, LABEL_INSTANCE, Names, Role},
    status::condition,
};
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    cluster::Cluster,
    parts::{self, Shown},
    progress::{Look, until},
    testbed::READY_LIMIT,
};

/// Pause between two looks.
const PACE: Duration = Duration::from_millis(700);

/// One `CryptoPipeline` object.
#[derive(Clone)]
pub struct Pipeline {
    /// Where it runs.
    pub cluster: Cluster,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Pipeline {
    /// Applies a manifest and returns the pipeline that it describes.
    pub async fn apply(cluster: &Cluster, namespace: &str, manifest: &str) -> Result<Self> {
        let object: CryptoPipeline = serde_yaml::from_str(manifest)?;
        cluster.apply(namespace, manifest).await?;
        Ok(Self {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
            name: object.name_any(),
        })
    }

    /// The API for this kind of object in its namespace.
    pub fn api(&self) -> Api<CryptoPipeline> {
        self.cluster.api(&self.namespace)
    }

    /// The object as it is now.
    pub async fn get(&self) -> Result<CryptoPipeline> {
        Ok(self.api().get(&self.name).await?)
    }

    /// The names of everything made from it.
    pub async fn names(&self) -> Result<Names> {
        Ok(Names {
            pipeline: self.name.clone(),
            namespace: self.namespace.clone(),
            cluster_domain: self.get().await?.spec.cluster_domain,
        })
    }

    /// The ConfigMap that tells the auditor where to count.
    pub fn auditor_config(&self) -> String {
        format!("{}-auditor", self.name)
    }

    /// Label selector of everything made from it.
    pub fn labels(&self) -> String {
        format!("{LABEL_INSTANCE}={}", self.name)
    }

    /// Label selector of the pods of one role.
    pub fn role_labels(&self, role: Role) -> String {
        format!("{},{LABEL_COMPONENT}={role}", self.labels())
    }

    /// The pods of one role.
    pub async fn pods(&self, role: Role) -> Result<Vec<Pod>> {
        self.cluster.list(&self.namespace, &self.role_labels(role)).await
    }

    /// Changes a part of the spec by a merge patch.
    pub async fn change(&self, spec: Value) -> Result<()> {
        let patch = Patch::Merge(json!({ "spec": spec }));
        self.api()
            .patch(&self.name, &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    /// Changes a part of the spec and waits until that is done.
    pub async fn settle(&self, spec: Value) -> Result<()> {
        self.change(spec).await?;
        self.wait_ready(READY_LIMIT).await?;
        Ok(())
    }

    /// Adds symbols to the feed.
    pub async fn add_symbols(&self, symbols: &[String]) -> Result<()> {
        let mut all = self.get().await?.spec.ingest.symbols;
        all.extend(
            symbols
                .iter()
                .filter(|symbol| !all.contains(symbol))
                .cloned()
                .collect::<Vec<_>>(),
        );
        self.change(json!({"ingest": {"symbols": all}})).await
    }

    /// Waits until the operator calls the newest spec ready, and shows each part on the way.
    pub async fn wait_ready(&self, limit: Duration) -> Result<CryptoPipeline> {
        let began = Instant::now();
        let mut shown = Shown::default();
        loop {
            // The cluster may be under attack while it is watched: a look that fails is made again.
            let seen = match self.api().get_opt(&self.name).await {
                Ok(Some(object)) if is_true(&object, condition::READY) => {
                    shown.end(parts::rows(&object));
                    return Ok(object);
                }
                Ok(Some(object)) => {
                    shown.show(parts::rows(&object));
                    summary(&object)
                }
                Ok(None) => "the object is not there yet".to_owned(),
                Err(error) => format!("{error:#}"),
            };
            ensure!(
                began.elapsed() < limit,
                "waited {} s in vain for Ready; last seen: {seen}",
                limit.as_secs()
            );
            sleep(PACE).await;
        }
    }

    /// Waits until a condition says this of the newest spec, and returns it.
    pub async fn wait_condition(
        &self,
        name: &str,
        limit: Duration,
        says: impl Fn(&Condition) -> bool,
    ) -> Result<Condition> {
        until(&format!("condition {name}"), limit, async || {
            let object = self.get().await?;
            let current = current_condition(&object, name).cloned();
            Ok(match current {
                Some(condition) if says(&condition) => Look::Found(condition),
                Some(Condition {
                    status,
                    reason,
                    message,
                    ..
                }) => Look::Waiting(format!("{status} ({reason}): {message}")),
                None => Look::Waiting("not told yet for this spec".to_owned()),
            })
        })
        .await
    }

    /// Deletes the object and waits until every pod of it is gone. What is left is for the caller to judge.
    pub async fn delete(&self) -> Result<()> {
        self.api()
            .delete(&self.name, &DeleteParams::foreground())
            .await
            .context("deleting the pipeline")?;
        until("pipeline deleted", Duration::from_mins(4), async || {
            let object = self.api().get_opt(&self.name).await?;
            let pods = self.cluster.pod_names(&self.namespace, &self.labels()).await?;
            let gone = object.is_none() && pods.is_empty();
            Ok(Look::when(gone, (), format!("{} pods left", pods.len())))
        })
        .await
    }
}

/// The condition, if it speaks of the newest spec.
pub fn current_condition<'a>(object: &'a CryptoPipeline, name: &str) -> Option<&'a Condition> {
    let conditions = &object.status.as_ref()?.conditions;
    conditions.iter().find(|condition| {
        condition.type_ == name && condition.observed_generation == object.metadata.generation
    })
}

/// Whether the condition is true of the newest spec.
pub fn is_true(object: &CryptoPipeline, name: &str) -> bool {
    current_condition(object, name).is_some_and(|condition| condition.status == "True")
}

/// One line: which components, how many ready, what is awaited.
fn summary(object: &CryptoPipeline) -> String {
    let Some(status) = &object.status else {
        return "the operator has not spoken yet".to_owned();
    };
    let components: Vec<_> = status
        .components
        .iter()
        .map(|(name, component)| format!("{name} {}", component.summary))
        .collect();
    let awaited = current_condition(object, condition::READY)
        .map_or("this spec has not been seen yet", |ready| ready.message.as_str());
    format!("{}; {awaited}", components.join(", "))
}
