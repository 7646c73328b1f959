//! The files of NameNode and DataNodes. The two have nothing in common, so that a change to one does not restart the other.

use std::fmt::Write as _;

use crds::names::Role;

use crate::{
    build::{
        files::Files,
        jvm,
        properties::{core_site, hdfs_site},
        rack,
    },
    reconcile::validate::ValidatedPipeline,
};

const LOG4J: &str = "\
log4j.rootLogger=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %-5p %c{1} %x - %m%n
";

/// What Hadoop reaches into on Java 17, from its own start scripts (HADOOP-19310).
const FLAGS: [&str; 12] = [
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
];

/// Every file of a role.
pub fn files(pipeline: &ValidatedPipeline, role: Role) -> Files {
    let is_name_node = role == Role::NameNode;
    let sizing = if is_name_node {
        &pipeline.sizings.name_node
    } else {
        &pipeline.sizings.data_node
    };
    let files = Files::default()
        .at_start("core-site.xml", core_site::render(pipeline, role))
        .at_start("hdfs-site.xml", hdfs_site::render(pipeline, role))
        .at_start("jvm.options", jvm::options(sizing, &FLAGS))
        .at_start("log4j.properties", LOG4J);
    if is_name_node {
        files
            .at_start("start.sh", include_str!("../scripts/namenode-start.sh"))
            .live("format.sh", include_str!("../scripts/namenode-format.sh"))
            .live("ready.sh", include_str!("../scripts/namenode-ready.sh"))
            .live("topology.sh", include_str!("../scripts/namenode-topology.sh"))
            .live("racks", racks(pipeline))
    } else {
        files
            .at_start("start.sh", include_str!("../scripts/datanode-start.sh"))
            .live("ready.sh", include_str!("../scripts/datanode-ready.sh"))
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
