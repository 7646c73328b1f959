//! Binance's REST side for market data (binance-spot-api-docs: rest-api.md).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::trades::Row;
use crate::{
    feed::{
        History, HistoryError, Received,
        rest::{Client, budget::Budget},
    },
    model::{IdInterval, Symbol},
};

/// Symbols that one request may name. Above, all are asked for, at the same weight.
const NAMED_SYMBOLS: usize = 100;

/// Past trades and what exists now, by REST.
#[derive(Debug)]
pub struct BinanceRest(Client);

/// A row of `ticker/24hr`. Ids are -1 where there was no trade.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ticker {
    symbol: String,
    last_id: i64,
}

/// A row of `aggTrades`.
#[derive(Deserialize)]
struct Aggregate {
    #[serde(rename = "f")]
    first_id: u64,
}

/// The answer of `exchangeInfo`, of which only the names are kept.
#[derive(Deserialize)]
struct ExchangeInfo {
    symbols: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    symbol: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerTime {
    server_time: i64,
}

impl BinanceRest {
    /// `origin` is `https://host` or `http://host[:port]`, without a path. Connects with the first request.
    pub fn new(origin: &str, weight_per_minute: u32) -> reqwest::Result<Self> {
        Ok(Self(Client::new(origin, Budget::new(weight_per_minute))?))
    }

    async fn tickers(&self, symbols: &[Symbol]) -> Result<Vec<Ticker>, HistoryError> {
        let mut query = vec![("type", "MINI".to_owned())];
        if !symbols.is_empty() {
            let names = serde_json::to_string(symbols).unwrap_or_default();
            query.push(("symbols", names));
        }
        self.0
            .get("/api/v3/ticker/24hr", ticker_weight(symbols.len()), &query)
            .await
    }
}

impl History for BinanceRest {
    async fn trades(&self, symbol: &Symbol, ids: IdInterval) -> Result<Vec<Received>, HistoryError> {
        let query = [
            ("symbol", symbol.to_string()),
            ("fromId", ids.first().to_string()),
            ("limit", ids.count().to_string()),
        ];
        let rows: Vec<Row> = self.0.get("/api/v3/historicalTrades", 25, &query).await?;
        let asked = |row: &&Row| (ids.first()..=ids.last()).contains(&row.id);
        let readable = |row: &Row| match row.received(symbol) {
            Ok(received) => Some(received),
            Err(error) => {
                tracing::warn!(%symbol, id = row.id, %error, "row of the exchange's past cannot be read");
                None
            }
        };
        Ok(rows.iter().filter(asked).filter_map(readable).collect())
    }

    async fn listed(&self) -> Result<BTreeSet<String>, HistoryError> {
        let query = [("showPermissionSets", "false".to_owned())];
        let ExchangeInfo { symbols } = self.0.get("/api/v3/exchangeInfo", 20, &query).await?;
        Ok(symbols.into_iter().map(|listed| listed.symbol).collect())
    }

    async fn newest(&self, symbols: &[Symbol]) -> Result<BTreeMap<Symbol, u64>, HistoryError> {
        let named = if symbols.len() > NAMED_SYMBOLS {
            &[]
        } else {
            symbols
        };
        let tickers = match self.tickers(named).await {
            // One name that is not listed spoils the request for all.
            Err(HistoryError::Refused { .. }) if !named.is_empty() => self.tickers(&[]).await?,
            answer => answer?,
        };
        let ids: BTreeMap<&str, u64> = tickers
            .iter()
            .filter_map(|ticker| Some((ticker.symbol.as_str(), u64::try_from(ticker.last_id).ok()?)))
            .collect();
        let newest = symbols
            .iter()
            .filter_map(|symbol| Some((symbol.clone(), *ids.get(symbol.as_str())?)));
        Ok(newest.collect())
    }

    async fn first_since(&self, symbol: &Symbol, time_ms: i64) -> Result<Option<u64>, HistoryError> {
        let query = [
            ("symbol", symbol.to_string()),
            ("startTime", time_ms.to_string()),
            ("limit", "1".to_owned()),
        ];
        let trades: Vec<Aggregate> = self.0.get("/api/v3/aggTrades", 4, &query).await?;
        Ok(trades.first().map(|trade| trade.first_id))
    }

    async fn clock_offset_us(&self) -> Result<i64, HistoryError> {
        let read = |time: ServerTime| time.server_time.saturating_mul(1_000);
        self.0.clock_offset_us("/api/v3/time", 1, read).await
    }
}

/// Weights by number of symbols (rest-api.md, "24hr ticker price change statistics"); 0 stands for all symbols.
const fn ticker_weight(symbols: usize) -> u32 {
    match symbols {
        1..=20 => 2,
        21..=100 => 40,
        _ => 80,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_of_the_documentation() {
        assert_eq!([1, 20, 21, 100, 0].map(ticker_weight), [2, 2, 40, 40, 80]);
    }
}
