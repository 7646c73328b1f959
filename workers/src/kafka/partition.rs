//! One partition of the topic, read from a given offset on: the lanes' only view of Kafka.

use std::{future::Future, sync::Arc, time::Duration};

use rdkafka::{
    TopicPartitionList,
    consumer::{CommitMode, Consumer},
    error::KafkaError,
    topic_partition_list::Offset,
};
use tokio::{
    task::yield_now,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    consumer::GroupConsumer,
    fetch::{Ended, Failures, Fetching, Place, Records, Wait},
    record::Record,
};

const CALL_LIMIT: Duration = Duration::from_secs(5);
/// Until Kafka is asked again where a partition begins.
const PAUSE: Duration = Duration::from_millis(500);
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

/// A partition that the group has assigned to this process. The group's client tells its extent and commits; its records come
/// over a connection of their own.
pub struct KafkaPartition {
    consumer: Arc<GroupConsumer>,
    place: Place,
    wait: Wait,
    failures: Failures,
    stop: CancellationToken,
    /// Where the next record is read.
    next: i64,
    records: Records,
    origin: Origin,
}

/// Where records come from.
enum Origin {
    /// Nowhere, before the first seek.
    None,
    /// The broker.
    Fetching(Fetching),
    /// Fetching has ended; it begins anew once it is known where.
    Beginning(AbortOnDropHandle<i64>),
}

impl KafkaPartition {
    /// Reads nothing before the first seek.
    pub fn new(
        consumer: &Arc<GroupConsumer>,
        place: Place,
        wait: Wait,
        failures: Failures,
        stop: CancellationToken,
    ) -> Self {
        Self {
            consumer: consumer.clone(),
            place,
            wait,
            failures,
            stop,
            next: 0,
            records: Records::default(),
            origin: Origin::None,
        }
    }

    /// The next record is the first one at `offset` or after it.
    fn begin(&mut self, offset: i64) {
        self.next = offset;
        self.records = Records::from(offset);
        let (place, failures) = (self.place.clone(), self.failures.clone());
        self.origin = Origin::Fetching(Fetching::start(place, offset, self.wait, failures));
    }

    /// Waits until there are records to be read. Being dropped while waiting loses nothing.
    async fn more(&mut self) {
        match &mut self.origin {
            Origin::None => std::future::pending().await,
            Origin::Fetching(fetching) => match fetching.next().await {
                Some(Ok(chunk)) => self.records.put(chunk),
                ended => {
                    let ended = ended.and_then(Result::err);
                    let partition = self.place.partition;
                    tracing::warn!(partition, next = self.next, ?ended, "fetching begins anew");
                    let beginning = beginning(self.consumer.clone(), self.place.clone(), self.next, ended);
                    self.origin = Origin::Beginning(AbortOnDropHandle::new(tokio::spawn(beginning)));
                }
            },
            Origin::Beginning(beginning) => {
                let offset = beginning.await.unwrap_or(self.next);
                self.begin(offset);
            }
        }
    }
}

/// Where to go on. What the partition still has is read; otherwise it is read from its oldest record on, and the lane sees by the
/// offset what that means.
async fn beginning(consumer: Arc<GroupConsumer>, place: Place, next: i64, ended: Option<Ended>) -> i64 {
    loop {
        // Also so that what ends again at once does no harm.
        sleep(PAUSE).await;
        match extent(&consumer, &place).await {
            Ok(extent) if ended != Some(Ended::Remade) && (extent.low..=extent.high).contains(&next) => {
                return next;
            }
            Ok(extent) => return extent.low,
            Err(error) => {
                tracing::warn!(partition = place.partition, %error, "cannot see for the moment what there is");
            }
        }
    }
}

/// What the partition holds.
async fn extent(consumer: &Arc<GroupConsumer>, place: &Place) -> Result<Extent, KafkaError> {
    let (consumer, topic, partition) = (consumer.clone(), place.topic.clone(), place.partition);
    // The call blocks.
    let asked = tokio::task::spawn_blocking(move || consumer.fetch_watermarks(&topic, partition, CALL_LIMIT));
    let (low, high) = asked.await.unwrap_or(Err(KafkaError::Canceled))?;
    Ok(Extent { low, high })
}

impl PartitionSource for KafkaPartition {
    fn partition(&self) -> i32 {
        self.place.partition
    }

    async fn extent(&self) -> Result<Extent, SourceError> {
        Ok(extent(&self.consumer, &self.place).await?)
    }

    async fn seek(&mut self, offset: i64) -> Result<Extent, SourceError> {
        let extent = self.extent().await?;
        if offset > extent.high {
            return Err(SourceError::BeyondEnd {
                wanted: offset,
                end: extent.high,
            });
        }
        self.begin(offset.max(extent.low));
        Ok(extent)
    }

    async fn read(&mut self, deadline: Instant, mut take: impl FnMut(&Record<'_>) -> Flow + Send) -> ReadEnd {
        let stop = self.stop.clone();
        loop {
            let mut left = SLICE;
            let has_more = loop {
                for record in self.records.batch() {
                    left -= 1;
                    self.next = record.offset + 1;
                    if take(&record) == Flow::Enough {
                        return ReadEnd::Enough;
                    }
                    if left == 0 {
                        break;
                    }
                }
                if left == 0 {
                    break true;
                }
                if !self.records.open_next() {
                    break false;
                }
            };
            if stop.is_cancelled() {
                return ReadEnd::Stopped;
            }
            if has_more {
                if Instant::now() >= deadline {
                    return ReadEnd::Deadline;
                }
                yield_now().await;
                continue;
            }
            tokio::select! {
                more = timeout_at(deadline, self.more()) => if more.is_err() {
                    return ReadEnd::Deadline;
                },
                () = stop.cancelled() => return ReadEnd::Stopped,
            }
        }
    }

    fn commit(&self, next: i64) {
        let mut offsets = TopicPartitionList::with_capacity(1);
        let committed = offsets
            .add_partition_offset(&self.place.topic, self.place.partition, Offset::Offset(next))
            .and_then(|()| self.consumer.commit(&offsets, CommitMode::Async));
        if let Err(error) = committed {
            tracing::debug!(partition = self.place.partition, %error, "offset not committed");
        }
    }

    fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

#[cfg(test)]
#[path = "partition_tests.rs"]
mod tests;
