//! What happens once in the life of a pipeline's data. Recorded in the status and on the volumes concerned, so that a disk
//! which is empty later means a lost member, never a new cluster. Pure.

use crds::{names::Role, status::Identity};

use crate::engine::Engine;

/// Something that happens once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Milestone {
    /// The `KRaft` quorum has formed.
    KafkaFormed,
    /// The Cassandra ring has formed.
    CassandraFormed,
    /// A NameNode is formatted: the file system exists.
    NameNodeFormatted,
    /// The JournalNodes hold the NameNodes' edits.
    EditsShared,
    /// ZooKeeper holds the failover controllers' node.
    FailoverFormatted,
}

impl Milestone {
    /// Every milestone.
    pub const ALL: [Self; 5] = [
        Self::KafkaFormed,
        Self::CassandraFormed,
        Self::NameNodeFormatted,
        Self::EditsShared,
        Self::FailoverFormatted,
    ];

    /// Whose it is.
    pub const fn engine(self) -> Engine {
        match self {
            Self::KafkaFormed => Engine::Kafka,
            Self::CassandraFormed => Engine::Cassandra,
            Self::NameNodeFormatted | Self::EditsShared | Self::FailoverFormatted => Engine::Hdfs,
        }
    }

    /// The roles whose volumes carry the record.
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::KafkaFormed => Engine::Kafka.roles(),
            Self::CassandraFormed => Engine::Cassandra.roles(),
            Self::NameNodeFormatted => &[Role::NameNode, Role::DataNode],
            Self::EditsShared => &[Role::JournalNode],
            Self::FailoverFormatted => &[Role::ZooKeeper],
        }
    }

    /// Whether the status says so.
    pub const fn is_recorded(self, identity: &Identity) -> bool {
        match self {
            Self::KafkaFormed => identity.kafka_formed,
            Self::CassandraFormed => identity.cassandra_formed,
            Self::NameNodeFormatted => identity.hdfs_formatted,
            Self::EditsShared => identity.hdfs_edits_shared,
            Self::FailoverFormatted => identity.hdfs_failover_formatted,
        }
    }

    /// Makes the status say so.
    pub const fn record(self, identity: &mut Identity) {
        let recorded = match self {
            Self::KafkaFormed => &mut identity.kafka_formed,
            Self::CassandraFormed => &mut identity.cassandra_formed,
            Self::NameNodeFormatted => &mut identity.hdfs_formatted,
            Self::EditsShared => &mut identity.hdfs_edits_shared,
            Self::FailoverFormatted => &mut identity.hdfs_failover_formatted,
        };
        *recorded = true;
    }

    /// In words, for an event.
    pub const fn what(self) -> &'static str {
        match self {
            Self::KafkaFormed => "Kafka has formed its quorum for the first time; its identity is fixed",
            Self::CassandraFormed => {
                "Cassandra has formed its ring for the first time; its identity is fixed"
            }
            Self::NameNodeFormatted => "the file system of HDFS exists; no NameNode is ever formatted again",
            Self::EditsShared => "the JournalNodes hold the edits of HDFS; they are never formatted again",
            Self::FailoverFormatted => {
                "ZooKeeper holds the node of the failover controllers; it is never created again"
            }
        }
    }
}

/// What a Job formats, once, before HDFS uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FormatTarget {
    /// The first NameNode's disk.
    NameNode,
    /// The JournalNodes: they get the edits of the NameNode that was formatted.
    JournalNodes,
    /// The failover controllers' node in ZooKeeper.
    ZooKeeper,
}

impl FormatTarget {
    /// Every target, in order.
    pub const ALL: [Self; 3] = [Self::NameNode, Self::ZooKeeper, Self::JournalNodes];

    /// What is behind once its Job has succeeded.
    pub const fn milestone(self) -> Milestone {
        match self {
            Self::NameNode => Milestone::NameNodeFormatted,
            Self::JournalNodes => Milestone::EditsShared,
            Self::ZooKeeper => Milestone::FailoverFormatted,
        }
    }

    /// Value of the Job's component label and last part of its name. Not that of a role, whose Service and budget must not
    /// count the Job's pod.
    pub const fn component(self) -> &'static str {
        match self {
            Self::NameNode => "namenode-format",
            Self::JournalNodes => "journalnode-format",
            Self::ZooKeeper => "zookeeper-format",
        }
    }
}
