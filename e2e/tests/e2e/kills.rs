//! Pods die without grace while trades stream, one of every kind, one after the other.

use std::time::Duration;

use anyhow::Result;
use crds::names::Role;
use e2e::{
    chaos, operator,
    progress::{Look, until},
    stream::Stream,
    testbed::Testbed,
};

/// Every kind but ingest, whose death has a test of its own.
const KINDS: [Role; 8] = [
    Role::KafkaBroker,
    Role::KafkaController,
    Role::Cassandra,
    Role::DataNode,
    Role::ZooKeeper,
    Role::JournalNode,
    Role::NameNode,
    Role::Processor,
];

/// Each is given the time to heal, and the stream the time to flow, before the next one dies.
pub async fn one_pod_of_every_kind_is_killed_during_the_stream(bed: &Testbed) -> Result<()> {
    let stream = Stream::open(&bed.pipeline, &bed.sim, "KILL").await?;
    for role in KINDS {
        let labels = bed.pipeline.role_labels(role);
        let namespace = &bed.pipeline.namespace;
        let victim = chaos::kill(&bed.cluster, namespace, &labels, None).await?;
        chaos::wait_healed(&bed.cluster, namespace, &labels, &victim).await?;
        bed.pipeline.wait_ready(Duration::from_mins(3)).await?;
        stream.flow(100).await?;
    }

    let leader = operator::leader(&bed.cluster).await?;
    let victim = chaos::kill(&bed.cluster, operator::NAMESPACE, operator::LABELS, Some(&leader)).await?;
    chaos::wait_healed(&bed.cluster, operator::NAMESPACE, operator::LABELS, &victim).await?;
    until("a new leader", Duration::from_mins(1), async || {
        let leader = operator::leader(&bed.cluster).await?;
        Ok(Look::when(leader != victim.name, (), leader))
    })
    .await?;
    stream.flow(100).await?;
    stream.end_complete().await
}
