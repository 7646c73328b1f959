//! A member of a consumer group.

use std::{sync::Arc, time::Duration};

use crds::wire::KafkaEndpoint;
use rdkafka::{
    ClientConfig, TopicPartitionList,
    consumer::{Consumer, StreamConsumer},
    error::KafkaError,
    topic_partition_list::Offset,
};
use tokio::sync::mpsc::UnboundedReceiver;

use super::rebalance::{GroupContext, Rebalance};

/// A consumer that takes part in the group and commits. It reads nothing: `kafka::fetch` does.
pub type GroupConsumer = StreamConsumer<GroupContext>;

/// How long the group waits for a member that was killed before its partitions go to others. Kafka's default is 45 s.
pub const SESSION: Duration = Duration::from_secs(15);

/// Joins the group; `session` is usually [`SESSION`]. Kafka need not be there yet; fails only when the client refuses its
/// settings.
pub fn join(
    endpoint: &KafkaEndpoint,
    group: &str,
    client_id: &str,
    session: Duration,
) -> Result<(Arc<GroupConsumer>, UnboundedReceiver<Rebalance>), KafkaError> {
    let (context, rebalances) = GroupContext::new();
    let consumer: GroupConsumer = ClientConfig::new()
        .set("bootstrap.servers", &endpoint.bootstrap)
        .set("group.id", group)
        .set("client.id", client_id)
        .set("partition.assignment.strategy", "cooperative-sticky")
        // The lanes keep their place in their sinks and commit after that.
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("session.timeout.ms", session.as_millis().to_string())
        .set("heartbeat.interval.ms", (session / 5).as_millis().to_string())
        // They tell whether the member is settled.
        .set("statistics.interval.ms", (session / 5).as_millis().to_string())
        .set("reconnect.backoff.max.ms", "2000")
        .set("topic.metadata.refresh.interval.ms", "30000")
        .create_with_context(context)?;
    consumer.subscribe(&[&endpoint.topic])?;
    Ok((Arc::new(consumer), rebalances))
}

/// Takes partitions that the group has assigned.
pub fn take(consumer: &GroupConsumer, topic: &str, partitions: &[i32]) -> Result<(), KafkaError> {
    let list = partition_list(topic, partitions);
    consumer.incremental_assign(&list)?;
    // So that the client fetches nothing of them itself.
    consumer.pause(&list)
}

/// Gives up partitions that the group takes away.
pub fn give_up(consumer: &GroupConsumer, topic: &str, partitions: &[i32]) -> Result<(), KafkaError> {
    consumer.incremental_unassign(&partition_list(topic, partitions))
}

/// The partitions as the client wants them. The offset means nothing.
fn partition_list(topic: &str, partitions: &[i32]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(topic, *partition);
    }
    if let Err(error) = list.set_all_offsets(Offset::Beginning) {
        tracing::warn!(%error, "cannot set offsets");
    }
    list
}

/// Leaves the group and closes the client. All partitions must have been given up before.
pub async fn leave(consumer: Arc<GroupConsumer>, limit: Duration) {
    let closed = tokio::task::spawn_blocking(move || drop(consumer));
    if tokio::time::timeout(limit, closed).await.is_err() {
        tracing::warn!("the group coordinator does not answer; it will notice our absence itself");
    }
}
