//! The exchange feed.

use k8s_openapi::api::core::v1::ResourceRequirements;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{resources, rule};

/// The workers that read an exchange's trades and write them to Kafka.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    rule("self.shards <= size(self.symbols)",
        "ingest.shards must not exceed the number of ingest.symbols, because a shard without a symbol has nothing to read; lower it"),
    rule(r"self.symbols.all(s, s.matches('^[^a-z/@ \t]+$'))",
        "ingest.symbols are written in upper case without a slash, as the exchange does; write them as in BTCUSDT"),
]))]
pub struct IngestSpec {
    /// Key of `spec.placements`. Absent: any node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub placement: Option<String>,
    /// Whose trades.
    #[serde(default)]
    pub exchange: Exchange,
    /// Where the exchange is reached.
    #[serde(default)]
    pub endpoints: Endpoints,
    /// Symbols in the exchange's own upper-case spelling, each once.
    #[schemars(length(min = 1, max = 1000), extend("x-kubernetes-list-type" = "set"))]
    #[schemars(inner(length(min = 2, max = 30)))]
    pub symbols: Vec<String>,
    /// One Deployment per shard; symbols are spread over shards by rendezvous hash.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 32))]
    pub shards: i32,
    /// Independent feeds of the same symbols. Consumers drop the copies by trade id.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 2))]
    pub replicas: i32,
    /// CPU and memory of one worker. Absent: 50m CPU and 64Mi asked for, 256Mi at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub resources: Option<ResourceRequirements>,
}

/// An exchange that numbers its trades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Exchange {
    /// Binance spot.
    #[default]
    Binance,
}

impl Exchange {
    /// The name in record headers, tables and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Binance => "binance",
        }
    }
}

/// Where the exchange is reached. The defaults are Binance's hosts for market data, which need no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoints {
    /// WebSocket origin, `wss://` or `ws://`, without a path.
    #[schemars(length(max = 253))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule(r"self.matches('^wss?://[^/ ]+$')",
            "ingest.endpoints.stream must start with wss:// or ws:// and have no path; write it as in wss://data-stream.binance.vision"),
    ]))]
    pub stream: String,
    /// REST origin, `https://` or `http://`, without a path.
    #[schemars(length(max = 253))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule(r"self.matches('^https?://[^/ ]+$')",
            "ingest.endpoints.rest must start with https:// or http:// and have no path; write it as in https://data-api.binance.vision"),
    ]))]
    pub rest: String,
}

impl Default for Endpoints {
    fn default() -> Self {
        Self {
            stream: "wss://data-stream.binance.vision".to_owned(),
            rest: "https://data-api.binance.vision".to_owned(),
        }
    }
}

const fn one() -> i32 {
    1
}
