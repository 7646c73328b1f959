//! The exchange feed. What is the exchange's own stands in `exchange`.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    common::{SIZE, resources, rule},
    exchange::{Endpoints, Exchange, GapPolicy},
    replay::{Recording, Replay, TradeSource},
};
use crate::wire;

/// The workers that read an exchange's trades and write them to Kafka.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    rule("self.shards <= size(self.symbols)",
        "ingest.shards must not exceed the number of ingest.symbols, because a shard without a symbol has nothing to read; lower it"),
    rule(r"self.symbols.all(s, s.matches('^[^a-z/@ \t]+$'))",
        "ingest.symbols are written in upper case without a slash, as the exchange does; write them as in BTCUSDT"),
    rule(r"self.exchange != 'coinbase' || self.symbols.all(s, s.matches('^[A-Z0-9]+-[A-Z0-9]+$'))",
        "ingest.symbols of the exchange coinbase are its products; write them as in BTC-USD"),
    rule("self.requestWeightPerMinute >= 50 * self.shards * self.replicas",
        "ingest.requestWeightPerMinute must be at least 50 for each of shards times replicas, because one request for missing trades weighs 25; raise it or use fewer workers"),
    rule("self.source != 'replay' || has(self.replay)",
        "ingest.source is replay, but ingest.replay is missing; name there the claim that holds the files, and their format"),
    rule("self.source != 'replay' || self.replicas == 1",
        "ingest.replicas must be 1 where ingest.source is replay, because a second worker would read the same files; lower it"),
    rule("self.source != 'replay' || !has(self.startFrom) || !has(self.startFrom.time)",
        "ingest.startFrom.time asks the exchange, and ingest.source is replay, which begins with its files; remove it or name ingest.startFrom.ids"),
    rule("self.source != 'replay' || !self.record",
        "ingest.record keeps what the exchange sends, and ingest.source is replay; remove ingest.record"),
    rule("self.source != 'replay' || !has(self.replay) || self.replay.format != 'binanceCsv' || self.exchange == 'binance'",
        "ingest.replay.format binanceCsv is of the exchange binance; set ingest.exchange to binance or play frames"),
    rule("!self.record || self.replicas == 1",
        "ingest.replicas must be 1 where ingest.record is true, because two pods cannot share the volume of a recording; lower it or do not record"),
]))]
pub struct IngestSpec {
    /// Key of `spec.placements`. Absent: any node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub placement: Option<String>,
    /// Whose trades.
    #[serde(default)]
    pub exchange: Exchange,
    /// Where its trades are had from.
    #[serde(default)]
    pub source: TradeSource,
    /// The files that are played where `source` is `replay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
    /// Whether each shard keeps what the exchange sends it, frame by frame, on a volume that outlives the pod. Needs
    /// `replicas: 1`. A shard's old pod then ends before its new one starts.
    #[serde(default)]
    pub record: bool,
    /// How it is kept where `record` is true.
    #[serde(default)]
    pub recording: Recording,
    /// Where the exchange is reached.
    #[serde(default)]
    pub endpoints: Endpoints,
    /// Symbols in the exchange's own upper-case spelling, each once.
    #[schemars(length(min = 1, max = 1000), extend("x-kubernetes-list-type" = "set"))]
    #[schemars(inner(length(min = 2, max = 30)))]
    pub symbols: Vec<String>,
    /// One Deployment per shard; symbols are spread over shards by rendezvous hash. When it changes, a symbol that moves is
    /// read by both shards until the new one hears it.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 32))]
    pub shards: i32,
    /// Independent feeds of the same symbols. Consumers drop the copies by trade id.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 2))]
    pub replicas: i32,
    /// Where the trades of a symbol begin that was never read before. Absent: with the first one heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_from: Option<StartFrom>,
    /// What becomes of trade ids that are missing. Absent: `Strict` for binance, `Advisory` for coinbase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_policy: Option<GapPolicy>,
    /// REST request weight per minute that all workers together may use to fetch missing trades; 6,000 is all that an
    /// exchange allows one address. Binance weighs requests itself, and bans who exceeds it. Coinbase allows 10 requests a
    /// second, that is 600 a minute: each weighs 10 here, so that the default is 5 a second.
    #[serde(default = "half_of_the_limit")]
    #[schemars(range(min = 50, max = 6000))]
    pub request_weight_per_minute: i32,
    /// Where the trades of one worker wait while Kafka takes none.
    #[serde(default)]
    pub buffer: IngestBuffer,
    /// CPU and memory of one worker. Absent: 50m CPU and 64Mi asked for, 256Mi at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub resources: Option<ResourceRequirements>,
}

/// Where trades wait while Kafka takes none: in memory, then on the disk. When both are full the connections to the exchange
/// are closed until there is room, and what was missed is fetched by REST. At 2,000 trades a second the defaults last for
/// more than half an hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngestBuffer {
    /// Trades in memory, between 1Mi and 1Gi. A worker needs about three times as much when they are full; the default fits
    /// the default of `resources`.
    #[schemars(with = "String", length(max = 20), regex(pattern = SIZE))]
    pub memory: Quantity,
    /// The volume of each worker (an emptyDir) for the trades that memory has no room for, between 16Mi and 1Ti.
    #[schemars(with = "String", length(max = 20), regex(pattern = SIZE))]
    pub disk: Quantity,
}

impl Default for IngestBuffer {
    fn default() -> Self {
        Self {
            memory: Quantity("32Mi".to_owned()),
            disk: Quantity("1Gi".to_owned()),
        }
    }
}

/// Where the trades of a symbol begin. Everything from there on is fetched, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartFrom {
    /// By symbol, the lowest trade id. Below what was read before it moves the start back; above it has no effect.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 1000))]
    pub ids: BTreeMap<String, i64>,
    /// For other symbols, the time of the first trade, UTC, as in `2026-01-31T00:00:00Z`. It has no effect on a symbol
    /// that was read before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 30))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule(r"self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z$')",
            "ingest.startFrom.time must be a time in UTC; write it as in 2026-01-31T00:00:00Z"),
    ]))]
    pub time: Option<String>,
}

impl IngestSpec {
    /// Where the exchange is reached: what the spec says, else where the exchange is.
    pub fn endpoints(&self) -> wire::Endpoints {
        let default = self.exchange.default_endpoints();
        wire::Endpoints {
            stream: self.endpoints.stream.clone().unwrap_or(default.stream),
            rest: self.endpoints.rest.clone().unwrap_or(default.rest),
        }
    }

    /// What becomes of gaps: what the spec says, else what the exchange's numbering allows.
    pub fn gap_policy(&self) -> GapPolicy {
        self.gap_policy
            .unwrap_or_else(|| self.exchange.default_gap_policy())
    }
}

const fn one() -> i32 {
    1
}

const fn half_of_the_limit() -> i32 {
    3_000
}
