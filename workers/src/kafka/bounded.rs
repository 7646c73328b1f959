//! Reads a topic up to where it ends at the beginning of the reading, without a consumer group. Blocks.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::BorrowedMessage,
    metadata::MetadataPartition,
};

use super::partition::Extent;

const CALL_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(200);
/// Without a record for so long the reading is given up.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// Why a topic could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BoundedReadError {
    /// The client.
    #[error("cannot reach Kafka: {0}")]
    Kafka(#[from] KafkaError),
    /// There is no such topic.
    #[error("topic {0} does not exist; has the operator reported TopicsReady?")]
    NoTopic(String),
    /// Records are there, and do not come.
    #[error("no record for 30 s, and {0} partitions are not at their ends")]
    Silence(usize),
    /// The reading thread was stopped.
    #[error("reading was stopped")]
    Ended,
}

impl BoundedReadError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Kafka(_) | Self::Silence(_) => "KafkaUnavailable",
            Self::NoTopic(_) => "TopicMissing",
            Self::Ended => "Stopped",
        }
    }
}

/// Hands every record of each partition to `take`, from the offset that `begin` names (or the oldest record after it)
/// to the end as it is now. Returns the ends.
pub fn read(
    bootstrap: &str,
    topic: &str,
    begin: impl Fn(i32, Extent) -> i64,
    mut take: impl FnMut(&BorrowedMessage<'_>),
) -> Result<BTreeMap<i32, i64>, BoundedReadError> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        // The client wants a name to assign partitions; nothing is ever committed under it.
        .set("group.id", "bounded-reader")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        // Of each partition. librdkafka's defaults let a busy topic fill 64 MiB with each.
        .set("queued.min.messages", "5000")
        .set("queued.max.messages.kbytes", "1024")
        .set("fetch.message.max.bytes", "262144")
        .create()?;
    let extents = extents(&consumer, topic)?;
    let mut list = TopicPartitionList::new();
    let mut open: BTreeMap<i32, i64> = BTreeMap::new();
    for (partition, extent) in &extents {
        let from = begin(*partition, *extent).max(extent.low);
        if from < extent.high {
            list.add_partition_offset(topic, *partition, Offset::Offset(from))?;
            open.insert(*partition, extent.high);
        }
    }
    consumer.assign(&list)?;
    let mut last_record = Instant::now();
    while !open.is_empty() {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                last_record = Instant::now();
                let (partition, offset) = (message.partition(), message.offset());
                let Some(end) = open.get(&partition) else { continue };
                if offset < *end {
                    take(&message);
                }
                if offset + 1 >= *end {
                    open.remove(&partition);
                }
            }
            Some(Err(error)) => tracing::warn!(%error, "cannot fetch for the moment"),
            None => {}
        }
        if last_record.elapsed() > SILENCE_LIMIT {
            return Err(BoundedReadError::Silence(open.len()));
        }
    }
    Ok(extents
        .into_iter()
        .map(|(partition, extent)| (partition, extent.high))
        .collect())
}

fn extents(consumer: &BaseConsumer, topic: &str) -> Result<BTreeMap<i32, Extent>, BoundedReadError> {
    let metadata = consumer.fetch_metadata(Some(topic), CALL_LIMIT)?;
    let partitions: Vec<i32> = metadata
        .topics()
        .iter()
        .filter(|found| found.name() == topic)
        .flat_map(|found| found.partitions().iter().map(MetadataPartition::id))
        .collect();
    if partitions.is_empty() {
        return Err(BoundedReadError::NoTopic(topic.to_owned()));
    }
    let mut extents = BTreeMap::new();
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition, CALL_LIMIT)?;
        extents.insert(partition, Extent { low, high });
    }
    Ok(extents)
}
