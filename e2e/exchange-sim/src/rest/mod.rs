//! Binance's REST endpoints for market data under `/api/v3`, with their weights.

pub mod error;
mod exchange_info;
mod query;

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{ConnectInfo, Query, Request, State},
    http::{HeaderMap, HeaderValue},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use self::{error::ApiError, query::TradeQuery};
use crate::{
    exchange::Exchange,
    ledger::Violation,
    market::{series::Row, symbol::Symbol},
};

/// The routes, with the weight counted before any of them runs.
pub fn routes(exchange: &Arc<Exchange>) -> Router<Arc<Exchange>> {
    Router::new()
        .route("/api/v3/ping", get(async || Json(json!({}))))
        .route("/api/v3/time", get(time))
        .route("/api/v3/exchangeInfo", get(exchange_info::exchange_info))
        .route("/api/v3/trades", get(trades))
        .route("/api/v3/historicalTrades", get(historical_trades))
        .layer(middleware::from_fn_with_state(exchange.clone(), weigh))
}

/// Weights of the endpoints (rest-api.md, each endpoint's Weight).
fn weight(path: &str) -> u32 {
    match path {
        "/api/v3/exchangeInfo" => 20,
        "/api/v3/trades" | "/api/v3/historicalTrades" => 25,
        _ => 1,
    }
}

async fn weigh(
    State(exchange): State<Arc<Exchange>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let mut used = 0;
    let admitted = exchange.admit(peer.ip(), Violation::RequestWeight, |limits, now| {
        let (admission, used_now) = limits.request(now, weight(request.uri().path()));
        used = used_now;
        admission
    });
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    for name in ["x-mbx-used-weight", "x-mbx-used-weight-1m"] {
        response.headers_mut().insert(name, HeaderValue::from(used));
    }
    response
}

async fn time(State(exchange): State<Arc<Exchange>>, headers: HeaderMap) -> Result<Json<Value>, ApiError> {
    let unit = query::time_unit(&headers)?;
    Ok(Json(json!({ "serverTime": unit.of_millis(exchange.now_ms()) })))
}

/// Only the newest trades.
async fn trades(
    State(exchange): State<Arc<Exchange>>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Json<Vec<Row>>, ApiError> {
    let query = TradeQuery::parse(&exchange, &parameters, &headers, &["symbol", "limit"])?;
    Ok(Json(rows(&query.symbol, None, &query)))
}

/// Trades from an id on, or the newest ones.
async fn historical_trades(
    State(exchange): State<Arc<Exchange>>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Json<Vec<Row>>, ApiError> {
    let query = TradeQuery::parse(&exchange, &parameters, &headers, &["symbol", "limit", "fromId"])?;
    Ok(Json(rows(&query.symbol, query.from_id, &query)))
}

/// At most `limit` of the trades issued so far, in ascending order.
fn rows(symbol: &Symbol, from_id: Option<u64>, query: &TradeQuery) -> Vec<Row> {
    let issued = symbol.issued();
    let from = match from_id {
        Some(id) => symbol.series.index_of(id).max(issued.start),
        None => issued.end.saturating_sub(query.limit).max(issued.start),
    };
    let to = issued.end.min(from.saturating_add(query.limit));
    (from..to)
        .filter_map(|index| Some(symbol.series.trade(index)?.row(query.unit)))
        .collect()
}
