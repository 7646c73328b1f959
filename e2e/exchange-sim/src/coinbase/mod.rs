//! Coinbase Exchange's side: the channels `matches` and `heartbeat`, and REST for products and their trades
//! (docs.cdp.coinbase.com/exchange). The products are the symbols with a hyphen.

mod connection;
pub mod form;
mod request;
mod rest;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{
        ConnectInfo, State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{config::Service, exchange::Exchange, rules::ip::IpLimits};

/// The routes of both kinds.
pub fn routes(exchange: &Arc<Exchange>) -> Router<Arc<Exchange>> {
    rest::routes(exchange).route("/", get(stream))
}

async fn stream(
    State(exchange): State<Arc<Exchange>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let ip = peer.ip();
    if let Err(refusal) = exchange.admit(ip, Service::Stream, IpLimits::connect) {
        return refusal.into_response();
    }
    match upgrade {
        Ok(upgrade) => upgrade.on_upgrade(move |socket| connection::serve(socket, exchange, ip)),
        Err(rejection) => rejection.into_response(),
    }
}
