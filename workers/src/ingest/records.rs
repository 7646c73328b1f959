//! Decides what becomes of what was read, and makes Kafka's records of it.

use std::{borrow::Cow, sync::Arc};

use crds::{spec::Exchange, wire::IngestConfig};
use rdkafka::message::{Header, OwnedHeaders};

use super::ledger::{Entry, Ledger, Verdict};
use crate::{
    feed::{Received, Source},
    kafka::{
        headers::{EXCHANGE, IDS_RESTARTED, REASON, RECV_US, REPLAY, REST, SRC, WS},
        producer::Outgoing,
    },
};

/// Of a trade whose symbol was not asked for.
const UNEXPECTED_SYMBOL: &str = "UnexpectedSymbol";

/// Makes records.
pub struct Records {
    exchange: Exchange,
    topic: Arc<str>,
    dead_letter_topic: Arc<str>,
    ledger: Arc<Ledger>,
}

impl Records {
    /// For the topics of this configuration.
    pub fn new(config: &IngestConfig, ledger: Arc<Ledger>) -> Self {
        Self {
            exchange: config.exchange,
            topic: config.kafka.topic.as_str().into(),
            dead_letter_topic: config.kafka.dead_letter_topic.as_str().into(),
            ledger,
        }
    }

    /// Lets the ledger hear what was read, once; `None` for a copy. The rest is to be sent, by [`Self::make`].
    pub fn hear(&self, mut received: Received) -> Option<Received> {
        if let Ok(trade) = &received.content {
            match self.ledger.hear(&received, trade) {
                Verdict::New => {}
                Verdict::Copy => return None,
                Verdict::UnknownSymbol => received.content = Err(Cow::Borrowed(UNEXPECTED_SYMBOL)),
                Verdict::Restarted => received.content = Err(Cow::Borrowed(IDS_RESTARTED)),
            }
        }
        Some(received)
    }

    /// The record of what was heard.
    pub fn make(&self, received: Received) -> Outgoing<Entry> {
        let headers = headers(self.exchange, &received);
        let (receipt, key) = self.ledger.entry(&received);
        let (topic, headers) = match &received.content {
            Ok(_) => (self.topic.clone(), headers),
            Err(reason) => (
                self.dead_letter_topic.clone(),
                headers.insert(header(REASON, reason)),
            ),
        };
        Outgoing {
            topic,
            key,
            value: received.bytes,
            headers,
            receipt,
        }
    }
}

fn headers(exchange: Exchange, received: &Received) -> OwnedHeaders {
    let source = match received.source {
        Source::Live => WS,
        Source::Rest => REST,
        Source::Replay => REPLAY,
    };
    OwnedHeaders::new_with_capacity(4)
        .insert(header(EXCHANGE, exchange.as_str()))
        .insert(header(RECV_US, &received.wall_us.to_string()))
        .insert(header(SRC, source))
}

const fn header<'a>(key: &'a str, value: &'a str) -> Header<'a, &'a str> {
    Header {
        key,
        value: Some(value),
    }
}
