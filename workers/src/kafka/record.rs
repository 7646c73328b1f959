//! A record of the topic as the lanes see it, borrowed from the Kafka client's memory.

use rdkafka::message::{BorrowedMessage, Headers, Message};

use super::headers::{EXCHANGE, RECV_US, SRC};
use crate::{
    decode::{self, DecodeError},
    model::Trade,
};

/// A record. What its headers do not say is absent: the topic may have other producers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record<'a> {
    /// Place in its partition.
    pub offset: i64,
    /// When Kafka got it, milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
    /// As produced.
    pub key: Option<&'a [u8]>,
    /// As produced; empty where there is none.
    pub value: &'a [u8],
    /// Header [`EXCHANGE`].
    pub exchange: Option<&'a str>,
    /// Header [`RECV_US`].
    pub recv_us: Option<i64>,
    /// Header [`SRC`].
    pub src: Option<&'a str>,
}

impl<'a> Record<'a> {
    /// The record in a message.
    pub fn of(message: &'a BorrowedMessage<'_>) -> Self {
        let mut record = Self {
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis(),
            key: message.key(),
            value: message.payload().unwrap_or_default(),
            exchange: None,
            recv_us: None,
            src: None,
        };
        for header in message.headers().into_iter().flat_map(Headers::iter) {
            let text = header.value.and_then(|value| std::str::from_utf8(value).ok());
            match header.key {
                EXCHANGE => record.exchange = text,
                RECV_US => record.recv_us = text.and_then(|text| text.parse().ok()),
                SRC => record.src = text,
                _ => {}
            }
        }
        record
    }

    /// The trade in it.
    pub fn trade(&self) -> Result<Trade, DecodeError> {
        decode::trade(decode::exchange(self.exchange)?, self.value)
    }
}
