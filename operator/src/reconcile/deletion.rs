//! The finalizer of `deletionPolicy: Delete`, the only policy that needs one: volumes have no owner, so that they
//! outlive the object, and are deleted here once no pod uses them any more.

use crds::{CryptoPipeline, names::qualified, spec::DeletionPolicy};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    batch::v1::{CronJob, Job},
    core::v1::PersistentVolumeClaim,
};
use kube::ResourceExt;
use serde_json::json;

use super::dereference::{Live, Observed};
use crate::api::{Error, Object, Writer};

/// The finalizer's name.
pub fn finalizer() -> String {
    qualified("delete-volumes")
}

/// Whether the object carries the finalizer.
pub fn is_held(object: &CryptoPipeline) -> bool {
    object.finalizers().contains(&finalizer())
}

/// Adds or removes the finalizer as the policy says.
pub async fn hold(writer: &Writer, object: &CryptoPipeline) -> Result<(), Error> {
    let wanted = object.spec.deletion_policy == DeletionPolicy::Delete;
    if wanted == is_held(object) {
        return Ok(());
    }
    set(writer, object, wanted).await
}

/// What is awaited, or `None` once the volumes are deleted and the object may go.
pub async fn clean_up(
    writer: &Writer,
    object: &CryptoPipeline,
    observed: &Observed,
) -> Result<Option<String>, Error> {
    if object.spec.deletion_policy == DeletionPolicy::Delete {
        delete_all(writer, &observed.deployments).await?;
        delete_all(writer, &observed.stateful_sets).await?;
        delete_all(writer, &observed.cron_jobs).await?;
        delete_all(writer, &observed.jobs).await?;
        if let Some(pod) = observed.pods.keys().next() {
            return Ok(Some(format!(
                "volumes are deleted once every pod is gone; {pod} is on its way"
            )));
        }
        delete_all(writer, &observed.claims).await?;
        if let Some(claim) = observed.claims.keys().next() {
            return Ok(Some(format!("waiting for claim {claim} to go")));
        }
    }
    set(writer, object, false).await?;
    Ok(None)
}

async fn delete_all<K: Deletable>(writer: &Writer, live: &Live<K>) -> Result<(), Error> {
    for (name, object) in live {
        if object.meta().deletion_timestamp.is_none() {
            writer.delete::<K>(name, object.uid().as_deref()).await?;
        }
    }
    Ok(())
}

/// The kinds that may be deleted together with their data.
trait Deletable: Object {}
impl Deletable for Deployment {}
impl Deletable for StatefulSet {}
impl Deletable for CronJob {}
impl Deletable for Job {}
impl Deletable for PersistentVolumeClaim {}

async fn set(writer: &Writer, object: &CryptoPipeline, held: bool) -> Result<(), Error> {
    let mut finalizers = object.finalizers().to_vec();
    finalizers.retain(|name| *name != finalizer());
    if held {
        finalizers.push(finalizer());
    }
    // With the resourceVersion, so that a finalizer that someone else added meanwhile is not lost.
    let change = json!({"metadata": {
        "finalizers": finalizers,
        "resourceVersion": object.resource_version(),
    }});
    writer.merge::<CryptoPipeline>(&object.name_any(), &change).await
}
