//! An exchange's record of the past, from which missing trades are fetched.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::Received;
use crate::model::{IdInterval, Symbol};

/// The past trades of an exchange, and what it knows of the present.
pub trait History: Send + Sync + 'static {
    /// The trades of these ids (at most 1,000 from the lowest to the highest) in rising order, in the form of the live
    /// stream. What is absent may only be not there yet: the record of the past trails the stream.
    fn trades(
        &self,
        symbol: &Symbol,
        ids: IdInterval,
    ) -> impl Future<Output = Result<Vec<Received>, HistoryError>> + Send;

    /// The names of all symbols that the exchange lists.
    fn listed(&self) -> impl Future<Output = Result<BTreeSet<String>, HistoryError>> + Send;

    /// The newest id of each of these symbols that has traded lately. All of them must be listed.
    fn newest(
        &self,
        symbols: &[Symbol],
    ) -> impl Future<Output = Result<BTreeMap<Symbol, u64>, HistoryError>> + Send;

    /// The id of the first trade at that time (milliseconds since 1970) or later, if there is one.
    fn first_since(
        &self,
        symbol: &Symbol,
        time_ms: i64,
    ) -> impl Future<Output = Result<Option<u64>, HistoryError>> + Send;

    /// By how many microseconds the exchange's clock is ahead of this machine's.
    fn clock_offset_us(&self) -> impl Future<Output = Result<i64, HistoryError>> + Send;
}

/// Why the past could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Too many requests from this address. Nothing is asked before the wait is over.
    #[error("too many requests from this address (HTTP {status}); none for {} s", wait.as_secs())]
    Limited {
        /// 429, or 418 for a ban.
        status: u16,
        /// What the exchange asks to wait.
        wait: Duration,
    },
    /// No answer, or one that says to try again.
    #[error("the exchange's REST side cannot be reached: {0}")]
    Unavailable(String),
    /// An answer that will be the same the next time.
    #[error(
        "the exchange refused a request with HTTP {status}: {message}; check spec.ingest.endpoints.rest and \
         spec.ingest.symbols"
    )]
    Refused {
        /// HTTP status.
        status: u16,
        /// The exchange's words, cut.
        message: String,
    },
    /// There is no past to ask, now or later: files are played, and they do not hold it.
    #[error("the files of ingest.replay do not hold it")]
    NotInReplay,
    /// An answer in another form than documented.
    #[error("the exchange's answer cannot be read: {0}")]
    Unreadable(String),
}

impl HistoryError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Limited { status: 418, .. } => "RestBanned",
            Self::Limited { .. } => "RestLimited",
            Self::Unavailable(_) => "RestUnavailable",
            Self::Refused { .. } => "RestRefused",
            Self::NotInReplay => "NotInReplay",
            Self::Unreadable(_) => "RestUnreadable",
        }
    }

    /// Whether the same question will never be answered.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::NotInReplay)
    }
}
