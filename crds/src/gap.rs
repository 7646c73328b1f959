//! A gap: trade ids that did not arrive. One form for the topic of gaps, the table `gaps`, and what ingest tells the
//! operator. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::spec::Exchange;

/// A range of trade ids that neither the feed nor Kafka had, from its detection on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GapRecord {
    /// Whose trades.
    pub exchange: Exchange,
    /// Of which symbol, upper case.
    pub symbol: String,
    /// Lowest id.
    pub from_id: u64,
    /// Highest id.
    pub to_id: u64,
    /// Why the ids did not arrive.
    pub cause: GapCause,
    /// What became of it.
    pub state: GapState,
    /// Ids of the range that Kafka has not acknowledged yet.
    pub missing_ids: u64,
    /// Ids of the range that were fetched by REST; the others of a closed gap arrived late.
    pub repaired_ids: u64,
    /// When it was found, milliseconds since 1970.
    pub detected_ms: i64,
    /// When Kafka had acknowledged the last id of it, milliseconds since 1970; absent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_ms: Option<i64>,
    /// Why the newest request brought nothing, as a stable CamelCase name; absent when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When this was said, milliseconds since 1970. What is said later replaces what was said before.
    pub updated_ms: i64,
}

/// Why ids did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum GapCause {
    /// No ingest worker ran, or none that read the symbol.
    Downtime,
    /// A connection to the exchange was lost meanwhile.
    Disconnect,
    /// Connected all the time, and not delivered or not readable.
    NotDelivered,
    /// From before the first start, as `spec.ingest.startFrom` asks for.
    Backfill,
}

/// What became of a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum GapState {
    /// Being repaired.
    Open,
    /// Nothing was brought for long, whatever was asked. It is asked on.
    Unrepairable,
    /// Kafka has every id of it.
    Closed,
}

impl GapRecord {
    /// The key of its record in the compacted topic: of all records about one gap the last one stays.
    pub fn key(&self) -> String {
        format!("{}:{}:{}", self.exchange.as_str(), self.symbol, self.from_id)
    }
}

impl GapCause {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Downtime => "Downtime",
            Self::Disconnect => "Disconnect",
            Self::NotDelivered => "NotDelivered",
            Self::Backfill => "Backfill",
        }
    }
}

impl GapState {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Unrepairable => "Unrepairable",
            Self::Closed => "Closed",
        }
    }
}

/// `BTCUSDT 106-117`, or `BTCUSDT 106` for a single id.
impl fmt::Display for GapRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.symbol, self.from_id)?;
        if self.to_id == self.from_id {
            Ok(())
        } else {
            write!(f, "-{}", self.to_id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap() -> GapRecord {
        GapRecord {
            exchange: Exchange::Binance,
            symbol: "BTCUSDT".to_owned(),
            from_id: 106,
            to_id: 117,
            cause: GapCause::Disconnect,
            state: GapState::Open,
            missing_ids: 12,
            repaired_ids: 0,
            detected_ms: 1_610_064_000_278,
            closed_ms: None,
            last_error: None,
            updated_ms: 1_610_064_000_300,
        }
    }

    #[test]
    fn is_a_flat_json_object_under_the_key_of_its_first_id() {
        let json = r#"{"exchange":"binance","symbol":"BTCUSDT","fromId":106,"toId":117,"cause":"Disconnect","state":"Open","missingIds":12,"repairedIds":0,"detectedMs":1610064000278,"updatedMs":1610064000300}"#;
        assert_eq!(serde_json::to_string(&gap()).unwrap(), json);
        assert_eq!(serde_json::from_str::<GapRecord>(json).unwrap(), gap());
        assert_eq!(gap().key(), "binance:BTCUSDT:106");
    }

    #[test]
    fn names_its_ids_to_people() {
        assert_eq!(gap().to_string(), "BTCUSDT 106-117");
        let one = GapRecord { to_id: 106, ..gap() };
        assert_eq!(one.to_string(), "BTCUSDT 106");
    }

    #[test]
    fn words_are_those_of_json() {
        for cause in [
            GapCause::Downtime,
            GapCause::Disconnect,
            GapCause::NotDelivered,
            GapCause::Backfill,
        ] {
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.as_str());
        }
        for state in [GapState::Open, GapState::Unrepairable, GapState::Closed] {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }
}
