//! Records that cannot be read go to a topic of their own, as they came, with where they were and what is wrong.

use std::time::Duration;

use crds::wire::KafkaEndpoint;
use futures::future::try_join_all;
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
    util::Timeout,
};

use crate::{
    decode::DecodeError,
    kafka::{
        Record,
        headers::{REASON, RECV_US, SRC},
    },
};

/// A value that the dead-letter topic refuses for its size is cut to this length.
const CUT_BYTES: usize = 256 * 1024;

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    key: Option<Vec<u8>>,
    value: Vec<u8>,
    partition: i32,
    offset: i64,
    reason: &'static str,
    message: String,
    recv_us: Option<String>,
    src: Option<String>,
}

impl DeadLetter {
    /// Keeps the record and why it could not be read.
    pub fn new(record: &Record<'_>, partition: i32, error: &DecodeError) -> Self {
        Self {
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.to_vec(),
            partition,
            offset: record.offset,
            reason: error.reason(),
            message: error.to_string(),
            recv_us: record.recv_us.map(|recv_us| recv_us.to_string()),
            src: record.src.map(str::to_owned),
        }
    }

    /// What is wrong, as a stable name.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}

/// Writes to the dead-letter topic. A record may be there twice after a failure, never be absent.
#[derive(Clone)]
pub struct DeadLetters {
    producer: FutureProducer,
    source: String,
    topic: String,
    lane: &'static str,
}

impl DeadLetters {
    /// Connects with the first record.
    pub fn new(endpoint: &KafkaEndpoint, lane: &'static str) -> Result<Self, KafkaError> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &endpoint.bootstrap)
            .set("client.id", format!("dead-letters-{lane}"))
            .set("enable.idempotence", "true")
            .set("compression.type", "zstd")
            .set("linger.ms", "20")
            .set("message.timeout.ms", "30000")
            .create()?;
        Ok(Self {
            producer,
            source: endpoint.topic.clone(),
            topic: endpoint.dead_letter_topic.clone(),
            lane,
        })
    }

    /// Returns when all in-sync replicas have every letter. After an error, deliver all of them again.
    pub async fn deliver(&self, letters: &[DeadLetter]) -> Result<(), KafkaError> {
        try_join_all(letters.iter().map(|letter| self.deliver_one(letter))).await?;
        Ok(())
    }

    async fn deliver_one(&self, letter: &DeadLetter) -> Result<(), KafkaError> {
        match self.send(letter, &letter.value).await {
            Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge)) => {
                let cut = letter.value.get(..CUT_BYTES).unwrap_or(&letter.value);
                self.send(letter, cut).await
            }
            result => result,
        }
    }

    async fn send(&self, letter: &DeadLetter, value: &[u8]) -> Result<(), KafkaError> {
        let (partition, offset) = (letter.partition.to_string(), letter.offset.to_string());
        let length = letter.value.len().to_string();
        let headers = [
            ("topic", Some(self.source.as_str())),
            ("partition", Some(&partition)),
            ("offset", Some(&offset)),
            (REASON, Some(letter.reason)),
            ("message", Some(&letter.message)),
            ("lane", Some(self.lane)),
            // Differs from the value's length where the value was cut.
            ("length", Some(&length)),
            // As they came, for whoever puts the record back.
            (RECV_US, letter.recv_us.as_deref()),
            (SRC, letter.src.as_deref()),
        ]
        .into_iter()
        .filter(|(_, value)| value.is_some())
        .fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value })
        });
        let mut record = FutureRecord::<[u8], [u8]>::to(&self.topic)
            .payload(value)
            .headers(headers);
        if let Some(key) = &letter.key {
            record = record.key(key);
        }
        self.producer
            .send(record, Timeout::After(Duration::from_secs(30)))
            .await
            .map(|_where| ())
            .map_err(|(error, _record)| error)
    }
}
