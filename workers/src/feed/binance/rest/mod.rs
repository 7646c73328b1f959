//! Binance's REST side for market data (binance-spot-api-docs: rest-api.md).
//!
//! [`budget`] keeps the use of request weight within bounds, [`trades`] brings rows into the form of the live stream.

mod budget;
pub(super) mod trades;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use reqwest::{Certificate, Response, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};

use self::{budget::Budget, trades::Row};
use super::{error::asked_wait, install_crypto_provider};
use crate::{
    clock::now_us,
    feed::{History, HistoryError, Received},
    model::{IdInterval, Symbol},
};

/// The address's use of weight in the running minute.
const USED_WEIGHT: &str = "x-mbx-used-weight-1m";
/// Connecting, asking and answering together.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Characters kept of the exchange's words.
const MESSAGE_CHARS: usize = 200;
/// Symbols that one request may name. Above, all are asked for, at the same weight.
const NAMED_SYMBOLS: usize = 100;

/// A client that keeps within its share of the exchange's limits.
#[derive(Debug)]
pub struct BinanceRest {
    http: reqwest::Client,
    origin: String,
    budget: Mutex<Budget>,
}

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
        install_crypto_provider();
        // The image holds no certificate store; the stream's library brings the same roots along.
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .map(|root| Certificate::from_der(root))
            .collect::<reqwest::Result<Vec<_>>>()?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only(roots)
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self {
            http,
            origin: origin.trim_end_matches('/').to_owned(),
            budget: Mutex::new(Budget::new(weight_per_minute)),
        })
    }

    /// Asks as soon as the budget allows it.
    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        weight: u32,
        query: &[(&str, String)],
    ) -> Result<T, HistoryError> {
        self.afford(weight).await;
        self.ask(path, query).await
    }

    async fn afford(&self, weight: u32) {
        loop {
            let spent = self.budget().spend(weight, Instant::now());
            match spent {
                Ok(()) => return,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, HistoryError> {
        let request = self.http.get(format!("{}{path}", self.origin)).query(query);
        let answer = request.send().await.map_err(unavailable)?;
        if let Some(used) = used_weight(&answer) {
            self.budget().told(used, rest_of_minute(), Instant::now());
        }
        if !answer.status().is_success() {
            return Err(self.refused(answer).await);
        }
        let body = answer.bytes().await.map_err(unavailable)?;
        serde_json::from_slice(&body).map_err(|error| HistoryError::Unreadable(format!("{path}: {error}")))
    }

    async fn refused(&self, answer: Response) -> HistoryError {
        let status = answer.status();
        let wait = asked_wait(status, answer.headers());
        if !wait.is_zero() {
            self.budget().close(wait, Instant::now());
        }
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::IM_A_TEAPOT) {
            return HistoryError::Limited {
                status: status.as_u16(),
                wait,
            };
        }
        let words = answer.text().await.unwrap_or_default();
        let message: String = words.chars().take(MESSAGE_CHARS).collect();
        if status.is_server_error() {
            HistoryError::Unavailable(format!("HTTP {status}: {message}"))
        } else {
            HistoryError::Refused {
                status: status.as_u16(),
                message,
            }
        }
    }

    async fn tickers(&self, symbols: &[Symbol]) -> Result<Vec<Ticker>, HistoryError> {
        let mut query = vec![("type", "MINI".to_owned())];
        if !symbols.is_empty() {
            let names = serde_json::to_string(symbols).unwrap_or_default();
            query.push(("symbols", names));
        }
        self.get("/api/v3/ticker/24hr", ticker_weight(symbols.len()), &query)
            .await
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History for BinanceRest {
    async fn trades(&self, symbol: &Symbol, ids: IdInterval) -> Result<Vec<Received>, HistoryError> {
        let query = [
            ("symbol", symbol.to_string()),
            ("fromId", ids.first().to_string()),
            ("limit", ids.count().to_string()),
        ];
        let rows: Vec<Row> = self.get("/api/v3/historicalTrades", 25, &query).await?;
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
        let ExchangeInfo { symbols } = self.get("/api/v3/exchangeInfo", 20, &query).await?;
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
        let trades: Vec<Aggregate> = self.get("/api/v3/aggTrades", 4, &query).await?;
        Ok(trades.first().map(|trade| trade.first_id))
    }

    async fn clock_offset_us(&self) -> Result<i64, HistoryError> {
        self.afford(1).await;
        let asked = now_us();
        let ServerTime { server_time } = self.ask("/api/v3/time", &[]).await?;
        let answered = now_us();
        // The server looked at its clock about half way.
        let half_way = asked.midpoint(answered);
        Ok(server_time.saturating_mul(1_000).saturating_sub(half_way))
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

fn used_weight(answer: &Response) -> Option<u32> {
    answer.headers().get(USED_WEIGHT)?.to_str().ok()?.parse().ok()
}

/// Until the exchange begins to count anew, with a second for the difference of the clocks.
fn rest_of_minute() -> Duration {
    let into_minute = now_us().div_euclid(1_000_000).rem_euclid(60);
    Duration::from_secs((61 - into_minute).unsigned_abs())
}

fn unavailable(error: reqwest::Error) -> HistoryError {
    // The outer error only names the address; what failed stands in its source.
    let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    HistoryError::Unavailable(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_of_the_documentation() {
        assert_eq!([1, 20, 21, 100, 0].map(ticker_weight), [2, 2, 40, 40, 80]);
    }

    #[test]
    fn the_minute_ends_within_a_minute_and_a_second() {
        let rest = rest_of_minute().as_secs();
        assert!((2..=61).contains(&rest), "{rest}");
    }
}
