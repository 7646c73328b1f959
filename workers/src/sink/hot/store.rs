//! What the hot lane asks of a store.

use std::future::Future;

use super::{HotError, HotRow, Ledger};

/// A store of trades that takes a repeated write as one.
pub trait HotStore: Send + Sync + 'static {
    /// The place of a partition; `None` when it has none yet.
    fn load(&self, partition: i32) -> impl Future<Output = Result<Option<Ledger>, HotError>> + Send;

    /// Returns when all rows are durable. After an error any of them may be; write all again.
    fn write(&self, rows: &[HotRow]) -> impl Future<Output = Result<(), HotError>> + Send;

    /// Keeps the place of a partition.
    fn save(&self, partition: i32, ledger: &Ledger) -> impl Future<Output = Result<(), HotError>> + Send;
}
