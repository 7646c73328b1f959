//! Hadoop's `core-site.xml`.

use crds::names::{Role, ZOOKEEPER_PORT};

use super::hadoop_xml;
use crate::{
    build::{hdfs::SUPERUSER, rack},
    reconcile::validate::ValidatedPipeline,
};

type Property = (&'static str, String);

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
        properties.extend(topology());
    }
    if pipeline.spec.hdfs.is_highly_available() {
        properties.extend(connections());
        if role == Role::NameNode {
            properties.extend(failover(pipeline));
        }
    }
    hadoop_xml(&properties)
}

/// How a NameNode learns the rack of a DataNode: from a script, each time the DataNode registers.
///
/// Hadoop's usual mapping, `ScriptBasedMapping`, keeps every answer for good and asks by address, and a pod's address goes to
/// another pod later. The class within it neither keeps answers nor extends `CachedDNSToSwitchMapping`, so that
/// `DatanodeManager` asks by the name that the DataNode registers with. The price is a run of the script, some
/// milliseconds, for each client's request for a block that is not beside a DataNode.
fn topology() -> [Property; 2] {
    [
        (
            "net.topology.node.switch.mapping.impl",
            "org.apache.hadoop.net.ScriptBasedMapping$RawScriptBasedMapping".to_owned(),
        ),
        (
            "net.topology.script.file.name",
            "/etc/hadoop/topology.sh".to_owned(),
        ),
    ]
}

/// How long a process tries to reach another. A pod that is gone does not refuse, it is silent; and with each failed try its
/// name is looked up again.
fn connections() -> [Property; 4] {
    [
        ("ipc.client.connect.timeout", "2000".to_owned()),
        ("ipc.client.connect.max.retries.on.timeouts", "7".to_owned()),
        // At one per second. JournalNodes that were killed together are back by then, so that of the two NameNodes only the
        // active one must give up: a JournalNode that comes back takes no edits before the next segment.
        ("ipc.client.connect.max.retries", "15".to_owned()),
        // An answer that never comes from a node that is gone must not block the next question for a quarter of an hour.
        ("ipc.client.rpc-timeout.ms", "60000".to_owned()),
    ]
}

/// What the failover controllers read.
fn failover(pipeline: &ValidatedPipeline) -> [Property; 3] {
    let members = rack::members(pipeline, Role::ZooKeeper);
    let quorum: Vec<_> = members
        .iter()
        .map(|member| format!("{}:{ZOOKEEPER_PORT}", member.host))
        .collect();
    [
        ("ha.zookeeper.quorum", quorum.join(",")),
        // A NameNode whose pod is gone is followed by the other one after so long.
        ("ha.zookeeper.session-timeout.ms", "5000".to_owned()),
        // How long the one that was active is asked to step back, before it is fenced.
        (
            "ha.failover-controller.graceful-fence.rpc-timeout.ms",
            "3000".to_owned(),
        ),
    ]
}
