//! A client of an exchange's REST side that keeps within its share of the limits ([`budget`]).

pub mod budget;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use reqwest::{Certificate, Response, StatusCode};
use serde::de::DeserializeOwned;

use self::budget::Budget;
use super::{HistoryError, stream::error::asked_wait, tls::install_crypto_provider};
use crate::clock::now_us;

/// Where an answer says what the address has used of its weight in the running minute. Only Binance says so.
const USED_WEIGHT: &str = "x-mbx-used-weight-1m";
/// Connecting, asking and answering together.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Characters kept of the exchange's words.
const MESSAGE_CHARS: usize = 200;
/// Coinbase refuses who does not say what asks.
const USER_AGENT: &str = concat!("cryptopipeline/", env!("CARGO_PKG_VERSION"));

/// See the module.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    origin: String,
    budget: Mutex<Budget>,
}

impl Client {
    /// `origin` is `https://host` or `http://host[:port]`, without a path. Connects with the first request.
    pub fn new(origin: &str, budget: Budget) -> reqwest::Result<Self> {
        install_crypto_provider();
        // The image holds no certificate store; the stream's library brings the same roots along.
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .map(|root| Certificate::from_der(root))
            .collect::<reqwest::Result<Vec<_>>>()?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only(roots)
            .user_agent(USER_AGENT)
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self {
            http,
            origin: origin.trim_end_matches('/').to_owned(),
            budget: Mutex::new(budget),
        })
    }

    /// Asks as soon as the budget allows it.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        weight: u32,
        query: &[(&str, String)],
    ) -> Result<T, HistoryError> {
        self.afford(weight).await;
        self.ask(path, query).await
    }

    /// By how many microseconds the exchange's clock is ahead, by the time that `read` finds in the answer.
    pub async fn clock_offset_us<T: DeserializeOwned>(
        &self,
        path: &str,
        weight: u32,
        read: impl FnOnce(T) -> i64,
    ) -> Result<i64, HistoryError> {
        self.afford(weight).await;
        let asked = now_us();
        let there = read(self.ask(path, &[]).await?);
        let answered = now_us();
        // The server looked at its clock about half way.
        Ok(there.saturating_sub(asked.midpoint(answered)))
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

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn the_minute_ends_within_a_minute_and_a_second() {
        let rest = rest_of_minute().as_secs();
        assert!((2..=61).contains(&rest), "{rest}");
    }
}
