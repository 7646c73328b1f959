//! Takes what a feed read and gives it to Kafka: trades to the topic, what cannot be read to the dead-letter topic.

use std::{pin::pin, sync::Arc, time::Duration};

use crds::{spec::Exchange, wire::IngestConfig};
use rdkafka::message::{Header, OwnedHeaders};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::ledger::{Entry, Ledger};
use crate::{
    feed::{Outlet, Received},
    kafka::{
        headers::{EXCHANGE, REASON, RECV_US, SRC, WS},
        producer::{Outgoing, Producer},
    },
};

/// Of a trade whose symbol was not asked for.
const UNEXPECTED_SYMBOL: &str = "UnexpectedSymbol";

/// The way from the queue to Kafka.
pub struct Forward {
    exchange: Exchange,
    topic: Arc<str>,
    dead_letter_topic: Arc<str>,
    producer: Producer<Entry>,
    ledger: Arc<Ledger>,
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
        Self {
            exchange: config.exchange,
            topic: config.kafka.topic.as_str().into(),
            dead_letter_topic: config.kafka.dead_letter_topic.as_str().into(),
            producer,
            ledger,
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
            unacknowledged.push(entry(&self.ledger, &received));
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
            let record = record(self, received);
            self.producer.send(record).await;
        }
        self.producer.settle().await;
    }
}

fn record(way: &Forward, received: Received) -> Outgoing<Entry> {
    let headers = common_headers(way.exchange, received.wall_us);
    let account = match &received.content {
        Ok(trade) => way.ledger.trade(&received, trade).ok_or(UNEXPECTED_SYMBOL),
        Err(reason) => Err(*reason),
    };
    match account {
        Ok((entry, key)) => Outgoing {
            topic: way.topic.clone(),
            key: Some(key),
            value: received.bytes,
            headers,
            receipt: entry,
        },
        Err(reason) => Outgoing {
            topic: way.dead_letter_topic.clone(),
            key: None,
            headers: headers.insert(header(REASON, reason)),
            receipt: way.ledger.dead_letter(&received),
            value: received.bytes,
        },
    }
}

fn entry(ledger: &Arc<Ledger>, received: &Received) -> Entry {
    let trade = received
        .content
        .as_ref()
        .ok()
        .and_then(|trade| ledger.trade(received, trade));
    trade.map_or_else(|| ledger.dead_letter(received), |(entry, _key)| entry)
}

fn common_headers(exchange: Exchange, wall_us: i64) -> OwnedHeaders {
    OwnedHeaders::new_with_capacity(4)
        .insert(header(EXCHANGE, exchange.as_str()))
        .insert(header(RECV_US, &wall_us.to_string()))
        .insert(header(SRC, WS))
}

const fn header<'a>(key: &'a str, value: &'a str) -> Header<'a, &'a str> {
    Header {
        key,
        value: Some(value),
    }
}
