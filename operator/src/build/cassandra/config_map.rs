//! The files of Cassandra nodes.

use std::fmt::Write as _;

use crds::names::Role;

use crate::{
    build::{files::Files, jvm, properties::cassandra_yaml, rack},
    reconcile::validate::ValidatedPipeline,
};

const LOGBACK: &str = "\
<configuration>
  <appender name=\"STDOUT\" class=\"ch.qos.logback.core.ConsoleAppender\">
    <encoder><pattern>%date{ISO8601} %-5level [%thread] %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <root level=\"INFO\"><appender-ref ref=\"STDOUT\"/></root>
</configuration>
";

/// Cassandra's own flags. `PerfDisableSharedMem` and its like are common to all engines.
const FLAGS: [&str; 9] = [
    "-Xss256k",
    "-Djdk.attach.allowAttachSelf=true",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.allocator.useCacheForAllThreads=true",
    "-Dio.netty.allocator.maxOrder=11",
    "-Djava.net.preferIPv4Stack=true",
    "-Dcassandra.jmx.local.port=7199",
    "-Dcassandra.storagedir=/data/cassandra",
    "-Dlogback.configurationFile=/etc/cassandra/logback.xml",
];

/// What Cassandra 5.0 reaches into on Java 17, from its own `jvm17-server.options`.
const EXPORTS: [&str; 8] = [
    "java.base/jdk.internal.misc",
    "java.base/java.lang.ref",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.management/com.sun.jmx.remote.security",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
];
const OPENS: [&str; 16] = [
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
];

/// Every file. `members`, `formation` and `joining.yaml` concern only nodes that have not joined yet.
pub fn files(pipeline: &ValidatedPipeline) -> Files {
    let formation = if pipeline.facts.identity.cassandra_formed {
        "formed\n"
    } else {
        "initial\n"
    };
    Files::default()
        .at_start("cassandra.yaml", cassandra_yaml::render(pipeline))
        .at_start("jvm.options", jvm_options(pipeline))
        .at_start("logback.xml", LOGBACK)
        .at_start("jmx.yaml", super::jmx::RULES)
        .at_start("start.sh", include_str!("../scripts/cassandra-start.sh"))
        .live("ready.sh", include_str!("../scripts/cassandra-ready.sh"))
        .live("formation", formation)
        .live("joining.yaml", cassandra_yaml::render_joining(pipeline))
        .live("members", members(pipeline))
}

fn jvm_options(pipeline: &ValidatedPipeline) -> String {
    let mut options = jvm::options(&pipeline.sizings.cassandra, &FLAGS);
    for (option, packages) in [("--add-exports", &EXPORTS[..]), ("--add-opens", &OPENS[..])] {
        for package in packages {
            // Writing to a String cannot fail.
            let _ = writeln!(options, "{option}\n{package}=ALL-UNNAMED");
        }
    }
    options
}

/// Host names, one per line, in the order in which the nodes join. The first founds the ring; the first three are seeds.
fn members(pipeline: &ValidatedPipeline) -> String {
    let mut text = String::new();
    for member in rack::members(pipeline, Role::Cassandra) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", member.host);
    }
    text
}
