//! What the hot lane asks of a store.

use std::future::Future;

use super::{HotError, HotRow, Ledger};
use crate::model::{Candle, Fill, Window};

/// A store of trades and candles that takes a repeated write as one.
pub trait HotStore: Send + Sync + 'static {
    /// The place of a partition; `None` when it has none yet.
    fn load(&self, partition: i32) -> impl Future<Output = Result<Option<Ledger>, HotError>> + Send;

    /// Returns when all rows are durable. After an error any of them may be; write all again.
    fn write(&self, rows: &[HotRow]) -> impl Future<Output = Result<(), HotError>> + Send;

    /// Hands over every stored trade of a window, each once, in any order. After an error some may have been handed over.
    fn read(
        &self,
        window: &Window,
        take: impl FnMut(Fill) + Send,
    ) -> impl Future<Output = Result<(), HotError>> + Send;

    /// Returns when all candles are durable, or more complete versions of them are. After an error any of them may be;
    /// write all again.
    fn write_candles(&self, candles: &[Candle]) -> impl Future<Output = Result<(), HotError>> + Send;

    /// Keeps the place of a partition.
    fn save(&self, partition: i32, ledger: &Ledger) -> impl Future<Output = Result<(), HotError>> + Send;
}
