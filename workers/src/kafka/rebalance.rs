//! What the group coordinator gives to and takes from this process. The client's callback only passes it on: a lane
//! needs time to finish a partition, and the callback must not block.

use rdkafka::{
    TopicPartitionList,
    client::ClientContext,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
    types::RDKafkaRespErr,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A change of the assignment. Whoever receives it must confirm it with `incremental_assign` or
/// `incremental_unassign`; the group waits for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebalance {
    /// Partitions that this process now owns besides those it has.
    Assigned(Vec<i32>),
    /// Partitions that this process must give up.
    Revoked(Vec<i32>),
}

/// Passes rebalances on.
#[derive(Debug)]
pub struct GroupContext {
    rebalances: UnboundedSender<Rebalance>,
}

impl GroupContext {
    /// The context of a consumer and the end that receives its rebalances.
    pub fn new() -> (Self, UnboundedReceiver<Rebalance>) {
        let (rebalances, receiver) = unbounded_channel();
        (Self { rebalances }, receiver)
    }
}

impl ClientContext for GroupContext {
    /// The client's own log tells the same, and the client mends it by itself.
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
    }
}

impl ConsumerContext for GroupContext {
    /// Replaces the default, which confirms at once. With no receiver left the consumer is closing: then it confirms at
    /// once too.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let numbers = partitions
            .elements()
            .iter()
            .map(rdkafka::topic_partition_list::TopicPartitionListElem::partition)
            .collect();
        let assigned = code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let change = if assigned {
            Rebalance::Assigned(numbers)
        } else {
            Rebalance::Revoked(numbers)
        };
        if self.rebalances.send(change).is_ok() {
            return;
        }
        let confirmed = if assigned {
            consumer.incremental_assign(partitions)
        } else {
            consumer.incremental_unassign(partitions)
        };
        if let Err(error) = confirmed {
            tracing::warn!(%error, "rebalance while leaving the group");
        }
    }
}
