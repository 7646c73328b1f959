//! `/api/v3/exchangeInfo`: the listed symbols and the limits, as far as market data goes.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{Query, State},
};
use serde_json::{Value, json};

use super::{error::ApiError, query};
use crate::{exchange::Exchange, market::symbol::Symbol};

/// Quote assets by which a name is split; a longer one before a shorter one it ends with.
const QUOTE_ASSETS: [&str; 9] = ["FDUSD", "USDT", "USDC", "TUSD", "BTC", "ETH", "BNB", "EUR", "TRY"];

/// All symbols, or those named by `symbol` or `symbols` (a JSON array).
pub async fn exchange_info(
    State(exchange): State<Arc<Exchange>>,
    Query(parameters): Query<HashMap<String, String>>,
) -> Result<Json<Value>, ApiError> {
    let symbols = query::symbols(&exchange, &parameters)?;
    Ok(Json(json!({
        "timezone": "UTC",
        "serverTime": exchange.now_ms(),
        "rateLimits": [{
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": exchange.limits.weight_per_minute,
        }],
        "exchangeFilters": [],
        "symbols": symbols.iter().map(|symbol| describe(symbol)).collect::<Vec<_>>(),
    })))
}

fn describe(symbol: &Symbol) -> Value {
    let name = symbol.name();
    let (base, quote) = QUOTE_ASSETS
        .iter()
        .find_map(|quote| Some((name.strip_suffix(quote).filter(|base| !base.is_empty())?, *quote)))
        .unwrap_or((name, ""));
    json!({
        "symbol": name,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "isSpotTradingAllowed": true,
        "isMarginTradingAllowed": false,
        "filters": [],
        "permissions": ["SPOT"],
    })
}
