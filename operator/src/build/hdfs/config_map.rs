//! The files of each role. No two roles share a ConfigMap, so that a change to one does not restart another.

use std::fmt::Write as _;

use crds::names::Role;

use super::containers::sizing;
use crate::{
    build::{
        files::Files,
        jvm,
        properties::{core_site, hdfs_site, zoo_cfg},
        rack,
    },
    milestone::{FormatTarget, Milestone},
    reconcile::validate::ValidatedPipeline,
};

const LIB: &str = include_str!("../scripts/hdfs-lib.sh");

const LOG4J: &str = "\
log4j.rootLogger=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %-5p %c{1} %x - %m%n
# Probes, and the operator, ask every few seconds.
log4j.logger.http.requests=WARN
";

/// What Hadoop reaches into on Java 17, from its own start scripts (HADOOP-19310).
const FLAGS: [&str; 13] = [
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
    "--add-opens=java.base/java.math=ALL-UNNAMED",
    "--add-opens=java.base/java.net=ALL-UNNAMED",
    "--add-opens=java.base/java.text=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.util.zip=ALL-UNNAMED",
    "--add-opens=java.base/sun.security.util=ALL-UNNAMED",
    "--add-opens=java.base/sun.security.x509=ALL-UNNAMED",
    "-Dhadoop.log.dir=/tmp",
    // Names of pods that are not there yet are asked for again soon.
    "-Dsun.net.inetaddr.negative.ttl=1",
];

/// Every file of a role.
pub fn files(pipeline: &ValidatedPipeline, role: Role) -> Files {
    match role {
        Role::ZooKeeper => zoo_keeper(pipeline),
        Role::JournalNode => journal_node(pipeline),
        Role::NameNode => name_node(pipeline),
        _ => hadoop(pipeline, role)
            .at_start("start.sh", include_str!("../scripts/datanode-start.sh"))
            .live("ready.sh", include_str!("../scripts/datanode-ready.sh")),
    }
}

/// What every process of Hadoop reads.
fn hadoop(pipeline: &ValidatedPipeline, role: Role) -> Files {
    Files::default()
        .at_start("core-site.xml", core_site::render(pipeline, role))
        .at_start("hdfs-site.xml", hdfs_site::render(pipeline, role))
        .at_start("jvm.options", jvm::options(sizing(pipeline, role), &FLAGS))
        .at_start("log4j.properties", LOG4J)
}

fn name_node(pipeline: &ValidatedPipeline) -> Files {
    let files = hadoop(pipeline, Role::NameNode)
        .at_start("start.sh", include_str!("../scripts/namenode-start.sh"))
        .live("lib.sh", LIB)
        .live(
            &format!("{}.sh", FormatTarget::NameNode.component()),
            include_str!("../scripts/namenode-format.sh"),
        )
        .live("ready.sh", include_str!("../scripts/namenode-ready.sh"))
        .live("topology.sh", include_str!("../scripts/namenode-topology.sh"))
        .live("racks", racks(pipeline));
    if !pipeline.spec.hdfs.is_highly_available() {
        return files;
    }
    let failover_controller = &pipeline.sizings.failover_controller;
    files
        .at_start("zkfc-start.sh", include_str!("../scripts/zkfc-start.sh"))
        .at_start("zkfc-jvm.options", jvm::options(failover_controller, &FLAGS))
        .live("fence.sh", include_str!("../scripts/fence.sh"))
        .live("hand-over.sh", include_str!("../scripts/hand-over.sh"))
        .live(
            &format!("{}.sh", FormatTarget::JournalNodes.component()),
            include_str!("../scripts/journalnode-format.sh"),
        )
        .live(
            &format!("{}.sh", FormatTarget::ZooKeeper.component()),
            include_str!("../scripts/zookeeper-format.sh"),
        )
}

fn journal_node(pipeline: &ValidatedPipeline) -> Files {
    hadoop(pipeline, Role::JournalNode)
        .at_start("start.sh", include_str!("../scripts/journalnode-start.sh"))
        .live("lib.sh", LIB)
        .live("ready.sh", include_str!("../scripts/journalnode-ready.sh"))
        .live("formation", formation(pipeline, Milestone::EditsShared))
}

fn zoo_keeper(pipeline: &ValidatedPipeline) -> Files {
    Files::default()
        .at_start("zoo.cfg", zoo_cfg::render(pipeline))
        .at_start(
            "jvm.options",
            jvm::options(sizing(pipeline, Role::ZooKeeper), &[]),
        )
        .at_start("log4j.properties", LOG4J)
        .at_start("start.sh", include_str!("../scripts/zookeeper-start.sh"))
        .live("lib.sh", LIB)
        .live("ready.sh", include_str!("../scripts/zookeeper-ready.sh"))
        .live("formation", formation(pipeline, Milestone::FailoverFormatted))
}

/// Tells a member whether an empty disk is a new one or a lost one.
fn formation(pipeline: &ValidatedPipeline, milestone: Milestone) -> &'static str {
    if milestone.is_recorded(&pipeline.facts.identity) {
        "formed\n"
    } else {
        "initial\n"
    }
}

/// StatefulSet of DataNodes and rack, one per line, for the topology script.
fn racks(pipeline: &ValidatedPipeline) -> String {
    let mut text = String::new();
    for rack in rack::racks(pipeline, Role::DataNode) {
        if let Some(zone) = rack.zone {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{} /{zone}",
                pipeline.names.racked(Role::DataNode, rack.index)
            );
        }
    }
    text
}
