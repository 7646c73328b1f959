//! The past of a replay: there is none but its files.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    feed::{History, HistoryError, Received},
    model::{IdInterval, Symbol},
};

/// Knows nothing, and never will.
#[derive(Clone, Copy, Debug)]
pub struct NoHistory;

impl History for NoHistory {
    async fn trades(&self, _: &Symbol, _: IdInterval) -> Result<Vec<Received>, HistoryError> {
        Err(HistoryError::NotInReplay)
    }

    async fn listed(&self) -> Result<BTreeSet<String>, HistoryError> {
        Err(HistoryError::NotInReplay)
    }

    async fn newest(&self, _: &[Symbol]) -> Result<BTreeMap<Symbol, u64>, HistoryError> {
        Err(HistoryError::NotInReplay)
    }

    async fn first_since(&self, _: &Symbol, _: i64) -> Result<Option<u64>, HistoryError> {
        Err(HistoryError::NotInReplay)
    }

    async fn clock_offset_us(&self) -> Result<i64, HistoryError> {
        Err(HistoryError::NotInReplay)
    }
}
