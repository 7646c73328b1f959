//! Reading the parameters of the trade endpoints the way Binance does.

use std::{collections::HashMap, sync::Arc};

use axum::http::HeaderMap;

use super::error::ApiError;
use crate::{
    exchange::Exchange,
    market::{series::TimeUnit, symbol::Symbol},
};

const DEFAULT_LIMIT: u64 = 500;
const MAX_LIMIT: u64 = 1000;
const SYMBOL_RANGE: &str = "^[A-Z0-9-_.]{1,20}$";
const SYMBOLS_RANGE: &str = "^\\[(\"[A-Z0-9-_.]{1,20}\"(,\"[A-Z0-9-_.]{1,20}\"){0,}){0,1}\\]$";
const NUMBER_RANGE: &str = "^[0-9]{1,20}$";

/// What is asked of `trades` or `historicalTrades`.
#[derive(Debug)]
pub struct TradeQuery {
    /// A listed symbol.
    pub symbol: Arc<Symbol>,
    /// Number of rows, at most 1,000; a greater number is cut.
    pub limit: u64,
    /// First id asked for.
    pub from_id: Option<u64>,
    /// First time asked for, milliseconds since the Unix epoch.
    pub start_time: Option<u64>,
    /// Unit of the times.
    pub unit: TimeUnit,
}

impl TradeQuery {
    /// Reads the parameters; any other than the `known` ones is refused.
    pub fn parse(
        exchange: &Exchange,
        parameters: &HashMap<String, String>,
        headers: &HeaderMap,
        known: &[&str],
    ) -> Result<Self, ApiError> {
        let expected = parameters
            .keys()
            .filter(|name| known.contains(&name.as_str()))
            .count();
        if expected < parameters.len() {
            return Err(ApiError::TooManyParameters {
                expected,
                received: parameters.len(),
            });
        }
        let name = parameters.get("symbol").filter(|name| !name.is_empty());
        let limit = number(parameters, "limit")?
            .unwrap_or(DEFAULT_LIMIT)
            .min(MAX_LIMIT);
        Ok(Self {
            symbol: listed(exchange, name.ok_or(ApiError::Mandatory("symbol"))?)?,
            limit,
            from_id: number(parameters, "fromId")?,
            start_time: number(parameters, "startTime")?,
            unit: time_unit(headers)?,
        })
    }
}

/// The symbols named by `symbol` or `symbols` (a JSON array), or all.
pub fn symbols(
    exchange: &Exchange,
    parameters: &HashMap<String, String>,
) -> Result<Vec<Arc<Symbol>>, ApiError> {
    match (parameters.get("symbol"), parameters.get("symbols")) {
        (Some(name), _) => Ok(vec![listed(exchange, name)?]),
        (None, Some(names)) => {
            let names: Vec<String> =
                serde_json::from_str(names).map_err(|_| ApiError::IllegalCharacters {
                    parameter: "symbols",
                    range: SYMBOLS_RANGE,
                })?;
            names.iter().map(|name| listed(exchange, name)).collect()
        }
        (None, None) => Ok(exchange.listings(false)),
    }
}

/// The listed symbol of this name.
pub fn listed(exchange: &Exchange, name: &str) -> Result<Arc<Symbol>, ApiError> {
    let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if name.len() > 20 || !name.bytes().all(legal) {
        return Err(ApiError::IllegalCharacters {
            parameter: "symbol",
            range: SYMBOL_RANGE,
        });
    }
    exchange.symbol(name).ok_or(ApiError::Symbol)
}

/// The unit asked for by header, milliseconds when none is.
pub fn time_unit(headers: &HeaderMap) -> Result<TimeUnit, ApiError> {
    let Some(value) = headers.get("x-mbx-time-unit") else {
        return Ok(TimeUnit::Millisecond);
    };
    value
        .to_str()
        .ok()
        .and_then(TimeUnit::parse)
        .ok_or(ApiError::TimeUnit)
}

fn number(parameters: &HashMap<String, String>, parameter: &'static str) -> Result<Option<u64>, ApiError> {
    let illegal = |_| ApiError::IllegalCharacters {
        parameter,
        range: NUMBER_RANGE,
    };
    parameters
        .get(parameter)
        .map(|value| value.parse().map_err(illegal))
        .transpose()
}
