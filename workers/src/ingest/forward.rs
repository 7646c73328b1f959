//! Takes what a feed read and gives it to Kafka: trades to the topic, what cannot be read to the dead-letter topic.

use std::{pin::pin, sync::Arc, time::Duration};

use crds::{spec::Exchange, wire::IngestConfig};
use rdkafka::message::{Header, OwnedHeaders};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::ledger::{Entry, Ledger, Verdict};
use crate::{
    feed::{Outlet, Received, Source},
    kafka::{
        headers::{EXCHANGE, REASON, RECV_US, REST, SRC, WS},
        producer::{Outgoing, Producer},
    },
};

/// Of a trade whose symbol was not asked for.
const UNEXPECTED_SYMBOL: &str = "UnexpectedSymbol";

/// The way from the queue to Kafka.
pub struct Forward {
    records: Records,
    producer: Producer<Entry>,
    outlet: Outlet,
}

impl Forward {
    /// Nothing is taken before [`Forward::run`].
    pub fn new(
        config: &IngestConfig,
        producer: Producer<Entry>,
        ledger: Arc<Ledger>,
        outlet: Outlet,
    ) -> Self {
        let records = Records {
            exchange: config.exchange,
            topic: config.kafka.topic.as_str().into(),
            dead_letter_topic: config.kafka.dead_letter_topic.as_str().into(),
            ledger,
        };
        Self {
            records,
            producer,
            outlet,
        }
    }

    /// Runs until the feed has ended and all is acknowledged, but no longer than `limit` after `stop` was cancelled.
    /// Returns what was not acknowledged by then.
    pub async fn run(mut self, stop: CancellationToken, limit: Duration) -> Vec<Entry> {
        let expired = pin!(async {
            stop.cancelled().await;
            sleep(limit).await;
        });
        tokio::select! {
            () = expired => {}
            () = self.forward_all() => {}
        }
        let mut unacknowledged = self.producer.close().await;
        while let Some(received) = self.outlet.take_now() {
            unacknowledged.extend(self.records.make(received).map(|record| record.receipt));
        }
        unacknowledged
    }

    async fn forward_all(&mut self) {
        loop {
            let received = tokio::select! {
                received = self.outlet.take() => received,
                () = self.producer.resend() => continue,
            };
            let Some(received) = received else { break };
            if let Some(record) = self.records.make(received) {
                self.producer.send(record).await;
            }
        }
        self.producer.settle().await;
    }
}

/// Makes records of what was read.
struct Records {
    exchange: Exchange,
    topic: Arc<str>,
    dead_letter_topic: Arc<str>,
    ledger: Arc<Ledger>,
}

impl Records {
    /// `None` for a copy.
    fn make(&self, received: Received) -> Option<Outgoing<Entry>> {
        let headers = headers(self.exchange, &received);
        let reason = match &received.content {
            Ok(trade) => match self.ledger.hear(&received, trade) {
                Verdict::New(receipt, key) => {
                    return Some(Outgoing {
                        topic: self.topic.clone(),
                        key: Some(key),
                        value: received.bytes,
                        headers,
                        receipt,
                    });
                }
                Verdict::Copy => return None,
                Verdict::UnknownSymbol => UNEXPECTED_SYMBOL,
            },
            Err(reason) => *reason,
        };
        Some(Outgoing {
            topic: self.dead_letter_topic.clone(),
            key: None,
            headers: headers.insert(header(REASON, reason)),
            receipt: self.ledger.dead_letter(&received),
            value: received.bytes,
        })
    }
}

fn headers(exchange: Exchange, received: &Received) -> OwnedHeaders {
    let source = match received.source {
        Source::Live => WS,
        Source::Rest => REST,
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
