//! Binance's REST endpoints for market data under `/api/v3`, with their weights.

pub mod error;
mod exchange_info;
mod query;
mod ticker;

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{ConnectInfo, Query, Request, State},
    http::{HeaderMap, HeaderValue, Uri},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use self::{error::ApiError, query::TradeQuery};
use crate::{
    config::Service,
    exchange::Exchange,
    market::{
        numbering::Numbered,
        series::{Aggregate, Row},
    },
};

/// The routes, with the weight counted before any of them runs.
pub fn routes(exchange: &Arc<Exchange>) -> Router<Arc<Exchange>> {
    Router::new()
        .route("/api/v3/ping", get(async || Json(json!({}))))
        .route("/api/v3/time", get(time))
        .route("/api/v3/exchangeInfo", get(exchange_info::exchange_info))
        .route("/api/v3/trades", get(trades))
        .route("/api/v3/historicalTrades", get(historical_trades))
        .route("/api/v3/aggTrades", get(aggregate_trades))
        .route("/api/v3/ticker/24hr", get(ticker::day))
        .layer(middleware::from_fn_with_state(exchange.clone(), weigh))
}

/// Weights of the endpoints (rest-api.md, each endpoint's Weight).
fn weight(uri: &Uri) -> u32 {
    match uri.path() {
        "/api/v3/exchangeInfo" => 20,
        "/api/v3/trades" | "/api/v3/historicalTrades" => 25,
        "/api/v3/aggTrades" => 4,
        "/api/v3/ticker/24hr" => ticker::weight(uri.query().unwrap_or_default()),
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
    let admitted = exchange.admit(peer.ip(), Service::Rest, |limits, now| {
        let (admission, used_now) = limits.request(now, weight(request.uri()));
        used = used_now;
        admission
    });
    let mut response = match admitted {
        Ok(()) => {
            sleep(exchange.rest_delay()).await;
            next.run(request).await
        }
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
    Ok(Json(rows(&query, query.symbol.newest(query.limit))))
}

/// Trades from an id on, or the newest ones.
async fn historical_trades(
    State(exchange): State<Arc<Exchange>>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Json<Vec<Row>>, ApiError> {
    let query = TradeQuery::parse(&exchange, &parameters, &headers, &["symbol", "limit", "fromId"])?;
    let trades = query.symbol.historical(query.from_id, query.limit);
    Ok(Json(rows(&query, trades)))
}

/// Trades from an id or a time on, or the newest ones, each an aggregate of its own.
async fn aggregate_trades(
    State(exchange): State<Arc<Exchange>>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Json<Vec<Aggregate>>, ApiError> {
    let known = ["symbol", "limit", "fromId", "startTime"];
    let query = TradeQuery::parse(&exchange, &parameters, &headers, &known)?;
    let trades = match query.start_time {
        Some(_) => query.symbol.historical(Some(0), u64::MAX),
        None => query.symbol.historical(query.from_id, query.limit),
    };
    let series = &query.symbol.series;
    let rows = trades
        .into_iter()
        .filter_map(|trade| series.trade(trade))
        .filter(|trade| query.start_time.is_none_or(|start| trade.time_ms() >= start))
        .take(usize::try_from(query.limit).unwrap_or(usize::MAX))
        .map(|trade| trade.aggregate(query.unit));
    Ok(Json(rows.collect()))
}

/// Trades in the form of REST.
fn rows(query: &TradeQuery, trades: Vec<Numbered>) -> Vec<Row> {
    let series = &query.symbol.series;
    trades
        .into_iter()
        .filter_map(|trade| Some(series.trade(trade)?.row(query.unit)))
        .collect()
}
