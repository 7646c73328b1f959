//! The hot lane's place in one partition, as `hot_progress` keeps it. Pure.

use serde::{Deserialize, Serialize};

use crate::processor::{SeenIds, candles::OpenWindows};

/// Everything before `next` is in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The next offset to read.
    pub next: i64,
    /// All ids before it, so that copies are known after a restart.
    pub seen: SeenIds,
    /// Trade time of the newest trade, microseconds since 1970; 0 when there is none.
    pub last_trade_time_us: i64,
    /// Candles that are not final, from whose trades on the topic must be read again.
    pub open: OpenWindows,
}

/// What the table's text column holds.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    seen: SeenIds,
    last_trade_time_us: i64,
    /// Absent in what a version without candles wrote.
    #[serde(default)]
    open: OpenWindows,
}

impl Ledger {
    /// The text column.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Text {
            seen: self.seen.clone(),
            last_trade_time_us: self.last_trade_time_us,
            open: self.open.clone(),
        })
    }

    /// The ledger in a row.
    pub fn from_row(next: i64, text: &str) -> Result<Self, serde_json::Error> {
        let Text {
            seen,
            last_trade_time_us,
            open,
        } = serde_json::from_str(text)?;
        Ok(Self {
            next,
            seen,
            last_trade_time_us,
            open,
        })
    }
}

#[cfg(test)]
mod tests {
    use crds::spec::Exchange;

    use super::*;
    use crate::{model::Window, processor::testing::trade};

    #[test]
    fn is_read_as_it_was_written() {
        let mut ledger = Ledger {
            next: 42,
            last_trade_time_us: 7,
            ..Ledger::default()
        };
        ledger.seen.insert(&trade("BTCUSDT", 5, 0));
        for (open_us, from) in [(60_000_000, Some(12)), (120_000_000, None)] {
            let window = Window {
                exchange: Exchange::Binance,
                symbol: "BTCUSDT".parse().unwrap(),
                interval: "1m".parse().unwrap(),
                open_us,
            };
            ledger.open.insert(&window, from);
        }
        let text = ledger.to_text().unwrap();
        assert_eq!(Ledger::from_row(42, &text).unwrap(), ledger);
        let open = r#""open":{"binance":{"BTCUSDT":{"1m":{"60000000":12,"120000000":null}}}}"#;
        assert!(text.contains(open), "{text}");
    }

    #[test]
    fn what_a_version_without_candles_wrote_is_read() {
        let text = r#"{"seen":{"binance":{"BTCUSDT":[[5,5]]}},"lastTradeTimeUs":7}"#;
        let ledger = Ledger::from_row(42, text).unwrap();
        assert_eq!((ledger.seen.trades(), ledger.open), (1, OpenWindows::default()));
    }
}
