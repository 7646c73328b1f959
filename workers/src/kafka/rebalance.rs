//! What the group coordinator gives to and takes from this process. The client's callback only passes it on: a lane
//! needs time to finish a partition, and the callback must not block.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    TopicPartitionList,
    client::ClientContext,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
    statistics::Statistics,
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

/// The client's word for a member that has its share and hears from the coordinator (librdkafka: STATISTICS.md).
const SETTLED: &str = "steady";

/// Passes rebalances on, and knows when this process was last settled in its group.
#[derive(Debug)]
pub struct GroupContext {
    rebalances: UnboundedSender<Rebalance>,
    settled: Mutex<Instant>,
}

impl GroupContext {
    /// The context of a consumer and the end that receives its rebalances.
    pub fn new() -> (Self, UnboundedReceiver<Rebalance>) {
        let (rebalances, receiver) = unbounded_channel();
        let context = Self {
            rebalances,
            settled: Mutex::new(Instant::now()),
        };
        (context, receiver)
    }

    /// How long ago the client was last seen to be settled, or to begin.
    pub fn unsettled_for(&self) -> Duration {
        self.settled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }
}

impl ClientContext for GroupContext {
    /// The client's own log tells the same, and the client mends it by itself.
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
    }

    fn stats(&self, statistics: Statistics) {
        if statistics.cgrp.is_some_and(|group| group.join_state == SETTLED) {
            *self.settled.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
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
