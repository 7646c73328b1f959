//! Where trades come from: one module per exchange. A feed reads, checks and passes on; it never talks to Kafka.

pub mod binance;
pub mod monitor;
pub mod queue;

use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

pub use self::{
    monitor::Monitor,
    queue::{Intake, Outlet, queue},
};
use crate::model::Trade;

/// A source of trades.
pub trait Feed: Send + 'static {
    /// Number of connections that must be up for the feed to be.
    fn connections(&self) -> usize;

    /// Reads until `stop` is cancelled, through any failure. Everything that was read has been pushed to `intake`
    /// when it returns.
    fn run(
        self,
        intake: Intake,
        monitor: Arc<Monitor>,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send;
}

/// What a feed read.
#[derive(Debug)]
pub struct Received {
    /// When, microseconds since 1970.
    pub wall_us: i64,
    /// When, for measuring.
    pub at: Instant,
    /// The trade event exactly as received; of what cannot be read, the whole frame or what claimed to be a trade.
    pub bytes: Bytes,
    /// The trade in the bytes, or the stable name of the reason why there is none.
    pub content: Result<Trade, &'static str>,
}

impl Received {
    /// Received now.
    pub fn now(bytes: Bytes, content: Result<Trade, &'static str>) -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            wall_us: i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX),
            at: Instant::now(),
            bytes,
            content,
        }
    }
}
