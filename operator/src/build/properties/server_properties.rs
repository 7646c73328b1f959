//! Kafka's `server.properties`.
//!
//! One file serves all pods of a role: the start script puts node id, host name and rack in place of `@NODE_ID@`, `@HOST@` and
//! `@RACK@`.

use std::{collections::BTreeMap, fmt::Write as _};

use crds::names::{KAFKA_CONTROLLER_PORT, KAFKA_PORT, Role};

use crate::{
    build::{kafka, rack},
    reconcile::validate::ValidatedPipeline,
};

/// Kafka's own default of `offsets.retention.minutes`, seven days: never less.
const MIN_OFFSETS_RETENTION_MINUTES: u64 = 7 * 24 * 60;

/// The file of brokers or controllers: the user's keys and those of the operator, sorted.
pub fn render(pipeline: &ValidatedPipeline, role: Role) -> String {
    let mut properties = pipeline.spec.kafka.config.clone();
    // A pipeline has two consumer groups; Kafka's 50 partitions would only lengthen every start and failover.
    properties
        .entry("offsets.topic.num.partitions".to_owned())
        .or_insert_with(|| "12".to_owned());
    let mut set = |key: &str, value: String| {
        properties.insert(key.to_owned(), value);
    };
    set("node.id", "@NODE_ID@".to_owned());
    set("log.dirs", "/data/kafka".to_owned());
    quorum(pipeline, role, &mut set);
    listeners(pipeline, role, &mut set);
    topics(pipeline, role, &mut set);
    if role == Role::KafkaBroker && !rack::zones(pipeline, role).is_empty() {
        set("broker.rack", "@RACK@".to_owned());
        set(
            "replica.selector.class",
            "org.apache.kafka.common.replica.RackAwareReplicaSelector".to_owned(),
        );
    }
    to_text(&properties)
}

fn quorum(pipeline: &ValidatedPipeline, role: Role, set: &mut impl FnMut(&str, String)) {
    let roles = match role {
        Role::KafkaController => "controller",
        _ if kafka::is_combined(pipeline) => "broker,controller",
        _ => "broker",
    };
    set("process.roles", roles.to_owned());
    set("controller.listener.names", "CONTROLLER".to_owned());
    set(
        "controller.quorum.bootstrap.servers",
        kafka::bootstrap_servers(pipeline),
    );
    if roles != "broker" {
        // KIP-853: a controller that lost its disk takes its own place in the quorum again. Refused by pure brokers.
        set("controller.quorum.auto.join.enable", "true".to_owned());
    }
    if roles != "controller" {
        // Brokers may start long before their controllers do; then they exit, which is also the only way out for a broker that
        // has lost sight of the controllers.
        set("initial.broker.registration.timeout.ms", "120000".to_owned());
    }
}

fn listeners(pipeline: &ValidatedPipeline, role: Role, set: &mut impl FnMut(&str, String)) {
    let client = ("CLIENT", KAFKA_PORT);
    let controller = ("CONTROLLER", KAFKA_CONTROLLER_PORT);
    let own = match role {
        Role::KafkaController => vec![controller],
        _ if kafka::is_combined(pipeline) => vec![client, controller],
        _ => vec![client],
    };
    let join = |host: &str| {
        own.iter()
            .map(|(name, port)| format!("{name}://{host}:{port}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    set("listeners", join(""));
    set("advertised.listeners", join("@HOST@"));
    set(
        "listener.security.protocol.map",
        "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
    );
    if role == Role::KafkaBroker {
        set("inter.broker.listener.name", client.0.to_owned());
    }
}

/// Defaults of topics. It is the controllers who create topics, with the values of their own file, and the first activation of
/// eligible leader replicas (KIP-966) takes `min.insync.replicas` from there for good.
fn topics(pipeline: &ValidatedPipeline, role: Role, set: &mut impl FnMut(&str, String)) {
    let spec = &pipeline.spec.kafka;
    let replicas = spec.replication_factor().to_string();
    let min_in_sync = spec.min_in_sync_replicas().to_string();
    if role == Role::KafkaController || kafka::is_combined(pipeline) {
        set("default.replication.factor", replicas.clone());
    }
    set("min.insync.replicas", min_in_sync.clone());
    set("offsets.topic.replication.factor", replicas.clone());
    set("transaction.state.log.replication.factor", replicas);
    set("transaction.state.log.min.isr", min_in_sync);
    set("auto.create.topics.enable", "false".to_owned());
    set("unclean.leader.election.enable", "false".to_owned());
    let retention_minutes = spec.topics.trades.retention.as_millis() / 60_000;
    let offsets_minutes = retention_minutes
        .saturating_mul(2)
        .clamp(MIN_OFFSETS_RETENTION_MINUTES, i32::MAX as u64);
    set("offsets.retention.minutes", offsets_minutes.to_string());
}

fn to_text(properties: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (key, value) in properties {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{key}={value}");
    }
    text
}
