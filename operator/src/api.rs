//! Writes to the API server. Every write of the operator goes through here, so that each one is counted.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crds::names::MANAGER;
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Pod};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, EvictParams, Patch, PatchParams, Preconditions},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tracing::info;

use crate::{metrics::Metrics, reconcile::subset};

/// Why a write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused it or could not be reached.
    #[error("{verb} {kind} {name}: {source}")]
    Refused {
        /// Verb of the API.
        verb: &'static str,
        /// Kind of the object.
        kind: String,
        /// Its name.
        name: String,
        /// What the API server said.
        source: Box<kube::Error>,
    },
    /// An object could not be written as JSON.
    #[error("object is not JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Error {
    /// Stable reason for conditions, events and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "ApplyRefused",
            Self::Json(_) => "ApplyFailed",
        }
    }

    /// Whether the API server answered, so that another write may well be done.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if matches!(&**source, kube::Error::Api(_)))
    }

    /// Whether there is no such object.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if matches!(&**source, kube::Error::Api(status) if status.code == 404))
    }
}

/// A namespaced kind of object.
pub trait Object:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Serialize + DeserializeOwned + Clone + Debug
{
}

impl<K> Object for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Serialize
        + DeserializeOwned
        + Clone
        + Debug
{
}

/// Writes objects of one namespace.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    namespace: String,
    metrics: Arc<Metrics>,
    converged: Arc<AtomicBool>,
}

impl Writer {
    /// A writer for this namespace.
    pub fn new(client: Client, namespace: &str, metrics: Arc<Metrics>) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
            metrics,
            converged: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Whether everything was as wanted already. If not, what was observed before is out of date.
    pub fn converged(&self) -> bool {
        self.converged.load(Ordering::Relaxed)
    }

    /// Makes the live object what is wanted, by server-side apply, unless it already is.
    pub async fn converge<K: Object>(&self, live: Option<&K>, wanted: &K) -> Result<(), Error> {
        let mut wanted = serde_json::to_value(wanted)?;
        subset::fingerprint(&mut wanted);
        if let Some(live) = live
            && subset::contains(&serde_json::to_value(live)?, &wanted)
        {
            return Ok(());
        }
        self.converged.store(false, Ordering::Relaxed);
        let name = wanted["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let apply = PatchParams::apply(MANAGER).force();
        let patched = self.api::<K>().patch(&name, &apply, &Patch::Apply(&wanted)).await;
        self.done::<K, _>("patch", &name, patched).map(drop)
    }

    /// Merges a change into an object.
    pub async fn merge<K: Object>(&self, name: &str, change: &Value) -> Result<(), Error> {
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patched = self.api::<K>().patch(name, &params, &Patch::Merge(change)).await;
        self.done::<K, _>("patch", name, patched).map(drop)
    }

    /// Replaces an object's status by server-side apply, so that a field no longer reported goes away.
    pub async fn status<K: Object>(&self, name: &str, status: &impl Serialize) -> Result<(), Error> {
        let body = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {"name": name},
            "status": status,
        });
        let apply = PatchParams::apply(MANAGER).force();
        let patched = self
            .api::<K>()
            .patch_status(name, &apply, &Patch::Apply(&body))
            .await;
        self.done::<K, _>("patch", name, patched).map(drop)
    }

    /// Deletes an object with what it owns. With `uid`, only that very object. One that is gone already is no error.
    pub async fn delete<K: Object>(&self, name: &str, uid: Option<&str>) -> Result<(), Error> {
        let mut params = DeleteParams::background();
        params.preconditions = uid.map(|uid| Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        });
        match self.api::<K>().delete(name, &params).await {
            Err(kube::Error::Api(status)) if status.code == 404 || (status.code == 409 && uid.is_some()) => {
                Ok(())
            }
            deleted => self.done::<K, _>("delete", name, deleted).map(drop),
        }
    }

    /// Evicts a pod, only that very one, and says whether it goes. A budget without room is no error: the next reconciliation asks
    /// again.
    pub async fn evict(&self, pod: &str, uid: &str) -> Result<bool, Error> {
        let params = EvictParams {
            delete_options: Some(DeleteParams {
                preconditions: Some(Preconditions {
                    uid: Some(uid.to_owned()),
                    resource_version: None,
                }),
                ..DeleteParams::default()
            }),
            ..EvictParams::default()
        };
        match self.api::<Pod>().evict(pod, &params).await {
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409 | 429) => {
                info!(pod, why = status.message, "not evicted");
                Ok(false)
            }
            evicted => self.done::<Pod, _>("evict", pod, evicted).map(|_| true),
        }
    }

    fn api<K: Object>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn done<K: Object, T>(
        &self,
        verb: &'static str,
        name: &str,
        result: kube::Result<T>,
    ) -> Result<T, Error> {
        let kind = K::kind(&());
        self.metrics.wrote(&kind, verb);
        match result {
            Ok(written) => {
                info!(verb, kind = %kind, name, "wrote");
                Ok(written)
            }
            Err(source) => Err(Error::Refused {
                verb,
                kind: kind.into_owned(),
                name: name.to_owned(),
                source: Box::new(source),
            }),
        }
    }
}
