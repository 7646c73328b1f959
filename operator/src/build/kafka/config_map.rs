//! The files of brokers and controllers.

use crds::names::Role;

use super::{identity, jmx};
use crate::{
    build::{files::Files, jvm, properties::server_properties},
    reconcile::validate::ValidatedPipeline,
};

const LOG4J2: &str = "\
rootLogger.level=INFO
rootLogger.appenderRef.stdout.ref=STDOUT
appender.stdout.type=Console
appender.stdout.name=STDOUT
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d{ISO8601} %-5p %c{1} [%t] %m%n
";

/// Every file of a role. The two files on the formation of the quorum are read by the first start on an empty disk only, so
/// that they may change without a restart.
pub fn files(pipeline: &ValidatedPipeline, role: Role) -> Files {
    let sizing = match role {
        Role::KafkaController => &pipeline.sizings.controller,
        _ => &pipeline.sizings.broker,
    };
    let formation = if pipeline.facts.identity.kafka_formed {
        "formed\n"
    } else {
        "initial\n"
    };
    Files::default()
        .at_start("server.properties", server_properties::render(pipeline, role))
        .at_start(
            "jvm.options",
            jvm::options(
                sizing,
                &["-Dlog4j2.configurationFile=/etc/kafka/log4j2.properties"],
            ),
        )
        .at_start("log4j2.properties", LOG4J2)
        .at_start("jmx.yaml", jmx::RULES)
        .at_start("start.sh", include_str!("../scripts/kafka-start.sh"))
        .live(
            "controller-ready.sh",
            include_str!("../scripts/kafka-controller-ready.sh"),
        )
        .live("formation", formation)
        .live(
            "initial-controllers",
            identity::initial_controllers(pipeline) + "\n",
        )
}
