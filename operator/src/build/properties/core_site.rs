//! Hadoop's `core-site.xml`.

use crds::names::Role;

use super::hadoop_xml;
use crate::{
    build::{hdfs::SUPERUSER, rack},
    reconcile::validate::ValidatedPipeline,
};

/// The file of a role.
pub fn render(pipeline: &ValidatedPipeline, role: Role) -> String {
    let mut properties = vec![
        (
            "fs.defaultFS",
            format!("hdfs://{}", pipeline.names.name_service()),
        ),
        ("hadoop.tmp.dir", "/tmp/hadoop".to_owned()),
        ("hadoop.prometheus.endpoint.enabled", "true".to_owned()),
        // The image has no accounts for the users that clients name, so that groups cannot be looked up.
        (
            "hadoop.user.group.static.mapping.overrides",
            format!("dr.who=;{SUPERUSER}={SUPERUSER}"),
        ),
    ];
    if role == Role::NameNode && !rack::zones(pipeline, Role::DataNode).is_empty() {
        properties.push((
            "net.topology.script.file.name",
            "/etc/hadoop/topology.sh".to_owned(),
        ));
    }
    hadoop_xml(&properties)
}
