//! Which Kafka properties belong to the operator. A key in `spec.kafka.config` is refused when it stands here. Pure.

use crds::spec::KafkaSpec;

use super::Problem;

/// Keys, or prefixes of keys where they end in a dot, and why the operator keeps them to itself.
const OWNED: &[(&str, &str)] = &[
    ("process.roles", "roles follow spec.kafka.controllers"),
    ("node.id", "ids are stored on disk and follow from the pod's name"),
    (
        "broker.id",
        "ids are stored on disk and follow from the pod's name",
    ),
    (
        "broker.id.generation.enable",
        "ids are stored on disk and follow from the pod's name",
    ),
    ("broker.rack", "racks follow from the zones of the placement"),
    ("replica.selector.class", "it belongs to the racks"),
    (
        "controller.quorum.voters",
        "the quorum is a dynamic one, in which this key may not be set",
    ),
    (
        "controller.quorum.bootstrap.servers",
        "the quorum's members follow from spec.kafka",
    ),
    (
        "controller.quorum.auto.join.enable",
        "the operator decides who joins the quorum",
    ),
    ("controller.listener.names", "listeners belong to the operator"),
    ("listeners", "listeners belong to the operator"),
    ("advertised.listeners", "addresses follow from the pods' names"),
    (
        "listener.security.protocol.map",
        "listeners belong to the operator",
    ),
    ("listener.name.", "listeners belong to the operator"),
    ("inter.broker.listener.name", "listeners belong to the operator"),
    (
        "security.inter.broker.protocol",
        "listeners belong to the operator",
    ),
    ("early.start.listeners", "listeners belong to the operator"),
    ("log.dir", "data lies in the claim's own folder"),
    ("log.dirs", "data lies in the claim's own folder"),
    ("metadata.log.dir", "data lies in the claim's own folder"),
    (
        "default.replication.factor",
        "it follows spec.kafka.topics.trades.replicationFactor",
    ),
    (
        "min.insync.replicas",
        "it follows spec.kafka.topics.trades.minInSyncReplicas",
    ),
    (
        "offsets.topic.replication.factor",
        "it follows spec.kafka.topics.trades.replicationFactor",
    ),
    (
        "transaction.state.log.replication.factor",
        "it follows spec.kafka.topics.trades.replicationFactor",
    ),
    (
        "transaction.state.log.min.isr",
        "it follows spec.kafka.topics.trades.minInSyncReplicas",
    ),
    (
        "offsets.retention.minutes",
        "it follows spec.kafka.topics.trades.retention",
    ),
    (
        "auto.create.topics.enable",
        "topics are created by the operator alone",
    ),
    (
        "unclean.leader.election.enable",
        "it would lose acknowledged trades",
    ),
    (
        "controlled.shutdown.enable",
        "a restart without it takes partitions offline",
    ),
    ("authorizer.class.name", "the operator's own access depends on it"),
    ("super.users", "the operator's own access depends on it"),
    ("config.providers", "it would read files and variables of the pod"),
    ("zookeeper.", "Kafka 4 has no ZooKeeper"),
];

/// Why the operator keeps a key to itself, if it does.
fn owner_of(key: &str) -> Option<&'static str> {
    OWNED
        .iter()
        .find(|(owned, _)| key == *owned || (owned.ends_with('.') && key.starts_with(owned)))
        .map(|(_, why)| *why)
}

/// Refuses owned keys, and values that would smuggle in another line.
pub(super) fn check(kafka: &KafkaSpec, problems: &mut Vec<Problem>) {
    for (key, value) in &kafka.config {
        if let Some(why) = owner_of(key.trim()) {
            problems.push(Problem::ConfigKeyOwned {
                key: key.clone(),
                why,
            });
        }
        // A trailing backslash continues the line in a Java properties file.
        if format!("{key}{value}").contains(['\n', '\r']) || value.ends_with('\\') {
            problems.push(Problem::ConfigValueMultiline { key: key.clone() });
        }
    }
}
