//! The workers' configuration.

use crds::{
    names::{Names, Role},
    spec::IngestSpec,
    wire::{
        ArchiveConfig, AuditorConfig, CassandraEndpoint, HdfsEndpoint, HotConfig, IngestConfig,
        KafkaEndpoint, ProcessorConfig, REPLAY_PATH, ReplayConfig, StartFrom,
    },
};

use crate::{
    build::{cassandra, files::Files, hdfs},
    reconcile::validate::ValidatedPipeline,
};

/// Kafka as a client sees it.
pub fn kafka_endpoint(pipeline: &ValidatedPipeline) -> KafkaEndpoint {
    let trades = &pipeline.spec.kafka.topics.trades;
    KafkaEndpoint {
        bootstrap: pipeline.names.kafka_bootstrap_address(),
        topic: trades.name.clone(),
        dead_letter_topic: trades.dead_letter_name(),
        gap_topic: trades.gap_name(),
    }
}

/// HDFS as a client sees it.
pub fn hdfs_endpoint(pipeline: &ValidatedPipeline) -> HdfsEndpoint {
    HdfsEndpoint {
        name_service: pipeline.names.name_service(),
        name_nodes: pipeline
            .names
            .name_nodes(pipeline.spec.hdfs.name_nodes)
            .into_iter()
            .collect(),
        user: hdfs::SUPERUSER.to_owned(),
        archive_path: pipeline.spec.hdfs.archive_path.clone(),
    }
}

/// Cassandra as a client sees it.
pub fn cassandra_endpoint(pipeline: &ValidatedPipeline) -> CassandraEndpoint {
    CassandraEndpoint {
        contact_points: cassandra::contact_points(pipeline),
        datacenter: Names::cassandra_datacenter().to_owned(),
        keyspace: pipeline.spec.cassandra.keyspace.clone(),
    }
}

/// The configuration of one ingest shard.
pub(super) fn ingest(pipeline: &ValidatedPipeline, symbols: &[String]) -> IngestConfig {
    let spec = &pipeline.spec.ingest;
    IngestConfig {
        exchange: spec.exchange,
        endpoints: spec.endpoints(),
        symbols: symbols.to_vec(),
        symbols_version: symbols_version(symbols),
        start_from: start_from(&pipeline.start_from, symbols),
        gap_policy: spec.gap_policy(),
        request_weight_per_minute: weight_of_one(spec),
        kafka: kafka_endpoint(pipeline),
        ledger_topic: pipeline.spec.kafka.topics.trades.ledger_name(),
        buffer: pipeline.buffer.clone(),
        recording: pipeline.recording.clone(),
        replay: pipeline.replayed().map(|replay| ReplayConfig {
            folder: format!("{REPLAY_PATH}/{}", replay.path),
            format: replay.format,
            speed: replay.speed.clone(),
        }),
    }
}

/// What a worker reads of its configuration only when it starts.
pub(super) fn without_symbols(config: &IngestConfig) -> IngestConfig {
    IngestConfig {
        symbols: vec![],
        symbols_version: String::new(),
        ..config.clone()
    }
}

/// Names a list of symbols, so that a worker can say which list it follows.
pub(super) fn symbols_version(symbols: &[String]) -> String {
    // A symbol has no white space.
    Files::default().at_start("symbols", symbols.join(" ")).hash()
}

/// What concerns these symbols, so that a change for others changes nothing here.
fn start_from(all: &StartFrom, symbols: &[String]) -> StartFrom {
    let mut start_from = all.clone();
    start_from.ids.retain(|symbol, _| symbols.contains(symbol));
    start_from
}

/// The workers do not know of each other, and share one address at worst: each gets an equal part.
fn weight_of_one(ingest: &IngestSpec) -> u32 {
    let workers = (ingest.shards * ingest.replicas).max(1);
    u32::try_from(ingest.request_weight_per_minute / workers).unwrap_or_default()
}

/// The configuration of the processor.
pub(super) fn processor(pipeline: &ValidatedPipeline) -> ProcessorConfig {
    let spec = &pipeline.spec.processor;
    let names = &pipeline.names;
    ProcessorConfig {
        kafka: kafka_endpoint(pipeline),
        archive: spec.archive.enabled.then(|| ArchiveConfig {
            hdfs: hdfs_endpoint(pipeline),
            group: names.archive_group(),
            roll_size_bytes: pipeline.roll_size_bytes,
            roll_interval_ms: spec.archive.roll_interval.as_millis(),
        }),
        hot: spec.hot.enabled.then(|| HotConfig {
            cassandra: cassandra_endpoint(pipeline),
            group: names.hot_group(),
            gap_group: names.gap_group(),
            candles: spec.hot.candles.clone(),
        }),
    }
}

/// The configuration of the auditor.
pub(super) fn auditor(pipeline: &ValidatedPipeline) -> AuditorConfig {
    AuditorConfig {
        kafka: kafka_endpoint(pipeline),
        hdfs: hdfs_endpoint(pipeline),
        cassandra: cassandra_endpoint(pipeline),
    }
}

/// The image of every worker, of the operator's own version.
pub(super) fn image(pipeline: &ValidatedPipeline) -> String {
    format!(
        "{}/workers:{}",
        pipeline.spec.images.registry,
        env!("CARGO_PKG_VERSION")
    )
}

/// The program in [`image`] that is a role's worker.
pub(super) fn program(role: Role) -> String {
    format!("/usr/local/bin/{role}")
}
