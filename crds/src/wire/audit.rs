//! What the auditor counts, symbol by symbol and place by place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the auditor prints with `--json`: the trades of each symbol, counted in three places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditReport {
    /// Whether in every symbol the three places hold the same ids, none missing and none twice.
    pub complete: bool,
    /// By symbol, upper case.
    pub symbols: BTreeMap<String, SymbolAudit>,
}

/// One symbol in three places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SymbolAudit {
    /// Lowest trade id in any place; absent where no place has a trade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_id: Option<u64>,
    /// Highest trade id in any place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_id: Option<u64>,
    /// Records of the topic.
    pub kafka: PlaceAudit,
    /// Rows of the table `trades`.
    pub cassandra: PlaceAudit,
    /// Rows of the closed Parquet files.
    pub archive: PlaceAudit,
}

/// One symbol in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaceAudit {
    /// Distinct trades.
    pub trades: u64,
    /// The ids that are here, as disjoint ranges in ascending order.
    pub ids: Vec<IdRange>,
    /// The ids between the symbol's first and last one (of any place) that are not here.
    pub missing: Vec<IdRange>,
    /// The ids that are here more than once.
    pub duplicates: Vec<IdRange>,
}

/// Trade ids from the first to the second, both included; in JSON `[from, to]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdRange(pub u64, pub u64);

impl IdRange {
    /// The number of ids.
    pub const fn count(self) -> u64 {
        self.1 - self.0 + 1
    }
}
