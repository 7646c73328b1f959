//! What a pipeline wants inside its engines. Pure; equal values mean that nothing new is asked for.

use std::collections::BTreeMap;

use crds::wire::{CassandraEndpoint, HdfsEndpoint};

use crate::{build, reconcile::validate::ValidatedPipeline};

/// Everything that a pipeline wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// In Kafka.
    pub topics: TopicsWanted,
    /// In Cassandra.
    pub schema: SchemaWanted,
    /// In HDFS.
    pub archive: ArchiveWanted,
}

/// Topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicsWanted {
    /// `host:port` of the bootstrap Service.
    pub bootstrap: String,
    /// The topic of trades, that of its dead letters, and the compacted ones of gaps and ledgers.
    pub topics: Vec<TopicWanted>,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicWanted {
    /// Its name.
    pub name: String,
    /// At least so many.
    pub partitions: i32,
    /// Copies of each record.
    pub replication: i32,
    /// Topic configuration.
    pub config: BTreeMap<&'static str, String>,
}

/// Keyspace and tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaWanted {
    /// `host:port` of each node.
    pub contact_points: Vec<String>,
    /// The keyspace.
    pub keyspace: String,
    /// The data centre.
    pub datacenter: String,
    /// Copies of each row.
    pub replication: i32,
    /// Copies of each row of Cassandra's own tables: three, or the number of nodes where that is smaller.
    pub system_replication: i32,
    /// Seconds that rows of `trades` stay.
    pub trade_ttl_seconds: u64,
}

/// Folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveWanted {
    /// The name service and the folder.
    pub hdfs: HdfsEndpoint,
}

impl Wanted {
    /// What this pipeline wants.
    pub fn of(pipeline: &ValidatedPipeline) -> Self {
        Self {
            topics: topics(pipeline),
            schema: schema(pipeline),
            archive: archive(pipeline),
        }
    }
}

/// Dead letters stay longer than what they came from, so that they can be looked at and sent again.
const DEAD_LETTER_RETENTION: u64 = 4;

/// An hour: a worker that starts reads what was written since at most.
const COMPACTED_SEGMENT_MS: u64 = 3_600_000;

fn topics(pipeline: &ValidatedPipeline) -> TopicsWanted {
    let kafka = &pipeline.spec.kafka;
    let trades = &kafka.topics.trades;
    let topic = |name: String, partitions, retention_ms: u64| TopicWanted {
        name,
        partitions,
        replication: kafka.replication_factor(),
        config: BTreeMap::from([
            ("cleanup.policy", "delete".to_owned()),
            ("min.insync.replicas", kafka.min_in_sync_replicas().to_string()),
            ("retention.ms", retention_ms.to_string()),
        ]),
    };
    let compacted = |name: String| TopicWanted {
        name,
        partitions: 1,
        replication: kafka.replication_factor(),
        config: BTreeMap::from([
            ("cleanup.policy", "compact".to_owned()),
            ("min.insync.replicas", kafka.min_in_sync_replicas().to_string()),
            // Only closed segments are compacted.
            ("segment.ms", COMPACTED_SEGMENT_MS.to_string()),
        ]),
    };
    let retention = trades.retention.as_millis();
    TopicsWanted {
        bootstrap: pipeline.names.kafka_bootstrap_address(),
        topics: vec![
            topic(trades.name.clone(), trades.partitions, retention),
            topic(
                trades.dead_letter_name(),
                1,
                retention.saturating_mul(DEAD_LETTER_RETENTION),
            ),
            compacted(trades.gap_name()),
            compacted(trades.ledger_name()),
        ],
    }
}

fn schema(pipeline: &ValidatedPipeline) -> SchemaWanted {
    let cassandra = &pipeline.spec.cassandra;
    let CassandraEndpoint {
        contact_points,
        datacenter,
        keyspace,
    } = build::workers::cassandra_endpoint(pipeline);
    SchemaWanted {
        contact_points,
        keyspace,
        datacenter,
        replication: cassandra.replication_factor(),
        system_replication: cassandra.nodes.min(3),
        trade_ttl_seconds: cassandra.trade_retention.get().as_secs(),
    }
}

fn archive(pipeline: &ValidatedPipeline) -> ArchiveWanted {
    ArchiveWanted {
        hdfs: build::workers::hdfs_endpoint(pipeline),
    }
}
