//! What differs between exchanges: the name, where one is reached, and what its numbers promise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::rule;
use crate::wire;

/// An exchange that numbers its trades.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Exchange {
    /// Binance spot.
    #[default]
    Binance,
    /// Coinbase Exchange.
    Coinbase,
}

impl Exchange {
    /// Every exchange.
    pub const ALL: [Self; 2] = [Self::Binance, Self::Coinbase];

    /// The name in record headers, tables and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Binance => "binance",
            Self::Coinbase => "coinbase",
        }
    }

    /// The exchange of this name, as [`Self::as_str`] writes it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|exchange| exchange.as_str() == name)
    }

    /// Where it is reached without a key. Missing trades are fetched from Binance's `historicalTrades`, which its host for
    /// market data alone (`data-api.binance.vision`) does not offer.
    pub fn default_endpoints(self) -> wire::Endpoints {
        let (stream, rest) = match self {
            Self::Binance => ("wss://data-stream.binance.vision", "https://api.binance.com"),
            Self::Coinbase => (
                "wss://ws-feed.exchange.coinbase.com",
                "https://api.exchange.coinbase.com",
            ),
        };
        wire::Endpoints {
            stream: stream.to_owned(),
            rest: rest.to_owned(),
        }
    }

    /// What its numbering allows to conclude. Binance's ids of a symbol have no holes. Coinbase's count up as well, but its
    /// documentation promises no numbering without holes, so that a number that never comes need not be a lost trade.
    pub const fn default_gap_policy(self) -> GapPolicy {
        match self {
            Self::Binance => GapPolicy::Strict,
            Self::Coinbase => GapPolicy::Advisory,
        }
    }
}

/// What becomes of trade ids that are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum GapPolicy {
    /// Each is a lost trade: it is fetched, and while it cannot be had the condition `DataFlowing` is False and names it.
    #[default]
    Strict,
    /// Each is counted, told of and fetched if that is possible; one that cannot be had does not make `DataFlowing` False.
    Advisory,
    /// Missing ids are neither looked for nor fetched. Copies are dropped by id all the same.
    None,
}

impl GapPolicy {
    /// Whether it is the one under which a missing id is a lost trade.
    pub fn is_strict(&self) -> bool {
        *self == Self::Strict
    }
}

/// Where the exchange is reached. What is absent is the exchange's own: for binance `wss://data-stream.binance.vision` and
/// `https://api.binance.com`, for coinbase `wss://ws-feed.exchange.coinbase.com` and `https://api.exchange.coinbase.com`. No
/// key is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoints {
    /// WebSocket origin, `wss://` or `ws://`, without a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule(r"self.matches('^wss?://[^/ ]+$')",
            "ingest.endpoints.stream must start with wss:// or ws:// and have no path; write it as in wss://data-stream.binance.vision"),
    ]))]
    pub stream: Option<String>,
    /// REST origin, `https://` or `http://`, without a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule(r"self.matches('^https?://[^/ ]+$')",
            "ingest.endpoints.rest must start with https:// or http:// and have no path; write it as in https://api.binance.com"),
    ]))]
    pub rest: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exchange_is_found_by_its_name_which_is_that_of_json() {
        for exchange in Exchange::ALL {
            assert_eq!(Exchange::named(exchange.as_str()), Some(exchange));
            assert_eq!(serde_json::to_value(exchange).unwrap(), exchange.as_str());
        }
        assert_eq!(Exchange::named("Binance"), None);
    }
}
