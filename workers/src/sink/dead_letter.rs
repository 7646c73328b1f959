//! Records that cannot be read go to a topic of their own, as they came, with where they were and what is wrong.

use std::{sync::Arc, time::Duration};

use crds::wire::KafkaEndpoint;
use futures::future::try_join_all;
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
    util::Timeout,
};
use tokio::sync::OnceCell;

use crate::{
    decode::DecodeError,
    kafka::{
        Record,
        headers::{EXCHANGE, REASON, RECV_US, SRC},
    },
};

/// Where the dead-letter topic refuses a letter for its size, its value and its key are cut to this length.
const CUT_BYTES: usize = 256 * 1024;
/// What is wrong is told in so many characters: the message may quote the record, which may be large.
const MESSAGE_CHARS: usize = 500;
/// Letters held at a time, by number and by size: a lane has so many for each of its partitions.
const MOST_LETTERS: usize = 500;
const MOST_BYTES: usize = 4 << 20;

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    key: Option<Vec<u8>>,
    value: Vec<u8>,
    partition: i32,
    offset: i64,
    reason: &'static str,
    message: String,
    exchange: Option<String>,
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
            message: error.to_string().chars().take(MESSAGE_CHARS).collect(),
            exchange: record.exchange.map(str::to_owned),
            recv_us: record.recv_us.map(|recv_us| recv_us.to_string()),
            src: record.src.map(str::to_owned),
        }
    }

    /// What is wrong, as a stable name.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }

    fn bytes(&self) -> usize {
        self.value.len() + self.key.as_ref().map_or(0, Vec::len)
    }
}

/// Letters that are collected until they are delivered.
#[derive(Debug, Default)]
pub struct Letters {
    letters: Vec<DeadLetter>,
    bytes: usize,
}

impl Letters {
    /// Adds one.
    pub fn push(&mut self, letter: DeadLetter) {
        self.bytes += letter.bytes();
        self.letters.push(letter);
    }

    /// Whether they are to be delivered before more are read.
    pub fn is_full(&self) -> bool {
        self.letters.len() >= MOST_LETTERS || self.bytes >= MOST_BYTES
    }

    /// All of them.
    pub fn all(&self) -> &[DeadLetter] {
        &self.letters
    }
}

/// Writes to the dead-letter topic. A record may be there twice after a failure, never be absent.
#[derive(Clone)]
pub struct DeadLetters {
    endpoint: KafkaEndpoint,
    lane: &'static str,
    /// Made for the first letter: most processors never have one, and the client's thread takes a hundredth of a core even
    /// while it has nothing to do.
    producer: Arc<OnceCell<FutureProducer>>,
}

impl DeadLetters {
    /// Connects with the first letter.
    pub fn new(endpoint: &KafkaEndpoint, lane: &'static str) -> Self {
        Self {
            endpoint: endpoint.clone(),
            lane,
            producer: Arc::default(),
        }
    }

    async fn producer(&self) -> Result<&FutureProducer, KafkaError> {
        let connect = async || {
            ClientConfig::new()
                .set("bootstrap.servers", &self.endpoint.bootstrap)
                .set("client.id", format!("dead-letters-{}", self.lane))
                .set("enable.idempotence", "true")
                .set("compression.type", "zstd")
                .set("linger.ms", "20")
                .set("message.timeout.ms", "30000")
                .create()
        };
        self.producer.get_or_try_init(connect).await
    }

    /// Returns when all in-sync replicas have every letter. After an error, deliver all of them again.
    pub async fn deliver(&self, letters: &[DeadLetter]) -> Result<(), KafkaError> {
        try_join_all(letters.iter().map(|letter| self.deliver_one(letter))).await?;
        Ok(())
    }

    async fn deliver_one(&self, letter: &DeadLetter) -> Result<(), KafkaError> {
        match self.send(letter, usize::MAX).await {
            Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge)) => {
                self.send(letter, CUT_BYTES).await
            }
            result => result,
        }
    }

    /// Sends at most so many bytes of the value and of the key.
    async fn send(&self, letter: &DeadLetter, most: usize) -> Result<(), KafkaError> {
        let (partition, offset) = (letter.partition.to_string(), letter.offset.to_string());
        let length = letter.value.len().to_string();
        let headers = [
            ("topic", Some(self.endpoint.topic.as_str())),
            ("partition", Some(&partition)),
            ("offset", Some(&offset)),
            (REASON, Some(letter.reason)),
            ("message", Some(&letter.message)),
            ("lane", Some(self.lane)),
            // Differs from the value's length where the value was cut.
            ("length", Some(&length)),
            // As they came, for whoever puts the record back.
            (EXCHANGE, letter.exchange.as_deref()),
            (RECV_US, letter.recv_us.as_deref()),
            (SRC, letter.src.as_deref()),
        ]
        .into_iter()
        .filter(|(_, value)| value.is_some())
        .fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value })
        });
        let mut record = FutureRecord::<[u8], [u8]>::to(&self.endpoint.dead_letter_topic)
            .payload(first(&letter.value, most))
            .headers(headers);
        if let Some(key) = &letter.key {
            record = record.key(first(key, most));
        }
        self.producer()
            .await?
            .send(record, Timeout::After(Duration::from_secs(30)))
            .await
            .map(|_where| ())
            .map_err(|(error, _record)| error)
    }
}

fn first(bytes: &[u8], most: usize) -> &[u8] {
    bytes.get(..most).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use crds::spec::Exchange;

    use super::*;
    use crate::decode;

    fn letter(value: &[u8]) -> DeadLetter {
        let record = Record {
            value,
            ..Record::default()
        };
        DeadLetter::new(&record, 0, &decode::trade(Exchange::Binance, value).unwrap_err())
    }

    #[test]
    fn a_message_does_not_grow_with_the_record_that_it_quotes() {
        let letter = letter(format!(r#"{{"t":"{}"}}"#, "x".repeat(900_000)).as_bytes());
        assert_eq!(letter.reason(), "InvalidField");
        assert!(letter.message.starts_with("a field has the wrong type"));
        assert!(letter.message.len() <= MESSAGE_CHARS);
    }

    #[test]
    fn few_large_letters_are_as_many_as_are_held_and_so_are_many_small_ones() {
        for (bytes, most) in [(900_000, 5), (10, MOST_LETTERS)] {
            let mut letters = Letters::default();
            while !letters.is_full() {
                letters.push(letter(&vec![b'x'; bytes]));
            }
            assert_eq!(letters.all().len(), most);
        }
    }
}
