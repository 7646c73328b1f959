//! What happens when the exchange or Kafka is not there.

use std::{collections::BTreeSet, time::Duration};

use exchange_sim::{Fault, Limits, Sim, SimConfig, SymbolSpec};
use workers::ingest::IngestError;

use crate::{
    kafka::{self, TOPIC},
    worker::{RECORDED_FIRST, RECORDED_LAST, Worker, exchange},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_made_again_and_the_stream_goes_on() {
    let kafka = kafka::cluster();
    let exchange = exchange([SymbolSpec::new("BTCUSDT").speed(10.0)]).await;
    let worker = Worker::start(&exchange, &kafka, &["BTCUSDT"]).await;
    worker
        .until("some trades", |status| status.acknowledged >= 100)
        .await;
    exchange.inflict(Fault::Cut).unwrap();
    let last = |status: &crds::wire::IngestStatus| status.symbols["BTCUSDT"].last_id == RECORDED_LAST;
    let status = worker.until("the last trade", last).await;
    assert_eq!(status.connections, 2);
    worker.stop().await.unwrap();

    let ids: Vec<u64> = kafka::records(&kafka, TOPIC)
        .iter()
        .map(kafka::Record::id)
        .collect();
    assert!(
        ids.is_sorted_by(|earlier, later| earlier < later),
        "no copies, in order"
    );
    let heard: BTreeSet<u64> = ids.into_iter().collect();
    let unheard: BTreeSet<u64> = (RECORDED_FIRST..=RECORDED_LAST)
        .filter(|id| !heard.contains(id))
        .collect();
    let named = exchange.ledger().symbols["BTCUSDT"]
        .unheard
        .iter()
        .flat_map(|range| range.0..=range.1)
        .collect();
    assert!(unheard.is_superset(&named), "{unheard:?} {named:?}");
    assert!(
        unheard.len() < 1000,
        "the connection was made again at once: {} unheard",
        unheard.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_are_answered_while_no_trade_comes() {
    let kafka = kafka::cluster();
    let limits = Limits {
        // Pongs count as messages, of which 5 per second are allowed.
        ping_interval: Duration::from_millis(500),
        pong_timeout: Duration::from_secs(2),
        ..Limits::default()
    };
    let quiet = SymbolSpec::new("BTCUSDT").start(exchange_sim::Start::Command);
    let exchange = Sim::start(SimConfig::new([quiet]).limits(limits)).await.unwrap();
    let worker = Worker::start(&exchange, &kafka, &["BTCUSDT"]).await;
    worker.until("connected", |status| status.connected).await;
    // Longer than the exchange's patience: what must not happen has no event to wait for.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(worker.status().await.connections, 1);
    assert!(exchange.ledger().violations.is_empty(), "{:?}", exchange.ledger());
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_subscription_is_named_and_the_worker_not_ready() {
    let kafka = kafka::cluster();
    let exchange = exchange([SymbolSpec::new("BTCUSDT")]).await;
    let worker = Worker::start(&exchange, &kafka, &["Ä#USDT"]).await;
    worker.until_readyz("SubscriptionRefused").await;
    assert!(!worker.status().await.connected);
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_before_sigterm_is_flushed_when_kafka_comes_back() {
    let kafka = kafka::cluster();
    let exchange = exchange([SymbolSpec::new("BTCUSDT").speed(0.0)]).await;
    kafka.broker_down(1).unwrap();
    let worker = Worker::start(&exchange, &kafka, &["BTCUSDT"]).await;
    worker.until_readyz("kafka").await;
    let status = worker.until("all read", |status| status.in_flight == 2001).await;
    assert_eq!(status.acknowledged, 0);
    let end = tokio::spawn(worker.stop());
    kafka.broker_up(1).unwrap();
    end.await.unwrap().unwrap();
    let ids: Vec<u64> = kafka::records(&kafka, TOPIC)
        .iter()
        .map(kafka::Record::id)
        .collect();
    assert_eq!(ids, (RECORDED_FIRST..=RECORDED_LAST).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_flushed_in_time_is_an_error_that_counts_it() {
    let kafka = kafka::cluster();
    let exchange = exchange([SymbolSpec::new("BTCUSDT").speed(0.0)]).await;
    kafka.broker_down(1).unwrap();
    let worker = Worker::start_with(&exchange, &kafka, &["BTCUSDT"], Duration::from_millis(100)).await;
    worker.until("all read", |status| status.in_flight == 2001).await;
    match worker.stop().await {
        Err(IngestError::Unacknowledged(2001)) => {}
        other => panic!("{other:?}"),
    }
}
