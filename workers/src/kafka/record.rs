//! A record of the topic as the lanes see it, borrowed from the memory that it came in.

use rdkafka::message::{BorrowedMessage, Headers, Message};

use super::headers::{EXCHANGE, RECV_US, SRC, readable};
use crate::{
    decode::{self, DecodeError},
    model::{Trade, leading_digits},
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
        if let Some(headers) = message.headers() {
            record.read(headers);
        }
        record
    }

    fn read(&mut self, headers: &'a impl Headers) {
        for header in readable(headers) {
            self.note(header.key.as_bytes(), header.value);
        }
    }

    /// Takes a header; one of another name is passed over.
    pub fn note(&mut self, name: &[u8], value: Option<&'a [u8]>) {
        const EXCHANGE_NAME: &[u8] = EXCHANGE.as_bytes();
        const RECV_US_NAME: &[u8] = RECV_US.as_bytes();
        const SRC_NAME: &[u8] = SRC.as_bytes();
        // Patterns are compared without a call, which counts here: every record has these three.
        match name {
            EXCHANGE_NAME => self.exchange = value.and_then(text),
            RECV_US_NAME => self.recv_us = value.and_then(number),
            SRC_NAME => self.src = value.and_then(text),
            _ => {}
        }
    }

    /// The trade in it.
    pub fn trade(&self) -> Result<Trade, DecodeError> {
        decode::trade(decode::exchange(self.exchange)?, self.value)
    }
}

fn text(value: &[u8]) -> Option<&str> {
    // What nearly all records have needs no check.
    match value {
        b"binance" => Some("binance"),
        b"ws" => Some("ws"),
        _ => str::from_utf8(value).ok(),
    }
}

fn number(value: &[u8]) -> Option<i64> {
    match leading_digits(value) {
        (number, length) if length > 0 && length == value.len() => number.try_into().ok(),
        _ => text(value)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::message::Header;

    use super::*;

    /// As the client reads them: a name that is not UTF-8 is a panic.
    struct Raw(&'static [(&'static [u8], &'static [u8])]);

    impl Headers for Raw {
        fn count(&self) -> usize {
            self.0.len()
        }

        fn try_get(&self, at: usize) -> Option<Header<'_, &[u8]>> {
            self.0.get(at).map(|(name, value)| Header {
                key: str::from_utf8(name).unwrap(),
                value: Some(*value),
            })
        }
    }

    fn read(headers: &Raw) -> Record<'_> {
        let mut record = Record::default();
        record.read(headers);
        record
    }

    #[test]
    fn known_headers_are_read_and_others_passed_over() {
        let headers = Raw(&[
            (b"exchange", b"coinbase"),
            (b"trace", b"1"),
            (b"recv_us", b"1610064000278123"),
            (b"src", b"\xff"),
        ]);
        let expected = Record {
            exchange: Some("coinbase"),
            recv_us: Some(1_610_064_000_278_123),
            ..Record::default()
        };
        assert_eq!(read(&headers), expected);
    }

    #[test]
    fn a_name_that_is_not_utf8_hides_no_other() {
        let headers = Raw(&[(b"src", b"ws"), (b"\xff", b""), (b"exchange", b"binance")]);
        let expected = Record {
            src: Some("ws"),
            exchange: Some("binance"),
            ..Record::default()
        };
        assert_eq!(read(&headers), expected);
    }
}
