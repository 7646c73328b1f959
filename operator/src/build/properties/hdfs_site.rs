//! Hadoop's `hdfs-site.xml`.

use crds::names::{NAME_NODE_HTTP_PORT, Role};

use super::hadoop_xml;
use crate::{build::hdfs::SUPERUSER, reconcile::validate::ValidatedPipeline};

type Property = (&'static str, String);

/// The file of a role.
pub fn render(pipeline: &ValidatedPipeline, role: Role) -> String {
    let mut properties = name_service(pipeline);
    let own = if role == Role::NameNode {
        name_node(pipeline)
    } else {
        data_node()
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
        ("dfs.namenode.avoid.read.stale.datanode", "true".to_owned()),
        ("dfs.namenode.avoid.write.stale.datanode", "true".to_owned()),
    ]
}

fn data_node() -> Vec<Property> {
    vec![
        // Set by the start script.
        ("dfs.datanode.hostname", "${env.DATA_NODE_HOST}".to_owned()),
        ("dfs.datanode.data.dir", "file:///data/dn".to_owned()),
        // A volume that is full to the last byte cannot even be repaired.
        (
            "dfs.datanode.du.reserved.calculator",
            "org.apache.hadoop.hdfs.server.datanode.fsdataset.impl.ReservedSpaceCalculator$ReservedSpaceCalculatorPercentage"
                .to_owned(),
        ),
        ("dfs.datanode.du.reserved.pct", "5".to_owned()),
    ]
}
