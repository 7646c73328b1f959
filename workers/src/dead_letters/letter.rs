//! A record of the dead-letter topic: a letter, or the note that one was put back.

use std::{fmt, num::ParseIntError, str::FromStr};

use rdkafka::message::Message;
use serde::{Deserialize, Serialize};

use crate::{
    decode::{self, DecodeError},
    kafka::headers::{EXCHANGE, PUT_BACK, REASON, RECV_US, SRC, readable},
    model::Trade,
};

/// Where a letter is in the dead-letter topic, written `partition/offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Place {
    /// Partition of the dead-letter topic.
    pub partition: i32,
    /// Offset in it.
    pub offset: i64,
}

/// Why a text is no place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place in the dead-letter topic: write its partition and offset, for example 0/17")]
pub struct InvalidPlace(String);

impl FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |_: ParseIntError| InvalidPlace(text.to_owned());
        let (partition, offset) = text
            .split_once('/')
            .ok_or_else(|| InvalidPlace(text.to_owned()))?;
        Ok(Self {
            partition: partition.parse().map_err(invalid)?,
            offset: offset.parse().map_err(invalid)?,
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partition, self.offset)
    }
}

impl TryFrom<String> for Place {
    type Error = InvalidPlace;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

/// What a record of the dead-letter topic is.
pub enum Entry<'a> {
    /// Something that could not be read.
    Letter(Letter<'a>),
    /// The letter at this place was put back.
    Note(Place),
}

/// A letter, borrowed from the Kafka client's memory. Ingest buries what the exchange sent and no topic has: such a letter has
/// no place of origin.
pub struct Letter<'a> {
    /// Where it is.
    pub place: Place,
    /// Partition of the topic that it was read from.
    pub partition: Option<i32>,
    /// Offset in that partition.
    pub offset: Option<i64>,
    /// Why it could not be read, as a stable name.
    pub reason: &'a str,
    /// The same in words.
    pub message: Option<&'a str>,
    /// Whether the end of the value is missing, because it was too large.
    pub cut: bool,
    /// As it was received.
    pub value: &'a [u8],
    /// Header of the record, where the letter has it.
    pub exchange: Option<&'a str>,
    /// Header of the record, where the letter has it.
    pub recv_us: Option<&'a str>,
    /// Header of the record, where the letter has it.
    pub src: Option<&'a str>,
}

impl Letter<'_> {
    /// The trade in this value, if it is put in the letter's place.
    pub fn trade(&self, value: &[u8]) -> Result<Trade, DecodeError> {
        decode::trade(decode::exchange(self.exchange)?, value)
    }
}

impl<'a> Entry<'a> {
    /// Reads a record of the dead-letter topic.
    pub fn of(message: &'a impl Message) -> Self {
        let header = |name: &str| {
            let mut headers = message.headers().into_iter().flat_map(readable);
            let value = headers.find(|header| header.key == name)?.value?;
            std::str::from_utf8(value).ok()
        };
        if let Some(place) = header(PUT_BACK).and_then(|place| place.parse().ok()) {
            return Self::Note(place);
        }
        let value = message.payload().unwrap_or_default();
        let length = header("length").and_then(|length| length.parse().ok());
        Self::Letter(Letter {
            place: Place {
                partition: message.partition(),
                offset: message.offset(),
            },
            partition: header("partition").and_then(|partition| partition.parse().ok()),
            offset: header("offset").and_then(|offset| offset.parse().ok()),
            reason: header(REASON).unwrap_or("Unknown"),
            message: header("message"),
            cut: length.is_some_and(|length: usize| length > value.len()),
            value,
            exchange: header(EXCHANGE),
            recv_us: header(RECV_US),
            src: header(SRC),
        })
    }
}
