//! What the workers say of themselves on `/status`.

use std::time::Duration;

use crds::{
    names::WORKER_HTTP_PORT,
    wire::{IngestStatus, ProcessorStatus},
};
use futures::{FutureExt, future::BoxFuture};
use serde::de::DeserializeOwned;
use tracing::debug;

use crate::http::url_host;

/// The longest that a worker may take to answer.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Asks workers.
pub trait WorkerStatusSource: Send + Sync {
    /// An ingest worker's answer; `None` when it does not answer.
    fn ingest(&self, pod_ip: String) -> BoxFuture<'_, Option<IngestStatus>>;

    /// A processor's answer; `None` when it does not answer.
    fn processor(&self, pod_ip: String) -> BoxFuture<'_, Option<ProcessorStatus>>;
}

/// Asks over HTTP.
#[derive(Clone, Debug)]
pub struct HttpWorkers(pub reqwest::Client);

impl WorkerStatusSource for HttpWorkers {
    fn ingest(&self, pod_ip: String) -> BoxFuture<'_, Option<IngestStatus>> {
        self.ask(pod_ip).boxed()
    }

    fn processor(&self, pod_ip: String) -> BoxFuture<'_, Option<ProcessorStatus>> {
        self.ask(pod_ip).boxed()
    }
}

impl HttpWorkers {
    async fn ask<T: DeserializeOwned>(&self, pod_ip: String) -> Option<T> {
        let url = format!("http://{}:{WORKER_HTTP_PORT}/status", url_host(&pod_ip));
        let answer = async {
            let response = self.0.get(&url).timeout(TIMEOUT).send().await?;
            response.error_for_status()?.json().await
        };
        answer
            .await
            .inspect_err(|error: &reqwest::Error| debug!(url, %error, "worker does not answer"))
            .ok()
    }
}
