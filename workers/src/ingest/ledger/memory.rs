//! What outlives a worker of one symbol's ledger, in the compacted topic of ledgers.

use crds::gap::GapRecord;
use serde::{Deserialize, Serialize};

use super::numbering::Mark;
use crate::model::IdIntervals;

/// One symbol's ledger as Kafka keeps it. It may lag behind the topic of trades by some seconds: whoever reads it also
/// reads the topic's last records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// The lowest id that must be there.
    pub start: u64,
    /// The ids that Kafka has acknowledged.
    pub ids: IdIntervals,
    /// The gaps that are not closed.
    pub gaps: Vec<GapRecord>,
    /// When an id last arrived after a higher one, milliseconds since 1970; 0 when none did.
    pub late_ms: i64,
    /// When the newest acknowledged trade happened, microseconds since 1970; 0 when that is not known.
    pub last_trade_us: i64,
    /// The id and time that tell whether the ids begin again; absent in what an older version kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}
