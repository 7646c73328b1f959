//! The HTTP side of a worker: `/livez` and `/readyz` for the kubelet, `/metrics` for Prometheus, `/status` for the
//! operator.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{Health, Report};
use crate::{metrics, process};

/// The port of every worker (design: workers' HTTP).
pub const PORT: u16 = 9400;

/// What Prometheus expects of a text page.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address.
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl ServerError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "ListenFailed",
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Where it listens, with the port the system chose if the configured one was 0.
    pub address: SocketAddr,
    /// Ends after `stop` was cancelled and open requests are answered.
    pub task: JoinHandle<io::Result<()>>,
}

/// Serves on `address` until `stop` is cancelled. `status` makes the answer of `/status`, at every request.
pub async fn serve<S, F>(
    address: SocketAddr,
    health: Health,
    registry: Registry,
    status: F,
    stop: CancellationToken,
) -> Result<Server, ServerError>
where
    S: Serialize + Send + 'static,
    F: Fn() -> S + Clone + Send + Sync + 'static,
{
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| ServerError::Listen { address, source })?;
    let address = listener.local_addr().unwrap_or(address);
    let (live, ready) = (health.clone(), health);
    let routes = Router::new()
        .route("/livez", get(async move || probe(live.live())))
        .route("/readyz", get(async move || probe(ready.ready())))
        .route("/status", get(async move || Json(status())))
        .route("/metrics", get(page))
        .with_state(Arc::new([registry, process::registry()]));
    let server = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned());
    Ok(Server {
        address,
        task: tokio::spawn(server.into_future()),
    })
}

fn probe(report: Report) -> Response {
    let code = if report.is_ok() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, Json(report)).into_response()
}

async fn page(State(registries): State<Arc<[Registry; 2]>>) -> Response {
    match metrics::encode(&registries.each_ref()) {
        Ok(text) => ([(CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tells_health_metrics_and_status() {
        let health = Health::new();
        let feed = health.readiness("feed");
        let stop = CancellationToken::new();
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let status = || serde_json::json!({"connected": true});
        let server = serve(any_port, health, metrics::registry("test"), status, stop.clone())
            .await
            .unwrap();
        let fetch = async |path: &str| {
            let answer = reqwest::get(format!("http://{}{path}", server.address))
                .await
                .unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };

        assert_eq!(fetch("/livez").await.0, 200);
        assert_eq!(
            fetch("/readyz").await,
            (503, r#"{"failing":{"feed":"starting"}}"#.to_owned())
        );
        feed.ready();
        assert_eq!(fetch("/readyz").await.0, 200);
        assert_eq!(fetch("/status").await, (200, r#"{"connected":true}"#.to_owned()));
        let (code, page) = fetch("/metrics").await;
        assert_eq!(code, 200);
        assert!(
            page.contains("process_cpu_seconds_total") && page.ends_with("# EOF\n"),
            "{page}"
        );

        stop.cancel();
        server.task.await.unwrap().unwrap();
    }
}
