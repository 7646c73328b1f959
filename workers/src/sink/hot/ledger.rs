//! The hot lane's place in one partition, as `hot_progress` keeps it. Pure.

use serde::{Deserialize, Serialize};

use crate::processor::SeenIds;

/// Everything before `next` is in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The next offset to read.
    pub next: i64,
    /// All ids before it, so that copies are known after a restart.
    pub seen: SeenIds,
    /// Trade time of the newest trade, microseconds since 1970; 0 when there is none.
    pub last_trade_time_us: i64,
}

/// What the table's text column holds.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    seen: SeenIds,
    last_trade_time_us: i64,
}

impl Ledger {
    /// The text column.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Text {
            seen: self.seen.clone(),
            last_trade_time_us: self.last_trade_time_us,
        })
    }

    /// The ledger in a row.
    pub fn from_row(next: i64, text: &str) -> Result<Self, serde_json::Error> {
        let Text {
            seen,
            last_trade_time_us,
        } = serde_json::from_str(text)?;
        Ok(Self {
            next,
            seen,
            last_trade_time_us,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::testing::trade;

    #[test]
    fn is_read_as_it_was_written() {
        let mut ledger = Ledger {
            next: 42,
            last_trade_time_us: 7,
            ..Ledger::default()
        };
        ledger.seen.insert(&trade("BTCUSDT", 5, 0));
        assert_eq!(Ledger::from_row(42, &ledger.to_text().unwrap()).unwrap(), ledger);
    }
}
