//! Where trades come from: one module per exchange, and [`stream`] and [`rest`] for what exchanges have in common. A feed
//! reads, checks and passes on; it never talks to Kafka.

pub mod binance;
pub mod coinbase;
pub mod event;
pub mod handover;
pub mod history;
pub mod monitor;
pub mod newest;
pub mod queue;
pub mod replay;
pub mod rest;
pub mod stream;
mod tls;

use std::{borrow::Cow, sync::Arc, time::Instant};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use self::handover::Wanted;
pub use self::{
    history::{History, HistoryError},
    monitor::{LastLoss, Monitor},
    newest::Newest,
    queue::{Gate, Intake, Outlet, queue},
};
use crate::{clock::now_us, model::Trade};

/// A source of trades.
pub trait Feed: Send + 'static {
    /// Reads the trades of `symbols`, which may change, until `stop` is cancelled, through any failure. A trade may be
    /// pushed twice while one connection replaces another. Everything that was read has been pushed to `intake` when it
    /// returns.
    fn run(
        self,
        symbols: Wanted,
        intake: Intake,
        monitor: Arc<Monitor>,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send;
}

/// Where a trade was had from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The exchange's live stream.
    Live,
    /// The exchange's record of the past, by REST.
    Rest,
    /// Files that are played.
    Replay,
}

/// What a feed read.
#[derive(Debug)]
pub struct Received {
    /// From where.
    pub source: Source,
    /// When, microseconds since 1970.
    pub wall_us: i64,
    /// When, for measuring.
    pub at: Instant,
    /// The trade event exactly as received; of what cannot be read, the whole frame or what claimed to be a trade.
    pub bytes: Bytes,
    /// The trade in the bytes, or the stable name of the reason why there is none.
    pub content: Result<Trade, Cow<'static, str>>,
}

impl Received {
    /// Received now from a live stream.
    pub fn now(bytes: Bytes, content: Result<Trade, Cow<'static, str>>) -> Self {
        Self {
            source: Source::Live,
            wall_us: now_us(),
            at: Instant::now(),
            bytes,
            content,
        }
    }

    /// Fetched now, and brought into the form of the live stream.
    pub fn fetched(bytes: Bytes, trade: Trade) -> Self {
        Self {
            source: Source::Rest,
            ..Self::now(bytes, Ok(trade))
        }
    }

    /// Read now from a file; `wall_us` is when a live feed received it, microseconds since 1970.
    pub fn replayed(bytes: Bytes, content: Result<Trade, Cow<'static, str>>, wall_us: i64) -> Self {
        Self {
            source: Source::Replay,
            wall_us,
            ..Self::now(bytes, content)
        }
    }
}
