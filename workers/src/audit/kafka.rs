//! Counts the topic, from its beginning to where it ends now, without a consumer group.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crds::wire::KafkaEndpoint;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use super::count::Counts;
use crate::decode;

const CALL_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(200);
/// Without a record for so long the count is given up.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// Why the topic could not be counted.
#[derive(Debug, thiserror::Error)]
pub enum KafkaAuditError {
    /// The client.
    #[error("cannot reach Kafka: {0}")]
    Kafka(#[from] KafkaError),
    /// There is no such topic.
    #[error("topic {0} does not exist; has the operator reported TopicsReady?")]
    NoTopic(String),
    /// Records are there, and do not come.
    #[error("no record for 30 s, and {0} partitions are not at their ends")]
    Silence(usize),
    /// The counting thread was stopped.
    #[error("counting was stopped")]
    Ended,
}

impl KafkaAuditError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Kafka(_) | Self::Silence(_) => "KafkaUnavailable",
            Self::NoTopic(_) => "TopicMissing",
            Self::Ended => "Stopped",
        }
    }
}

/// Reads every record; blocks. Records that are no trades are not counted.
pub fn count(endpoint: &KafkaEndpoint) -> Result<Counts, KafkaAuditError> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &endpoint.bootstrap)
        // The client wants a name to assign partitions; nothing is ever committed under it.
        .set("group.id", "auditor")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .create()?;
    let mut ends = ends(&consumer, &endpoint.topic)?;
    let mut list = TopicPartitionList::new();
    for partition in ends.keys() {
        list.add_partition_offset(&endpoint.topic, *partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    let mut counts = Counts::default();
    let mut told = Instant::now();
    while !ends.is_empty() {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                told = Instant::now();
                let (partition, offset) = (message.partition(), message.offset());
                let Some(end) = ends.get(&partition) else { continue };
                if offset < *end
                    && let Ok(trade) = decode::trade(message.payload().unwrap_or_default())
                {
                    counts.add(trade.symbol.as_str(), trade.trade_id);
                }
                if offset + 1 >= *end {
                    ends.remove(&partition);
                }
            }
            Some(Err(error)) => tracing::warn!(%error, "cannot fetch for the moment"),
            None => {}
        }
        if told.elapsed() > SILENCE_LIMIT {
            return Err(KafkaAuditError::Silence(ends.len()));
        }
    }
    Ok(counts)
}

/// The ends of all partitions that hold a record.
fn ends(consumer: &BaseConsumer, topic: &str) -> Result<BTreeMap<i32, i64>, KafkaAuditError> {
    let metadata = consumer.fetch_metadata(Some(topic), CALL_LIMIT)?;
    let partitions: Vec<i32> = metadata
        .topics()
        .iter()
        .filter(|found| found.name() == topic)
        .flat_map(|found| {
            found
                .partitions()
                .iter()
                .map(rdkafka::metadata::MetadataPartition::id)
        })
        .collect();
    if partitions.is_empty() {
        return Err(KafkaAuditError::NoTopic(topic.to_owned()));
    }
    let mut ends = BTreeMap::new();
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition, CALL_LIMIT)?;
        if low < high {
            ends.insert(partition, high);
        }
    }
    Ok(ends)
}
