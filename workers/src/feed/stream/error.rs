//! How connections end or are to be replaced, and what that means for the next one.

use std::time::Duration;

use tokio_tungstenite::tungstenite::{self, http};

use crate::{
    feed::{
        handover::{Cause, End},
        queue::Closed,
    },
    model::Symbol,
};

/// Wait after the exchange said that there were too many requests, unless it says how long.
const COOL_DOWN: Duration = Duration::from_mins(1);

/// Why a connection ended, was not made, or is to be replaced.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The process stops.
    #[error("stopped")]
    Stopped,
    /// Nobody takes trades any more.
    #[error(transparent)]
    QueueClosed(#[from] Closed),
    /// Nothing more can be kept until Kafka takes trades again.
    #[error(
        "kafka takes no trades and the buffer is full (spec.ingest.buffer); reading goes on when there is room"
    )]
    BufferFull,
    /// The exchange answered the handshake with an error.
    #[error("handshake answered with HTTP {status}")]
    Handshake {
        /// HTTP status.
        status: http::StatusCode,
        /// What the exchange asks to wait.
        wait: Duration,
    },
    /// No answer in time.
    #[error("{what} took longer than {} s", limit.as_secs())]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// How long.
        limit: Duration,
    },
    /// The exchange refused a subscription.
    #[error("subscription refused: {0}; check spec.ingest.symbols")]
    Refused(String),
    /// Announced, as by Binance's `serverShutdown` event.
    #[error("the exchange announced its shutdown")]
    ServerShutdown,
    /// REST knows of trades that the stream does not deliver.
    #[error("trades of {0} exist that this connection has not delivered")]
    NotDelivered(Symbol),
    /// A stream of several has stopped.
    #[error("no trade of {0} for much longer than it ever paused on this connection")]
    SymbolSilent(Symbol),
    /// Closed by the exchange, as after 24 hours.
    #[error("closed by the exchange: {0}")]
    Closed(String),
    /// The connection broke.
    #[error("connection failed: {0}")]
    Failed(#[from] Box<tungstenite::Error>),
}

impl LinkError {
    /// Something took longer than it may.
    pub const fn timeout(what: &'static str, limit: Duration) -> Self {
        Self::Timeout { what, limit }
    }

    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Stopped => "Stopped",
            Self::QueueClosed(_) => "QueueClosed",
            Self::BufferFull => "BufferFull",
            Self::Handshake { .. } => "HandshakeRefused",
            Self::Timeout { .. } => "Timeout",
            Self::Refused(_) => "SubscriptionRefused",
            Self::ServerShutdown => "ServerShutdown",
            Self::NotDelivered(_) => "NotDelivered",
            Self::SymbolSilent(_) => "SymbolSilent",
            Self::Closed(_) => "ClosedByExchange",
            Self::Failed(_) => "ConnectionFailed",
        }
    }

    /// In the words of the line.
    pub fn cause(&self) -> Cause {
        Cause {
            reason: self.reason(),
            detail: self.to_string(),
        }
    }

    /// What the exchange asks to wait before the next attempt.
    pub const fn least_wait(&self) -> Duration {
        match self {
            Self::Handshake { wait, .. } => *wait,
            _ => Duration::ZERO,
        }
    }
}

impl From<tungstenite::Error> for LinkError {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Http(response) => Self::Handshake {
                status: response.status(),
                wait: asked_wait(response.status(), response.headers()),
            },
            error => Self::Failed(Box::new(error)),
        }
    }
}

impl From<LinkError> for End {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Stopped | LinkError::QueueClosed(_) => Self::Finished,
            error => Self::Lost(error.cause(), error.least_wait()),
        }
    }
}

/// 429 and 418 (Binance's ban) may say in `Retry-After` for how many seconds.
pub fn asked_wait(status: http::StatusCode, headers: &http::HeaderMap) -> Duration {
    let seconds = headers
        .get(http::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    match (status.as_u16(), seconds) {
        (_, Some(seconds)) => Duration::from_secs(seconds),
        (418 | 429, None) => COOL_DOWN,
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(429, None, 60)]
    #[case(418, Some("120"), 120)]
    #[case(429, Some("soon"), 60)]
    #[case(503, Some("5"), 5)]
    #[case(503, None, 0)]
    fn a_refused_handshake_says_how_long_to_wait(
        #[case] status: u16,
        #[case] retry_after: Option<&str>,
        #[case] seconds: u64,
    ) {
        let mut response = http::Response::builder().status(status);
        if let Some(value) = retry_after {
            response = response.header("Retry-After", value);
        }
        let error = tungstenite::Error::Http(Box::new(response.body(None).unwrap()));
        let error = LinkError::from(error);
        assert_eq!(error.reason(), "HandshakeRefused");
        assert_eq!(error.least_wait(), Duration::from_secs(seconds));
    }
}
