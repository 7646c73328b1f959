//! Keeping what the exchange sends, and playing it, or the exchange's own dumps, instead of a live feed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Storage, rule};
use crate::{
    duration::{HumanDuration, minutes},
    speed::ReplaySpeed,
};

/// Where ingest has its trades from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TradeSource {
    /// The exchange's live streams; what they miss is fetched by REST.
    #[default]
    Exchange,
    /// Files on a volume, each once from the first to the last. No network but Kafka's.
    Replay,
}

/// The volume of each shard's recording: a claim that outlives the pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    rule("quantity(self.storage.size).compareTo(quantity('64Mi')) >= 0",
        "ingest.recording.storage.size must be at least 64Mi; write it as in 10Gi"),
    rule("!self.rotateInterval.matches('^([0-9]{1,4}ms|[0-9]s)$')",
        "ingest.recording.rotateInterval must be at least 10s; write it as in 1h"),
]))]
pub struct Recording {
    /// The claim of each shard. When it is full the oldest files go.
    pub storage: Storage,
    /// A file is closed when it is this old; sooner when it has reached a sixteenth of the volume.
    pub rotate_interval: HumanDuration,
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            storage: Storage::of("10Gi"),
            rotate_interval: minutes(60),
        }
    }
}

/// The files that are played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// An existing claim (`PersistentVolumeClaim`) in the pipeline's namespace. It is mounted read-only, by the pod of each shard.
    #[schemars(length(min = 1, max = 253))]
    pub claim: String,
    /// A folder in it, with all folders below. Absent: all of the volume.
    #[serde(default)]
    #[schemars(length(max = 500))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule(r"!self.startsWith('/') && !self.split('/').exists(part, part == '..')",
            "ingest.replay.path must be relative to the volume and may not contain '..'; write it as in binance/2024"),
    ]))]
    pub path: String,
    /// What the files are.
    pub format: ReplayFormat,
    /// How many times as fast as the trades happened, as in `"1"`, `"100"` or `"0.5"`; `max`: as fast as Kafka takes them.
    #[serde(default)]
    #[schemars(with = "String", length(max = 10))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule(r"self == 'max' || (self.matches('^[0-9]{1,6}([.][0-9]{1,3})?$') && double(self) > 0.0)",
            "ingest.replay.speed must be max or a number above 0 of at most 6 digits and 3 decimals, in quotes; write it as in \"100\""),
    ]))]
    pub speed: ReplaySpeed,
}

/// What files of a replay are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReplayFormat {
    /// What `ingest.record` kept.
    Frames,
    /// Binance's public dumps of spot trades: `SYMBOL-trades-YYYY-MM-DD.csv`, or `SYMBOL-trades-YYYY-MM.csv`; as published in
    /// a `.zip`, or as `.csv.gz`.
    BinanceCsv,
}
