//! Every name, label and port made from a pipeline: the one place that Services, `serviceName`, DNS and clients agree on.
//!
//! Host names are stored by the engines as data (Kafka's set of voters, ZooKeeper's breadcrumb), so a change here breaks
//! running pipelines.

use std::fmt;

use crate::GROUP;

/// Kafka's port for clients and brokers.
pub const KAFKA_PORT: u16 = 9092;
/// KRaft's port between controllers and from brokers.
pub const KAFKA_CONTROLLER_PORT: u16 = 9093;
/// Cassandra's CQL port.
pub const CQL_PORT: u16 = 9042;
/// Cassandra's port between nodes.
pub const CASSANDRA_INTERNODE_PORT: u16 = 7000;
/// The NameNode's RPC port.
pub const NAME_NODE_RPC_PORT: u16 = 8020;
/// The NameNode's web port: UI, `/jmx`, `/prom`.
pub const NAME_NODE_HTTP_PORT: u16 = 9870;
/// The port of the failover controller (ZKFC) beside a NameNode.
pub const ZKFC_PORT: u16 = 8019;
/// The JournalNode's RPC port.
pub const JOURNAL_NODE_RPC_PORT: u16 = 8485;
/// The JournalNode's web port: `/jmx`, `/prom`, and edits for NameNodes and other JournalNodes.
pub const JOURNAL_NODE_HTTP_PORT: u16 = 8480;
/// ZooKeeper's port for clients and four-letter words.
pub const ZOOKEEPER_PORT: u16 = 2181;
/// ZooKeeper's port from followers to the leader.
pub const ZOOKEEPER_PEER_PORT: u16 = 2888;
/// ZooKeeper's port for elections.
pub const ZOOKEEPER_ELECTION_PORT: u16 = 3888;
/// The DataNode's data transfer port.
pub const DATA_NODE_PORT: u16 = 9866;
/// The DataNode's IPC port.
pub const DATA_NODE_IPC_PORT: u16 = 9867;
/// The DataNode's web port: UI, `/jmx`, `/prom`.
pub const DATA_NODE_HTTP_PORT: u16 = 9864;
/// The Prometheus port of Kafka and Cassandra (JMX exporter).
pub const JMX_EXPORTER_PORT: u16 = 9404;
/// The workers' HTTP port: `/livez`, `/readyz`, `/metrics`, `/status`.
pub const WORKER_HTTP_PORT: u16 = 9400;

/// Label: which pipeline.
pub const LABEL_INSTANCE: &str = "app.kubernetes.io/instance";
/// Label: which role, see [`Role`].
pub const LABEL_COMPONENT: &str = "app.kubernetes.io/component";
/// Label: always `cryptopipeline`.
pub const LABEL_NAME: &str = "app.kubernetes.io/name";
/// Label: always the operator.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label of members of a racked StatefulSet: the rack's index, as in its name.
pub const LABEL_RACK: &str = "cryptopipeline.dev/rack-index";
/// Label of ingest workers: the shard's index.
pub const LABEL_SHARD: &str = "cryptopipeline.dev/shard";
/// Value of [`LABEL_NAME`].
pub const APP_NAME: &str = "cryptopipeline";
/// Field manager of every server-side apply, and value of [`LABEL_MANAGED_BY`].
pub const MANAGER: &str = "cryptopipeline-operator";

/// An annotation or finalizer of this project.
pub fn qualified(name: &str) -> String {
    format!("{GROUP}/{name}")
}

/// A kind of process that a pipeline runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Role {
    KafkaBroker,
    KafkaController,
    Cassandra,
    ZooKeeper,
    JournalNode,
    NameNode,
    DataNode,
    Ingest,
    Processor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 9] = [
        Self::KafkaBroker,
        Self::KafkaController,
        Self::Cassandra,
        Self::ZooKeeper,
        Self::JournalNode,
        Self::NameNode,
        Self::DataNode,
        Self::Ingest,
        Self::Processor,
    ];

    /// Value of [`LABEL_COMPONENT`] and middle part of names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KafkaBroker => "kafka",
            Self::KafkaController => "kafka-controller",
            Self::Cassandra => "cassandra",
            Self::ZooKeeper => "zookeeper",
            Self::JournalNode => "journalnode",
            Self::NameNode => "namenode",
            Self::DataNode => "datanode",
            Self::Ingest => "ingest",
            Self::Processor => "processor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The names of one pipeline's objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// `metadata.name` of the pipeline.
    pub pipeline: String,
    /// Its namespace.
    pub namespace: String,
    /// DNS domain of the Kubernetes cluster.
    pub cluster_domain: String,
}

impl Names {
    /// `<pipeline>-<role>`: the ServiceAccount, ConfigMap, PodDisruptionBudget and, where there is one, headless Service of a role.
    pub fn of(&self, role: Role) -> String {
        format!("{}-{role}", self.pipeline)
    }

    /// `<pipeline>-<role>-r<rack>`: the StatefulSet of a racked role (brokers, Cassandra nodes, DataNodes).
    pub fn racked(&self, role: Role, rack: usize) -> String {
        format!("{}-{role}-r{rack}", self.pipeline)
    }

    /// The Service that Kafka clients bootstrap from.
    pub fn kafka_bootstrap(&self) -> String {
        format!("{}-kafka-bootstrap", self.pipeline)
    }

    /// `host:port` that Kafka clients bootstrap from.
    pub fn kafka_bootstrap_address(&self) -> String {
        format!("{}:{KAFKA_PORT}", self.service_host(&self.kafka_bootstrap()))
    }

    /// Host name of a Service.
    pub fn service_host(&self, service: &str) -> String {
        format!("{service}.{}.svc.{}", self.namespace, self.cluster_domain)
    }

    /// Host name of a pod of a role behind the role's headless Service.
    pub fn pod_host(&self, role: Role, pod: &str) -> String {
        format!("{pod}.{}", self.service_host(&self.of(role)))
    }

    /// The HDFS name service: clients address `hdfs://<this>`.
    pub fn name_service(&self) -> String {
        self.pipeline.clone()
    }

    /// NameNode ids and `host:port` of their RPC servers, in order.
    pub fn name_nodes(&self, count: i32) -> Vec<(String, String)> {
        (0..count)
            .map(|ordinal| {
                let pod = self.pod(Role::NameNode, ordinal);
                let address = format!("{}:{NAME_NODE_RPC_PORT}", self.pod_host(Role::NameNode, &pod));
                (format!("nn{ordinal}"), address)
            })
            .collect()
    }

    /// Name of a pod of a role without racks.
    pub fn pod(&self, role: Role, ordinal: i32) -> String {
        format!("{}-{ordinal}", self.of(role))
    }

    /// Host names of the first `count` pods of a role without racks, in order.
    pub fn pod_hosts(&self, role: Role, count: i32) -> Vec<String> {
        (0..count)
            .map(|ordinal| self.pod_host(role, &self.pod(role, ordinal)))
            .collect()
    }

    /// Host names of the JournalNodes, in order. Each is a Service with an address of its own, named as its pod: a NameNode
    /// does not start while one of these names is unknown, and the name of a pod is unknown while there is no such pod.
    pub fn journal_nodes(&self, count: i32) -> Vec<String> {
        (0..count)
            .map(|ordinal| self.service_host(&self.pod(Role::JournalNode, ordinal)))
            .collect()
    }

    /// Name of the claim of a StatefulSet's pod; the template is called `data` everywhere.
    pub fn claim(stateful_set: &str, ordinal: i32) -> String {
        Self::claim_of_pod(&format!("{stateful_set}-{ordinal}"))
    }

    /// Name of the claim of a StatefulSet's pod.
    pub fn claim_of_pod(pod: &str) -> String {
        format!("data-{pod}")
    }

    /// Cassandra's data centre.
    pub const fn cassandra_datacenter() -> &'static str {
        "dc1"
    }

    /// Consumer group of the archive lane.
    pub fn archive_group(&self) -> String {
        format!("{}-archive", self.pipeline)
    }

    /// Consumer group of the hot lane.
    pub fn hot_group(&self) -> String {
        format!("{}-hot", self.pipeline)
    }

    /// Consumer group of the lane of gaps.
    pub fn gap_group(&self) -> String {
        format!("{}-gaps", self.pipeline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_hosts_stay_as_the_engines_stored_them() {
        let names = Names {
            pipeline: "market".to_owned(),
            namespace: "prod".to_owned(),
            cluster_domain: "cluster.local".to_owned(),
        };
        assert_eq!(
            names.name_nodes(1),
            [(
                "nn0".to_owned(),
                "market-namenode-0.market-namenode.prod.svc.cluster.local:8020".to_owned()
            )]
        );
        assert_eq!(
            names.pod_hosts(Role::ZooKeeper, 1),
            ["market-zookeeper-0.market-zookeeper.prod.svc.cluster.local"]
        );
        assert_eq!(
            names.journal_nodes(2)[1],
            "market-journalnode-1.prod.svc.cluster.local"
        );
        assert_eq!(
            names.pod_host(Role::KafkaBroker, "market-kafka-r0-0"),
            "market-kafka-r0-0.market-kafka.prod.svc.cluster.local"
        );
        assert_eq!(
            names.kafka_bootstrap_address(),
            "market-kafka-bootstrap.prod.svc.cluster.local:9092"
        );
    }

    #[test]
    fn the_longest_pipeline_name_still_gives_legal_pod_names() {
        let names = Names {
            pipeline: "p".repeat(30),
            namespace: "n".to_owned(),
            cluster_domain: "d".to_owned(),
        };
        for role in Role::ALL {
            // A StatefulSet's name plus the 11 characters of a revision hash is a label value.
            assert!(names.racked(role, 8).len() + 11 <= 63, "{role}");
        }
    }
}
