//! The admin API under `/sim`: for tests and people, never for a client of the exchange.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    config::{Fault, SymbolSpec},
    exchange::{Exchange, ExchangeError},
    ledger::Ledger,
};

/// The admin routes.
pub fn routes() -> Router<Arc<Exchange>> {
    Router::new()
        .route("/sim/healthz", get(async || "ok"))
        .route("/sim/ledger", get(ledger))
        .route("/sim/symbols", post(add_symbol))
        .route("/sim/symbols/{name}/start", post(start))
        .route("/sim/symbols/{name}/stop", post(stop))
        .route("/sim/inject", post(inject))
        .route("/sim/faults", post(inflict))
}

async fn ledger(State(exchange): State<Arc<Exchange>>) -> Json<Ledger> {
    Json(exchange.ledger())
}

async fn add_symbol(
    State(exchange): State<Arc<Exchange>>,
    Json(spec): Json<SymbolSpec>,
) -> Result<StatusCode, ExchangeError> {
    exchange.list(spec).map(|()| StatusCode::CREATED)
}

async fn start(
    State(exchange): State<Arc<Exchange>>,
    Path(name): Path<String>,
) -> Result<StatusCode, ExchangeError> {
    exchange.start(&name).map(|()| StatusCode::NO_CONTENT)
}

async fn stop(
    State(exchange): State<Arc<Exchange>>,
    Path(name): Path<String>,
) -> Result<StatusCode, ExchangeError> {
    exchange.stop(&name).map(|()| StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Target {
    symbol: String,
}

/// The body is sent as it is, as one text frame.
async fn inject(
    State(exchange): State<Arc<Exchange>>,
    Query(target): Query<Target>,
    text: String,
) -> Result<Json<Value>, ExchangeError> {
    let connections = exchange.inject(&target.symbol, &text)?;
    Ok(Json(json!({ "connections": connections })))
}

async fn inflict(
    State(exchange): State<Arc<Exchange>>,
    Json(fault): Json<Fault>,
) -> Result<StatusCode, ExchangeError> {
    exchange.inflict(fault).map(|()| StatusCode::NO_CONTENT)
}

impl IntoResponse for ExchangeError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Unlisted(_) => StatusCode::NOT_FOUND,
            Self::Listed(_) => StatusCode::CONFLICT,
            Self::BadName(_) | Self::RecordedIds(_) | Self::NoTrades(_) => StatusCode::BAD_REQUEST,
        };
        (
            status,
            Json(json!({ "reason": self.reason(), "message": self.to_string() })),
        )
            .into_response()
    }
}
