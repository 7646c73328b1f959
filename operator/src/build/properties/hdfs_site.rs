//! Hadoop's `hdfs-site.xml`.

use crds::names::{JOURNAL_NODE_RPC_PORT, NAME_NODE_HTTP_PORT, Role};

use super::hadoop_xml;
use crate::{
    build::{hdfs::SUPERUSER, rack},
    reconcile::validate::ValidatedPipeline,
};

type Property = (&'static str, String);

/// The file of a role.
pub fn render(pipeline: &ValidatedPipeline, role: Role) -> String {
    let mut properties = name_service(pipeline);
    let own = match role {
        Role::JournalNode => [shared_edits(pipeline), journal_node()].concat(),
        Role::NameNode if pipeline.spec.hdfs.is_highly_available() => {
            [name_node(pipeline), shared_edits(pipeline), high_availability()].concat()
        }
        Role::NameNode => name_node(pipeline),
        _ => data_node(),
    };
    properties.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
    hadoop_xml(&properties)
}

/// The name service. It has the form of one with failover even with a single NameNode, so that a second one changes nothing for
/// clients.
fn name_service(pipeline: &ValidatedPipeline) -> Vec<(String, String)> {
    let service = pipeline.names.name_service();
    let name_nodes = pipeline.names.name_nodes(pipeline.spec.hdfs.name_nodes);
    let ids: Vec<_> = name_nodes.iter().map(|(id, _)| id.as_str()).collect();
    let mut properties = vec![
        ("dfs.nameservices".to_owned(), service.clone()),
        (format!("dfs.ha.namenodes.{service}"), ids.join(",")),
        (
            format!("dfs.client.failover.proxy.provider.{service}"),
            "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider".to_owned(),
        ),
    ];
    for (id, rpc) in &name_nodes {
        let host = rpc.split_once(':').map_or(rpc.as_str(), |(host, _)| host);
        properties.push((format!("dfs.namenode.rpc-address.{service}.{id}"), rpc.clone()));
        properties.push((
            format!("dfs.namenode.http-address.{service}.{id}"),
            format!("{host}:{NAME_NODE_HTTP_PORT}"),
        ));
    }
    properties
}

fn name_node(pipeline: &ValidatedPipeline) -> Vec<Property> {
    vec![
        // Set by the start script from the pod's ordinal.
        ("dfs.ha.namenode.id", "${env.NAME_NODE_ID}".to_owned()),
        // Without these it would bind to its host name, which may not resolve yet.
        ("dfs.namenode.rpc-bind-host", "0.0.0.0".to_owned()),
        ("dfs.namenode.http-bind-host", "0.0.0.0".to_owned()),
        ("dfs.namenode.name.dir", "file:///data/nn".to_owned()),
        // Refuses to format over data; an empty disk can still be formatted.
        ("dfs.reformat.disabled", "true".to_owned()),
        ("dfs.replication", pipeline.spec.hdfs.replication().to_string()),
        ("dfs.permissions.superusergroup", SUPERUSER.to_owned()),
        // An empty cluster would leave safe mode without a single DataNode.
        ("dfs.namenode.safemode.min.datanodes", "1".to_owned()),
        ("dfs.namenode.safemode.extension", "5000".to_owned()),
        // Pods have no stable addresses; a DataNode is known by the UUID on its disk.
        (
            "dfs.namenode.datanode.registration.ip-hostname-check",
            "false".to_owned(),
        ),
        // One whose rack is not known yet is refused and tries again. Else it would count as one of a rack that does not exist.
        (
            "dfs.namenode.reject-unresolved-dn-topology-mapping",
            "true".to_owned(),
        ),
        ("dfs.namenode.avoid.read.stale.datanode", "true".to_owned()),
        ("dfs.namenode.avoid.write.stale.datanode", "true".to_owned()),
    ]
}

/// Where the active NameNode writes its edits, and the other one reads them.
fn shared_edits(pipeline: &ValidatedPipeline) -> Vec<Property> {
    let count = rack::replicas(pipeline, Role::JournalNode);
    let journals: Vec<_> = pipeline
        .names
        .journal_nodes(count)
        .iter()
        .map(|host| format!("{host}:{JOURNAL_NODE_RPC_PORT}"))
        .collect();
    vec![(
        "dfs.namenode.shared.edits.dir",
        format!(
            "qjournal://{}/{}",
            journals.join(";"),
            pipeline.names.name_service()
        ),
    )]
}

fn high_availability() -> Vec<Property> {
    vec![
        ("dfs.ha.automatic-failover.enabled", "true".to_owned()),
        ("dfs.ha.fencing.methods", "shell(/etc/hadoop/fence.sh)".to_owned()),
        // Else no NameNode would become active after a stop of all.
        ("dfs.ha.nn.not-become-active-in-safemode", "false".to_owned()),
        // A JournalNode that failed once gets no edits before the next segment begins: until then no other may fail. So the
        // active NameNode begins one every 30 s, however few edits there are, and whether there is a standby to ask for it or not.
        (
            "dfs.namenode.edit.log.autoroll.multiplier.threshold",
            "0".to_owned(),
        ),
        (
            "dfs.namenode.edit.log.autoroll.check.interval.ms",
            "30000".to_owned(),
        ),
        ("dfs.ha.log-roll.period", "-1".to_owned()),
        ("dfs.ha.tail-edits.period", "10s".to_owned()),
    ]
}

fn journal_node() -> Vec<Property> {
    vec![
        ("dfs.journalnode.edits.dir", "/data/jn".to_owned()),
        // One that lost its disk is formatted like its peers, and gets from them what it missed.
        ("dfs.journalnode.enable.sync.format", "true".to_owned()),
        ("dfs.journalnode.sync.interval", "30000".to_owned()),
    ]
}

fn data_node() -> Vec<Property> {
    vec![
        // Set by the start script.
        ("dfs.datanode.hostname", "${env.DATA_NODE_HOST}".to_owned()),
        ("dfs.datanode.data.dir", "file:///data/dn".to_owned()),
        // An archive file counts as kept once it is closed. Else it would be in the page cache of its DataNodes alone, and a power
        // failure of the site would empty files whose records Kafka has dropped since.
        ("dfs.datanode.synconclose", "true".to_owned()),
        // A volume that is full to the last byte cannot even be repaired.
        (
            "dfs.datanode.du.reserved.calculator",
            "org.apache.hadoop.hdfs.server.datanode.fsdataset.impl.ReservedSpaceCalculator$ReservedSpaceCalculatorPercentage"
                .to_owned(),
        ),
        ("dfs.datanode.du.reserved.pct", "5".to_owned()),
    ]
}
