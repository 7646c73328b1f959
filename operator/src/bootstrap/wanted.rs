//! What a pipeline wants inside its engines. Pure; equal values mean that nothing new is asked for.

use std::collections::BTreeMap;

use crds::{
    names::{CQL_PORT, NAME_NODE_HTTP_PORT, Names, Role},
    wire::HdfsEndpoint,
};

use crate::{build::Resources, reconcile::validate::ValidatedPipeline};

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
    /// The topic of trades, and that of its dead letters.
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
    pub datacenter: &'static str,
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
    /// `host:port` of each NameNode's web server.
    pub name_node_web: Vec<String>,
}

impl Wanted {
    /// What this pipeline wants.
    pub fn of(pipeline: &ValidatedPipeline, resources: &Resources) -> Self {
        Self {
            topics: topics(pipeline),
            schema: schema(pipeline, resources),
            archive: archive(pipeline),
        }
    }
}

/// Dead letters stay longer than what they came from, so that they can be looked at and sent again.
const DEAD_LETTER_RETENTION: u64 = 4;

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
        ],
    }
}

fn schema(pipeline: &ValidatedPipeline, resources: &Resources) -> SchemaWanted {
    let cassandra = &pipeline.spec.cassandra;
    SchemaWanted {
        contact_points: hosts(pipeline, resources, Role::Cassandra)
            .map(|host| format!("{host}:{CQL_PORT}"))
            .collect(),
        keyspace: cassandra.keyspace.clone(),
        datacenter: Names::cassandra_datacenter(),
        replication: cassandra.replication_factor(),
        system_replication: cassandra.nodes.min(3),
        trade_ttl_seconds: cassandra.trade_retention.get().as_secs(),
    }
}

/// Owner of the archive's folders: the user that the workers write as.
const ARCHIVE_USER: &str = crds::names::APP_NAME;

fn archive(pipeline: &ValidatedPipeline) -> ArchiveWanted {
    let hdfs = &pipeline.spec.hdfs;
    let names = &pipeline.names;
    let name_nodes = names.name_nodes(hdfs.name_nodes);
    ArchiveWanted {
        name_node_web: name_nodes
            .iter()
            .filter_map(|(_, rpc)| rpc.split_once(':'))
            .map(|(host, _)| format!("{host}:{NAME_NODE_HTTP_PORT}"))
            .collect(),
        hdfs: HdfsEndpoint {
            name_service: names.name_service(),
            name_nodes: name_nodes.into_iter().collect(),
            user: ARCHIVE_USER.to_owned(),
            archive_path: hdfs.archive_path.clone(),
        },
    }
}

/// Host names of a role's pods.
fn hosts(pipeline: &ValidatedPipeline, resources: &Resources, role: Role) -> impl Iterator<Item = String> {
    let of_role = resources.stateful_sets.iter().filter(move |set| set.role == role);
    of_role.flat_map(move |set| {
        let replicas = set
            .object
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or(0);
        let name = set.object.metadata.name.clone().unwrap_or_default();
        (0..replicas).map(move |ordinal| pipeline.names.pod_host(role, &format!("{name}-{ordinal}")))
    })
}
