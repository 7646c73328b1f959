//! Gaps as rows of the table `gaps`.

use std::future::Future;

use crds::gap::GapRecord;
use scylla::{
    SerializeRow,
    value::{CqlTimestamp, MaybeUnset},
};

use super::HotError;
use crate::metrics::saturating;

/// A store of gaps that takes a repeated write as one.
pub trait GapStore: Send + Sync + 'static {
    /// Returns when all rows are durable. After an error any of them may be; write all again.
    fn write_gaps(&self, gaps: &[GapRecord]) -> impl Future<Output = Result<(), HotError>> + Send;
}

/// A row of `gaps`; a field per column (`crds::tables::GAPS`) and the write timestamp, which is when the news was told:
/// what was told last stays, whatever the order of arrival.
#[derive(Debug, SerializeRow)]
pub struct GapValues<'a> {
    exchange: &'a str,
    symbol: &'a str,
    from_id: i64,
    to_id: i64,
    cause: &'a str,
    state: &'a str,
    missing_ids: i64,
    repaired_ids: i64,
    detected_time: CqlTimestamp,
    closed_time: MaybeUnset<CqlTimestamp>,
    duration_ms: MaybeUnset<i64>,
    last_error: &'a str,
    written_at: i64,
}

impl<'a> GapValues<'a> {
    /// The row of a gap.
    pub fn of(gap: &'a GapRecord) -> Self {
        let duration = gap
            .closed_ms
            .map(|closed_ms| closed_ms.saturating_sub(gap.detected_ms));
        Self {
            exchange: gap.exchange.as_str(),
            symbol: &gap.symbol,
            from_id: saturating(gap.from_id),
            to_id: saturating(gap.to_id),
            cause: gap.cause.as_str(),
            state: gap.state.as_str(),
            missing_ids: saturating(gap.missing_ids),
            repaired_ids: saturating(gap.repaired_ids),
            detected_time: CqlTimestamp(gap.detected_ms),
            closed_time: MaybeUnset::from_option(gap.closed_ms.map(CqlTimestamp)),
            duration_ms: MaybeUnset::from_option(duration),
            // Empty rather than unset, so that what was wrong once does not stay.
            last_error: gap.last_error.as_deref().unwrap_or_default(),
            written_at: gap.updated_ms.saturating_mul(1_000),
        }
    }
}
