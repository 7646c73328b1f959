//! Binance's WebSocket streams: the handshake on `/ws/…` and `/stream?streams=…`.

mod connection;
pub mod control;
pub mod outlet;
pub mod writer;

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{
        ConnectInfo, Path, Query, State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    response::{IntoResponse, Response},
    routing::get,
};

use self::connection::Opening;
use crate::{
    config::Service, exchange::Exchange, market::series::TimeUnit, rest::error::ApiError, rules::ip::IpLimits,
};

/// The routes of both kinds of streams.
pub fn routes() -> Router<Arc<Exchange>> {
    Router::new()
        .route("/ws", get(raw))
        .route("/ws/{*streams}", get(raw))
        .route("/stream", get(combined))
}

type Parameters = Query<HashMap<String, String>>;
type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

async fn raw(
    State(exchange): State<Arc<Exchange>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    streams: Option<Path<String>>,
    Query(parameters): Parameters,
    upgrade: Upgrade,
) -> Response {
    let streams = streams.map(|Path(streams)| streams).unwrap_or_default();
    accept(exchange, peer, &streams, false, &parameters, upgrade)
}

async fn combined(
    State(exchange): State<Arc<Exchange>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Query(parameters): Parameters,
    upgrade: Upgrade,
) -> Response {
    let streams = parameters.get("streams").cloned().unwrap_or_default();
    accept(exchange, peer, &streams, true, &parameters, upgrade)
}

fn accept(
    exchange: Arc<Exchange>,
    peer: SocketAddr,
    streams: &str,
    combined: bool,
    parameters: &HashMap<String, String>,
    upgrade: Upgrade,
) -> Response {
    let ip = peer.ip();
    if let Err(refusal) = exchange.admit(ip, Service::Stream, IpLimits::connect) {
        return refusal.into_response();
    }
    let unit = match parameters.get("timeUnit").map(|unit| TimeUnit::parse(unit)) {
        None => TimeUnit::Millisecond,
        Some(Some(unit)) => unit,
        Some(None) => return ApiError::TimeUnit.into_response(),
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let streams = streams
        .split('/')
        .filter(|stream| !stream.is_empty())
        .map(str::to_owned)
        .collect();
    upgrade.on_upgrade(move |socket| {
        connection::serve(
            socket,
            exchange,
            Opening {
                ip,
                combined,
                unit,
                streams,
            },
        )
    })
}
