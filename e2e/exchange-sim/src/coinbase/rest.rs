//! Coinbase's REST side for market data: products, their trades page by page, and the time.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{ConnectInfo, Path, Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::USER_AGENT},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::form::{iso, row};
use crate::{
    config::Service,
    exchange::Exchange,
    market::{numbering::Numbered, symbol::Symbol},
    rules::ip::IpLimits,
};

/// Trades of a page, when nothing is said and at most.
const PAGE: u64 = 1_000;

/// The routes, with the request counted before any of them runs.
pub fn routes(exchange: &Arc<Exchange>) -> Router<Arc<Exchange>> {
    Router::new()
        .route("/products", get(products))
        .route("/products/{product}/trades", get(trades))
        .route("/time", get(time))
        .layer(middleware::from_fn_with_state(exchange.clone(), count))
}

async fn count(
    State(exchange): State<Arc<Exchange>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if !request.headers().contains_key(USER_AGENT) {
        return refusal(StatusCode::BAD_REQUEST, "User-Agent header is required.");
    }
    if exchange
        .admit(peer.ip(), Service::Rest, IpLimits::coinbase_request)
        .is_err()
    {
        return refusal(StatusCode::TOO_MANY_REQUESTS, "Public rate limit exceeded");
    }
    sleep(exchange.rest_delay()).await;
    next.run(request).await
}

async fn products(State(exchange): State<Arc<Exchange>>) -> Json<Vec<Value>> {
    let products = exchange.listings(true);
    let describe = |product: &Arc<Symbol>| {
        let name = product.name();
        let (base, quote) = name.split_once('-').unwrap_or((name, ""));
        json!({
            "id": name,
            "base_currency": base,
            "quote_currency": quote,
            "base_increment": "0.00000001",
            "quote_increment": "0.01",
            "display_name": name,
            "status": "online",
            "trading_disabled": false,
        })
    };
    Json(products.iter().map(describe).collect())
}

/// The newest trades, or those with ids below the cursor `after`; the newest first.
async fn trades(
    State(exchange): State<Arc<Exchange>>,
    Path(product): Path<String>,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    let Some(product) = exchange.symbol(&product).filter(|symbol| symbol.is_product()) else {
        return refusal(StatusCode::NOT_FOUND, "NotFound");
    };
    let number = |name: &str| parameters.get(name).map(|text| text.parse::<u64>()).transpose();
    let (Ok(limit), Ok(after)) = (number("limit"), number("after")) else {
        return refusal(StatusCode::BAD_REQUEST, "Invalid cursor or limit");
    };
    let page = page(&product, after, limit.unwrap_or(PAGE).min(PAGE));
    let mut headers = HeaderMap::new();
    for (name, trade) in [("cb-before", page.first()), ("cb-after", page.last())] {
        headers.extend(trade.map(|trade| {
            let name = axum::http::HeaderName::from_static(name);
            (name, HeaderValue::from(trade.id))
        }));
    }
    let rows = page
        .iter()
        .filter_map(|trade| Some(row(&product.series.trade(*trade)?)));
    (headers, Json(rows.collect::<Vec<_>>())).into_response()
}

fn page(product: &Symbol, after: Option<u64>, limit: u64) -> Vec<Numbered> {
    let newest = product.historical(None, 1).first().map_or(0, |trade| trade.id);
    let below = after.unwrap_or(u64::MAX).min(newest.saturating_add(1));
    let mut page = product.historical(Some(below.saturating_sub(limit)), limit);
    page.retain(|trade| trade.id < below);
    page.reverse();
    page
}

async fn time(State(exchange): State<Arc<Exchange>>) -> Json<Value> {
    let now = exchange.now();
    Json(json!({ "iso": iso(now), "epoch": now.as_secs_f64() }))
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}
