//! One partition of the topic, read from a given offset on: the lanes' only view of Kafka.

use std::{future::Future, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt};
use rdkafka::{
    TopicPartitionList,
    consumer::{CommitMode, Consumer, stream_consumer::StreamPartitionQueue},
    error::KafkaError,
    topic_partition_list::Offset,
};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{consumer::GroupConsumer, rebalance::GroupContext, record::Record};

const CALL_LIMIT: Duration = Duration::from_secs(5);
/// A seek is refused until the fetcher has started, a moment after the assignment.
const SEEK_RETRY: Duration = Duration::from_millis(50);
/// Records taken between two looks at the clock and at the other tasks.
const SLICE: usize = 1_024;

/// Whether a reader wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    More,
    /// This record was taken; stop after it.
    Enough,
}

/// Why reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadEnd {
    /// The reader had enough.
    Enough,
    /// The time was over.
    Deadline,
    /// The partition is to be given up.
    Stopped,
}

/// The offsets that a partition holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Of the oldest record.
    pub low: i64,
    /// After the newest record.
    pub high: i64,
}

/// Why a partition cannot be read from there.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    /// It may pass.
    #[error("cannot reach Kafka: {0}")]
    Unavailable(#[from] KafkaError),
    /// The topic ends before the offset: it is not the topic that the offset was taken from.
    #[error(
        "offset {wanted} is beyond the end of the partition, {end}: the topic was emptied or made anew while its sink \
         kept what it had; restore the topic, or start over with an empty sink"
    )]
    BeyondEnd {
        /// Asked for.
        wanted: i64,
        /// The partition's end.
        end: i64,
    },
}

impl SourceError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "KafkaUnavailable",
            Self::BeyondEnd { .. } => "TopicBehindSink",
        }
    }
}

/// A partition that is read in order.
pub trait PartitionSource: Send + Sync {
    /// Its number.
    fn partition(&self) -> i32;

    /// The offsets it holds now.
    fn extent(&self) -> impl Future<Output = Result<Extent, SourceError>> + Send;

    /// The next record read is the first one at `offset` or after it. Returns what the partition holds.
    fn seek(&mut self, offset: i64) -> impl Future<Output = Result<Extent, SourceError>> + Send;

    /// Hands records to `take` until it has enough, until `deadline`, or until the partition is to be given up.
    fn read(
        &mut self,
        deadline: Instant,
        take: impl FnMut(&Record<'_>) -> Flow + Send,
    ) -> impl Future<Output = ReadEnd> + Send;

    /// Tells the group that everything before `next` is done. Only a hint for people and tools: the lanes keep their
    /// own place in their sinks.
    fn commit(&self, next: i64);

    /// Cancelled when the partition is to be given up.
    fn stop(&self) -> &CancellationToken;
}

/// A partition that the group has assigned to this process.
pub struct KafkaPartition {
    consumer: Arc<GroupConsumer>,
    queue: StreamPartitionQueue<GroupContext>,
    topic: String,
    partition: i32,
    stop: CancellationToken,
}

impl KafkaPartition {
    /// Call it before the partition is assigned in the client, so that no record goes elsewhere. `None` when the client
    /// does not know the partition.
    pub fn new(
        consumer: &Arc<GroupConsumer>,
        topic: &str,
        partition: i32,
        stop: CancellationToken,
    ) -> Option<Self> {
        Some(Self {
            queue: consumer.split_partition_queue(topic, partition)?,
            consumer: consumer.clone(),
            topic: topic.to_owned(),
            partition,
            stop,
        })
    }

    /// Runs a call of the client that blocks.
    async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce(&GroupConsumer, &str, i32) -> Result<T, KafkaError> + Send + 'static,
    ) -> Result<T, KafkaError> {
        let (consumer, topic, partition) = (self.consumer.clone(), self.topic.clone(), self.partition);
        tokio::task::spawn_blocking(move || call(&consumer, &topic, partition))
            .await
            .unwrap_or(Err(KafkaError::Canceled))
    }
}

impl PartitionSource for KafkaPartition {
    fn partition(&self) -> i32 {
        self.partition
    }

    async fn extent(&self) -> Result<Extent, SourceError> {
        let (low, high) = self
            .blocking(|consumer, topic, partition| consumer.fetch_watermarks(topic, partition, CALL_LIMIT))
            .await?;
        Ok(Extent { low, high })
    }

    async fn seek(&mut self, offset: i64) -> Result<Extent, SourceError> {
        let extent = self.extent().await?;
        if offset > extent.high {
            return Err(SourceError::BeyondEnd {
                wanted: offset,
                end: extent.high,
            });
        }
        let start = Offset::Offset(offset.max(extent.low));
        // Records that were fetched before are dropped by the client.
        let give_up = Instant::now() + CALL_LIMIT;
        loop {
            let sought = self
                .blocking(move |consumer, topic, partition| {
                    consumer.seek(topic, partition, start, CALL_LIMIT)
                })
                .await;
            match sought {
                Ok(()) => return Ok(extent),
                Err(error) if Instant::now() > give_up || self.stop.is_cancelled() => {
                    return Err(error.into());
                }
                Err(_) => tokio::time::sleep(SEEK_RETRY).await,
            }
        }
    }

    async fn read(&mut self, deadline: Instant, mut take: impl FnMut(&Record<'_>) -> Flow + Send) -> ReadEnd {
        let mut messages = self.queue.stream();
        loop {
            for _ in 0..SLICE {
                // What is there is taken without going through the scheduler.
                match messages.next().now_or_never().flatten() {
                    Some(Ok(message)) => {
                        if take(&Record::of(&message)) == Flow::Enough {
                            return ReadEnd::Enough;
                        }
                    }
                    Some(Err(error)) => report(&error, self.partition),
                    None => break,
                }
            }
            if self.stop.is_cancelled() {
                return ReadEnd::Stopped;
            }
            let next = tokio::select! {
                next = timeout_at(deadline, messages.next()) => next,
                () = self.stop.cancelled() => return ReadEnd::Stopped,
            };
            match next {
                Err(_) => return ReadEnd::Deadline,
                Ok(Some(Ok(message))) => {
                    if take(&Record::of(&message)) == Flow::Enough {
                        return ReadEnd::Enough;
                    }
                }
                Ok(Some(Err(error))) => report(&error, self.partition),
                Ok(None) => return ReadEnd::Stopped,
            }
        }
    }

    fn commit(&self, next: i64) {
        let mut offsets = TopicPartitionList::with_capacity(1);
        let committed = offsets
            .add_partition_offset(&self.topic, self.partition, Offset::Offset(next))
            .and_then(|()| self.consumer.commit(&offsets, CommitMode::Async));
        if let Err(error) = committed {
            tracing::debug!(partition = self.partition, %error, "offset not committed");
        }
    }

    fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

/// The client reconnects by itself; nothing is lost by an error here.
fn report(error: &KafkaError, partition: i32) {
    tracing::warn!(partition, %error, "cannot fetch from Kafka for the moment");
}
