//! `/api/v3/ticker/24hr`: the newest price and id of symbols. Volumes and the extremes of a day are left out.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{Query, State},
};
use serde_json::{Value, json};

use super::{error::ApiError, query};
use crate::{exchange::Exchange, market::symbol::Symbol};

const DAY_MS: u64 = 86_400_000;

/// A row for each of the symbols, or only one when `symbol` names it.
pub async fn day(
    State(exchange): State<Arc<Exchange>>,
    Query(parameters): Query<HashMap<String, String>>,
) -> Result<Json<Value>, ApiError> {
    let now = exchange.now_ms();
    let mut rows = query::symbols(&exchange, &parameters)?
        .iter()
        .map(|symbol| describe(symbol, now))
        .collect::<Vec<_>>();
    if parameters.contains_key("symbol") {
        return Ok(Json(rows.remove(0)));
    }
    Ok(Json(rows.into()))
}

/// By the number of symbols that the query names; no name stands for all.
pub fn weight(query: &str) -> u32 {
    let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
    let named = match (parameter("symbol="), parameter("symbols=")) {
        (Some(_), _) => 1,
        (None, Some(names)) => names.split("%2C").flat_map(|part| part.split(',')).count(),
        (None, None) => 0,
    };
    match named {
        1..=20 => 2,
        21..=100 => 40,
        _ => 80,
    }
}

/// Ids are -1 where there was no trade.
fn describe(symbol: &Symbol, now_ms: u64) -> Value {
    let page = symbol.ledger();
    let id = |id: Option<u64>| id.map_or(json!(-1), Value::from);
    let last = symbol.newest(1);
    let price = last
        .first()
        .and_then(|trade| Some(symbol.series.trade(*trade)?.price()))
        .unwrap_or_else(|| "0.00000000".to_owned());
    json!({
        "symbol": symbol.name(),
        "lastPrice": price,
        "openTime": now_ms.saturating_sub(DAY_MS),
        "closeTime": now_ms,
        "firstId": id(page.first_id),
        "lastId": id(page.last_id),
        "count": page.issued,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("type=MINI", 80)]
    #[case("symbol=BTCUSDT", 2)]
    #[case("type=MINI&symbols=%5B%22A%22%2C%22B%22%5D", 2)]
    #[case("symbols=[A,B,C,D,E,F,G,H,I,J,K,L,M,N,O,P,Q,R,S,T,U]", 40)]
    fn the_weight_goes_by_the_number_of_symbols(#[case] query: &str, #[case] expected: u32) {
        assert_eq!(weight(query), expected);
    }
}
