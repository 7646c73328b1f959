//! What the operator writes for the workers (configuration files) and what they answer (`/status`).
//!
//! One type for both sides: a field that one side does not know is an error, not a silence.

mod audit;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::audit::{AuditReport, IdRange, PlaceAudit, SymbolAudit};
use crate::{
    gap::GapRecord,
    spec::{Exchange, GapPolicy, ReplayFormat},
    speed::ReplaySpeed,
};

/// Where the operator mounts a worker's configuration.
pub const CONFIG_PATH: &str = "/etc/cryptopipeline/config.yaml";

/// Where the operator mounts the volume of an ingest worker's spool.
pub const SPOOL_PATH: &str = "/var/spool/cryptopipeline";

/// Where the operator mounts the volume of an ingest worker's recording.
pub const RECORDING_PATH: &str = "/var/lib/cryptopipeline/recording";

/// Where the operator mounts the volume of the files that are played.
pub const REPLAY_PATH: &str = "/var/lib/cryptopipeline/replay";

/// Ranges of missing ids that a lane names for one partition; the others are only counted.
pub const NAMED_RANGES: usize = 20;

/// Configuration of an ingest worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngestConfig {
    /// Whose trades.
    pub exchange: Exchange,
    /// Where the exchange is reached.
    pub endpoints: Endpoints,
    /// This shard's symbols, upper case. A running worker takes a change of them over.
    pub symbols: Vec<String>,
    /// Names this list of symbols: the worker repeats it in its status once it follows the list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub symbols_version: String,
    /// Where the ids of a symbol begin to count that was never read before.
    #[serde(default, skip_serializing_if = "StartFrom::is_now")]
    pub start_from: StartFrom,
    /// What becomes of trade ids that are missing.
    #[serde(default, skip_serializing_if = "GapPolicy::is_strict")]
    pub gap_policy: GapPolicy,
    /// REST request weight per minute that this worker may use.
    pub request_weight_per_minute: u32,
    /// Where trades go.
    pub kafka: KafkaEndpoint,
    /// The compacted topic in which the ids that Kafka has are kept, symbol by symbol.
    pub ledger_topic: String,
    /// Where trades wait that Kafka does not take.
    pub buffer: BufferConfig,
    /// Where frames are kept; absent where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingConfig>,
    /// The files that are played; absent where the exchange is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayConfig>,
}

/// Where the frames of an exchange are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordingConfig {
    /// The folder of the files.
    pub folder: String,
    /// Bytes of all files.
    pub disk_bytes: u64,
    /// A file is closed when it is so many milliseconds old.
    pub rotate_interval_ms: u64,
}

/// Files that are played instead of a live feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplayConfig {
    /// Their folder; those below it count.
    pub folder: String,
    /// What they are.
    pub format: ReplayFormat,
    /// How fast.
    pub speed: ReplaySpeed,
}

/// Where an exchange is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoints {
    /// WebSocket origin, `wss://` or `ws://`, without a path.
    pub stream: String,
    /// REST origin, `https://` or `http://`, without a path.
    pub rest: String,
}

/// Where trades wait that Kafka does not take: first in memory, then on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BufferConfig {
    /// Bytes of records in memory, without bookkeeping.
    pub memory_bytes: u64,
    /// Bytes of files.
    pub disk_bytes: u64,
    /// Their folder.
    pub folder: String,
}

/// Where the ids of a symbol begin to count; from the first trade heard on where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartFrom {
    /// By symbol, the lowest id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ids: BTreeMap<String, u64>,
    /// For other symbols, the time of the first trade, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<i64>,
}

impl StartFrom {
    /// Whether every symbol starts with the first trade heard.
    pub fn is_now(&self) -> bool {
        self.ids.is_empty() && self.time_ms.is_none()
    }
}

/// Configuration of a processor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProcessorConfig {
    /// Where trades come from.
    pub kafka: KafkaEndpoint,
    /// The archive lane; absent where it is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveConfig>,
    /// The hot lane; absent where it is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot: Option<HotConfig>,
}

/// Configuration of the auditor: where it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditorConfig {
    /// The topic.
    pub kafka: KafkaEndpoint,
    /// The archive.
    pub hdfs: HdfsEndpoint,
    /// The table.
    pub cassandra: CassandraEndpoint,
}

/// A Kafka cluster and the topics in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KafkaEndpoint {
    /// `host:port`, comma-separated.
    pub bootstrap: String,
    /// The topic of trades.
    pub topic: String,
    /// Where records go that cannot be read.
    pub dead_letter_topic: String,
    /// The compacted topic of gaps ([`GapRecord`] in JSON under [`GapRecord::key`]).
    pub gap_topic: String,
}

/// An HDFS name service and the archive in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HdfsEndpoint {
    /// Clients address `hdfs://<nameService>`.
    pub name_service: String,
    /// NameNode id to `host:port` of its RPC server.
    pub name_nodes: BTreeMap<String, String>,
    /// The user that owns the archive.
    pub user: String,
    /// The folder of the archive.
    pub archive_path: String,
}

/// A Cassandra cluster and the keyspace in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CassandraEndpoint {
    /// `host:port` of first contacts.
    pub contact_points: Vec<String>,
    /// The data centre whose replicas acknowledge (`LOCAL_QUORUM`).
    pub datacenter: String,
    /// The keyspace.
    pub keyspace: String,
}

/// The archive lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchiveConfig {
    /// Where files go.
    pub hdfs: HdfsEndpoint,
    /// Consumer group.
    pub group: String,
    /// A file is closed when its encoded size reaches this many bytes.
    pub roll_size_bytes: u64,
    /// A file is closed when its first record is this old.
    pub roll_interval_ms: u64,
}

/// The hot lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HotConfig {
    /// Where rows go.
    pub cassandra: CassandraEndpoint,
    /// Consumer group.
    pub group: String,
    /// Consumer group of the lane that writes gaps.
    pub gap_group: String,
    /// Candle intervals such as `1m`.
    pub candles: Vec<String>,
}

/// What an ingest worker answers on `/status`. Counters are of this process's life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IngestStatus {
    /// Whether the feed is connected and subscribed.
    pub connected: bool,
    /// Connections made, the first included.
    pub connections: u64,
    /// Trades acknowledged by Kafka.
    pub acknowledged: u64,
    /// Trades read from the exchange and not yet acknowledged.
    pub in_flight: u64,
    /// Records that wait behind the full buffer in memory, because Kafka does not take them.
    pub spooled: u64,
    /// Whether the feed is closed on purpose, because there is no room for what it would read.
    pub held: bool,
    /// Frames that were no trade and no known control message.
    pub rejected_frames: u64,
    /// Trades dropped because their id was heard before or is in Kafka already.
    pub copies: u64,
    /// Ids of gaps that Kafka does not have.
    pub missing_ids: u64,
    /// Gaps that are not closed, at most 20: those that cannot be repaired first, then those found last.
    pub gaps: Vec<GapRecord>,
    /// When a trade was last sent after one with a higher id, milliseconds since 1970; 0 when none was. The archive has
    /// it when its lag no longer reaches back so far.
    pub late_ms: i64,
    /// By how many microseconds the exchange's clock is ahead of the worker's; absent while that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_offset_us: Option<i64>,
    /// The `symbolsVersion` of the configuration whose symbols are followed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub symbols_version: String,
    /// Configured symbols that the exchange does not list. The others are not concerned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_symbols: Vec<String>,
    /// How far a replay is; absent where the exchange is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayStatus>,
    /// How the exchange answers; absent where files are played, and of workers from before this field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<ExchangeStatus>,
    /// Per symbol, what Kafka has.
    pub symbols: BTreeMap<String, SymbolStatus>,
}

/// How the exchange answers an ingest worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExchangeStatus {
    /// Address of its stream.
    pub stream: String,
    /// Address of its REST side.
    pub rest: String,
    /// Why the stream is not connected; absent while it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
    /// Whether it has told which symbols it lists.
    pub listed: bool,
    /// Why it did not, the last time that it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listing_error: Option<String>,
}

/// How far a replay is, in this process's life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplayStatus {
    /// Files with trades of the worker's symbols.
    pub files: u64,
    /// Those of them that were read to their end.
    pub files_done: u64,
    /// Trades read, those included that Kafka had already.
    pub trades: u64,
    /// Whether every file was read and every trade of them acknowledged by Kafka.
    pub finished: bool,
    /// Files of which a part could not be read, at most 20 of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub damaged_files: Vec<String>,
    /// Why nothing is read yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
}

/// One symbol's trades in Kafka, as far as its ledger reaches back. It survives a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SymbolStatus {
    /// Lowest trade id.
    pub first_id: u64,
    /// Highest trade id.
    pub last_id: u64,
    /// Distinct trades.
    pub trades: u64,
    /// Ids of gaps that Kafka does not have.
    pub missing_ids: u64,
    /// Exchange time of the newest trade, milliseconds since 1970; 0 when it is not known.
    pub last_trade_time_ms: i64,
    /// Trades acknowledged in the last whole minute.
    pub trades_per_minute: u64,
    /// Set once trades came whose ids began again at a lower number; of this process's life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarted: Option<RestartedIds>,
}

/// A symbol's ids began again at a lower number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RestartedIds {
    /// The newest id before.
    pub old_id: u64,
    /// The first id known to be one of the new numbering. It is not above the old one.
    pub new_id: u64,
    /// Trades sent to the dead-letter topic for it, copies included.
    pub trades: u64,
}

/// What a processor answers on `/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessorStatus {
    /// The archive lane; absent where it is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<LaneStatus>,
    /// The hot lane; absent where it is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot: Option<LaneStatus>,
}

/// One lane of one processor: the partitions that it owns now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LaneStatus {
    /// The reason why the lane waits, for instance `CassandraUnavailable`; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
    /// By partition number, once the sink has told how far it is. Every figure survives a restart unless it says
    /// otherwise.
    pub partitions: BTreeMap<i32, PartitionStatus>,
}

/// One partition of one lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionStatus {
    /// Everything before this offset is durable in the sink.
    pub next_offset: i64,
    /// The topic's end (high watermark) as last seen.
    pub end_offset: i64,
    /// Distinct trades that are durable in the sink.
    pub trades: u64,
    /// Trade ids missing between the first and the last id of each symbol, summed over symbols.
    pub missing_ids: u64,
    /// Which ids these are, by symbol: the first [`NAMED_RANGES`] ranges of all symbols.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<String, Vec<IdRange>>,
    /// Copies that were dropped, since this process took the partition.
    pub duplicates: u64,
    /// Records sent to the dead-letter topic, since this process took the partition.
    pub dead_letters: u64,
    /// Seconds since the oldest record that is not yet durable was written; 0 when there is none.
    pub lag_seconds: u64,
    /// Seconds since the oldest record that was not yet read was written; 0 when there is none. What was read and waits for
    /// its file to be closed does not count.
    #[serde(default)]
    pub behind_seconds: u64,
    /// Exchange time of the newest durable trade, milliseconds since 1970; 0 when there is none.
    pub last_trade_time_ms: i64,
}
