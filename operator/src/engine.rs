//! The three engines of a pipeline and what each takes from the spec. Pure.

use std::fmt;

use crds::{CryptoPipelineSpec, names::Role, spec::Placement, status::condition};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// A store that keeps data on volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// Brokers and controllers.
    Kafka,
    /// Cassandra nodes.
    Cassandra,
    /// NameNodes, DataNodes, and what two NameNodes need: JournalNodes and ZooKeeper.
    Hdfs,
}

impl Engine {
    /// Every engine.
    pub const ALL: [Self; 3] = [Self::Kafka, Self::Cassandra, Self::Hdfs];

    /// The engine's key in `status.components`, `status.identity.racks` and the spec.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Cassandra => "cassandra",
            Self::Hdfs => "hdfs",
        }
    }

    /// Its roles, in the order in which members are restarted.
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Kafka => &[Role::KafkaController, Role::KafkaBroker],
            Self::Cassandra => &[Role::Cassandra],
            Self::Hdfs => &[Role::ZooKeeper, Role::JournalNode, Role::NameNode, Role::DataNode],
        }
    }

    /// The role that is spread over racks, one StatefulSet each.
    pub const fn racked_role(self) -> Role {
        match self {
            Self::Kafka => Role::KafkaBroker,
            Self::Cassandra => Role::Cassandra,
            Self::Hdfs => Role::DataNode,
        }
    }

    /// The engine that a role belongs to; none for workers.
    pub fn of(role: Role) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|engine| engine.roles().contains(&role))
    }

    /// Type of the condition that says whether its members are up.
    pub const fn condition(self) -> &'static str {
        match self {
            Self::Kafka => condition::KAFKA_READY,
            Self::Cassandra => condition::CASSANDRA_READY,
            Self::Hdfs => condition::HDFS_READY,
        }
    }

    /// Members asked for of the racked role.
    pub const fn racked_members(self, spec: &CryptoPipelineSpec) -> i32 {
        match self {
            Self::Kafka => spec.kafka.brokers,
            Self::Cassandra => spec.cassandra.nodes,
            Self::Hdfs => spec.hdfs.data_nodes,
        }
    }

    /// The version asked for.
    pub fn version(self, spec: &CryptoPipelineSpec) -> &str {
        match self {
            Self::Kafka => &spec.kafka.version,
            Self::Cassandra => &spec.cassandra.version,
            Self::Hdfs => &spec.hdfs.version,
        }
    }

    /// Key of its placement.
    pub fn placement_name(self, spec: &CryptoPipelineSpec) -> Option<&str> {
        match self {
            Self::Kafka => spec.kafka.placement.as_deref(),
            Self::Cassandra => spec.cassandra.placement.as_deref(),
            Self::Hdfs => spec.hdfs.placement.as_deref(),
        }
    }

    /// Its placement; any node where none is named.
    pub fn placement(self, spec: &CryptoPipelineSpec) -> Placement {
        named_placement(spec, self.placement_name(spec))
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kafka => "Kafka",
            Self::Cassandra => "Cassandra",
            Self::Hdfs => "HDFS",
        })
    }
}

/// The placement of that name; any node where there is none.
pub fn named_placement(spec: &CryptoPipelineSpec, name: Option<&str>) -> Placement {
    name.and_then(|name| spec.placements.get(name))
        .cloned()
        .unwrap_or_default()
}

/// The size that the spec asks for each volume of a role. None for controllers, ZooKeeper and JournalNodes, whose small
/// volumes never grow, for the processor, which has none, and for ingest while it records nothing.
pub fn volume_size(role: Role, spec: &CryptoPipelineSpec) -> Option<&Quantity> {
    match role {
        Role::KafkaBroker => Some(&spec.kafka.storage.size),
        Role::Cassandra => Some(&spec.cassandra.storage.size),
        Role::NameNode => Some(&spec.hdfs.name_node_storage.size),
        Role::DataNode => Some(&spec.hdfs.storage.size),
        Role::Ingest => spec.ingest.record.then_some(&spec.ingest.recording.storage.size),
        Role::KafkaController | Role::ZooKeeper | Role::JournalNode | Role::Processor => None,
    }
}
