//! What was not heard is found missing, fetched, and told of.

use std::{collections::BTreeMap, time::Duration};

use crds::{
    gap::{GapCause, GapState},
    spec::Exchange,
    wire::{IngestConfig, IngestStatus, StartFrom},
};
use exchange_sim::{Fault, Refusal, Service, Sim, Start, SymbolSpec};

use crate::{
    kafka::{self, Cluster, DEAD_LETTERS, LEDGERS, Record, TOPIC, gaps},
    worker::{
        RECORDED_FIRST, RECORDED_LAST, Worker, assert_no_violation, config, drop_next, exchange, recorded,
    },
};

const FLUSH: Duration = Duration::from_secs(20);

/// The recorded symbol at five times its pace: 9 s, issued whether anybody listens or not.
fn bitcoin() -> SymbolSpec {
    SymbolSpec::new("BTCUSDT").speed(5.0)
}

fn complete(status: &IngestStatus) -> bool {
    status
        .symbols
        .get("BTCUSDT")
        .is_some_and(|symbol| symbol.trades == 2001 && symbol.missing_ids == 0)
        && status.gaps.is_empty()
}

/// Every recorded trade is in the topic once, in the recorded bytes, whatever way it came. Returns those that were
/// fetched.
fn assert_all_once(kafka: &Cluster) -> Vec<Record> {
    let mut records = kafka::records(kafka, TOPIC);
    records.sort_by_key(Record::id);
    let values: Vec<&str> = records.iter().map(|record| record.value.as_str()).collect();
    assert_eq!(values.len(), 2001, "none missing, none twice");
    assert_eq!(values, recorded());
    records.retain(|record| record.headers["src"] == "rest");
    records
}

/// The gaps were of this cause, are closed, and name exactly the ids that were fetched.
fn assert_closed(kafka: &Cluster, cause: GapCause, fetched: &[Record]) {
    let gaps = gaps(kafka);
    assert!(!gaps.is_empty());
    let mut named = vec![];
    for gap in &gaps {
        assert_eq!(
            (gap.state, gap.cause, gap.missing_ids),
            (GapState::Closed, cause, 0),
            "{gap:?}"
        );
        assert!(gap.closed_ms.unwrap() >= gap.detected_ms);
        assert_eq!(gap.repaired_ids, gap.to_id - gap.from_id + 1, "{gap:?}");
        named.extend(gap.from_id..=gap.to_id);
    }
    named.sort_unstable();
    let fetched: Vec<u64> = fetched.iter().map(Record::id).collect();
    assert_eq!(named, fetched);
}

fn issued(exchange: &Sim) -> u64 {
    exchange.ledger().symbols["BTCUSDT"].issued
}

async fn until_issued(exchange: &Sim, trades: u64) {
    while issued(exchange) < trades {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A worker that has heard at least a hundred trades.
async fn warm(exchange: &Sim, kafka: &Cluster) -> Worker {
    let worker = Worker::start(exchange, kafka, &["BTCUSDT"]).await;
    worker
        .until("some trades", |status| status.acknowledged >= 100)
        .await;
    worker
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cut_connection_missed_is_fetched_in_the_bytes_of_the_stream() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let worker = warm(&exchange, &kafka).await;
    // Long enough for trades to be issued before the next connection.
    drop_next(&exchange, "BTCUSDT", 50);
    exchange.inflict(Fault::Cut).unwrap();
    let status = worker.until("all trades", complete).await;
    let metrics = worker.metrics().await;
    worker.stop().await.unwrap();

    let fetched = assert_all_once(&kafka);
    assert!(fetched.len() >= 50, "{}", fetched.len());
    assert_closed(&kafka, GapCause::Disconnect, &fetched);
    assert!(status.late_ms > 0);
    let repaired = format!("cryptopipeline_ingest_repaired_ids_total {}", fetched.len());
    assert!(metrics.contains(&repaired), "{metrics}");
    assert!(
        metrics.contains("cryptopipeline_ingest_missing_ids 0"),
        "{metrics}"
    );
    assert_no_violation(&exchange);
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_were_not_delivered_are_fetched_though_the_connection_stayed() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let worker = warm(&exchange, &kafka).await;
    drop_next(&exchange, "BTCUSDT", 7);
    let status = worker.until("all trades", complete).await;
    assert_eq!(status.connections, 1);
    worker.stop().await.unwrap();
    let fetched = assert_all_once(&kafka);
    assert_eq!(fetched.len(), 7);
    assert_closed(&kafka, GapCause::NotDelivered, &fetched);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trade_that_could_not_be_read_is_kept_as_a_dead_letter_and_fetched() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let worker = warm(&exchange, &kafka).await;
    exchange
        .inflict(Fault::Truncate {
            symbol: "BTCUSDT".to_owned(),
            trades: 3,
        })
        .unwrap();
    worker.until("all trades", complete).await;
    worker.stop().await.unwrap();
    assert_eq!(assert_all_once(&kafka).len(), 3);
    assert_eq!(kafka::records(&kafka, DEAD_LETTERS).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_trades_are_missed_too_though_no_later_one_tells() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let worker = warm(&exchange, &kafka).await;
    // All that are left.
    drop_next(&exchange, "BTCUSDT", 2_001);
    worker.until("all trades", complete).await;
    worker.stop().await.unwrap();
    let fetched = assert_all_once(&kafka);
    assert_eq!(fetched.last().unwrap().id(), RECORDED_LAST);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_while_no_worker_ran_is_a_gap_like_any_other() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    warm(&exchange, &kafka).await.stop().await.unwrap();
    until_issued(&exchange, issued(&exchange) + 300).await;
    let worker = Worker::start(&exchange, &kafka, &["BTCUSDT"]).await;
    let status = worker.until("all trades", complete).await;
    assert_eq!(status.symbols["BTCUSDT"].first_id, RECORDED_FIRST);
    worker.stop().await.unwrap();
    let fetched = assert_all_once(&kafka);
    assert!(fetched.len() >= 300);
    assert_closed(&kafka, GapCause::Downtime, &fetched);
    assert_no_violation(&exchange);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_kept_ledger_the_topics_last_records_tell_what_is_there() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    warm(&exchange, &kafka).await.stop().await.unwrap();
    let forgotten = IngestConfig {
        ledger_topic: "another.ledger".to_owned(),
        ..config(&exchange, &kafka, &["BTCUSDT"])
    };
    kafka.create_topic("another.ledger", 1, 1).unwrap();
    let worker = Worker::run(forgotten, FLUSH).await;
    worker.until("all trades", complete).await;
    worker.stop().await.unwrap();
    assert_all_once(&kafka);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_that_was_open_at_the_end_is_repaired_by_the_next_life() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let worker = warm(&exchange, &kafka).await;
    // REST has nothing for as long as the first worker lives.
    let behind = |by_ms| Fault::RestBehind {
        symbol: "BTCUSDT".to_owned(),
        by_ms,
    };
    exchange.inflict(behind(3_600_000)).unwrap();
    drop_next(&exchange, "BTCUSDT", 20);
    let asked_in_vain = |status: &IngestStatus| {
        let errors = status.gaps.iter().filter_map(|gap| gap.last_error.as_deref());
        status.missing_ids == 20 && errors.eq(["NotThereYet"])
    };
    worker.until("a request in vain", asked_in_vain).await;
    worker.stop().await.unwrap();
    exchange.inflict(behind(0)).unwrap();
    let worker = Worker::start(&exchange, &kafka, &["BTCUSDT"]).await;
    worker.until("all trades", complete).await;
    worker.stop().await.unwrap();
    assert_all_once(&kafka);
    let gaps = gaps(&kafka);
    assert!(gaps.iter().all(|gap| gap.state == GapState::Closed), "{gaps:?}");
    assert_eq!(gaps[0].cause, GapCause::NotDelivered, "as the first life told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_the_past_that_trails_the_stream_is_asked_again() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let worker = warm(&exchange, &kafka).await;
    let symbol = "BTCUSDT".to_owned();
    exchange
        .inflict(Fault::RestBehind { symbol, by_ms: 5_000 })
        .unwrap();
    drop_next(&exchange, "BTCUSDT", 20);
    worker.until("all trades", complete).await;
    worker.stop().await.unwrap();
    assert_eq!(assert_all_once(&kafka).len(), 20);
    assert_no_violation(&exchange);
}

#[rstest::rstest]
#[case(Refusal::Limited)]
#[case(Refusal::Banned)]
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_waited_out(#[case] with: Refusal) {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let worker = warm(&exchange, &kafka).await;
    exchange
        .inflict(Fault::Refuse {
            service: Service::Rest,
            with,
            for_ms: 8_000,
        })
        .unwrap();
    drop_next(&exchange, "BTCUSDT", 20);
    worker.until("all trades", complete).await;
    worker.stop().await.unwrap();
    assert_eq!(assert_all_once(&kafka).len(), 20);
    assert_no_violation(&exchange);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_of_weight_is_kept() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let worker = Worker::run(
        IngestConfig {
            request_weight_per_minute: 100,
            ..config(&exchange, &kafka, &["BTCUSDT"])
        },
        FLUSH,
    )
    .await;
    worker
        .until("some trades", |status| status.acknowledged >= 100)
        .await;
    drop_next(&exchange, "BTCUSDT", 20);
    worker.until("all trades", complete).await;
    worker.stop().await.unwrap();
    assert_all_once(&kafka);
    assert_no_violation(&exchange);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_by_id_fetches_what_was_traded_before() {
    let start_from = StartFrom {
        ids: BTreeMap::from([("BTCUSDT".to_owned(), RECORDED_FIRST)]),
        ..StartFrom::default()
    };
    backfill(start_from, RECORDED_FIRST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_by_time_fetches_what_was_traded_since() {
    let time_ms = 1_610_064_000_279;
    let first = recorded()
        .iter()
        .map(|event| workers::decode::trade(Exchange::Binance, event.as_bytes()).unwrap())
        .find(|trade| trade.trade_time_us >= time_ms * 1_000)
        .unwrap();
    let start_from = StartFrom {
        time_ms: Some(time_ms),
        ..StartFrom::default()
    };
    backfill(start_from, first.trade_id).await;
}

/// Starts when the market has been open for a while, and expects every trade from `first` on.
async fn backfill(start_from: StartFrom, first: u64) {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin().start(Start::Now)]).await;
    until_issued(&exchange, 500).await;
    let config = IngestConfig {
        start_from,
        ..config(&exchange, &kafka, &["BTCUSDT"])
    };
    let worker = Worker::run(config, FLUSH).await;
    let all = |status: &IngestStatus| {
        let bitcoin = status.symbols.get("BTCUSDT");
        let range = bitcoin.map(|symbol| (symbol.first_id, symbol.last_id, symbol.trades));
        range == Some((first, RECORDED_LAST, RECORDED_LAST - first + 1)) && status.gaps.is_empty()
    };
    worker.until("all trades", all).await;
    worker.stop().await.unwrap();
    let told = gaps(&kafka);
    assert_eq!((told[0].cause, told[0].from_id), (GapCause::Backfill, first));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_worker_has_brought_is_no_gap() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin().speed(3.0)]).await;
    let first = warm(&exchange, &kafka).await;
    let second = Worker::start(&exchange, &kafka, &["BTCUSDT"]).await;
    let overlaps = |status: &IngestStatus| status.acknowledged + status.copies > 0;
    second.until("the second hears", overlaps).await;
    first.stop().await.unwrap();
    second.until("all trades", complete).await;
    second.stop().await.unwrap();
    assert!(gaps(&kafka).is_empty(), "{:?}", gaps(&kafka));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_kept_in_kafka_symbol_by_symbol() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let worker = Worker::start(&exchange, &kafka, &["BTCUSDT"]).await;
    worker.until("all trades", complete).await;
    let metrics = worker.metrics().await;
    worker.stop().await.unwrap();
    let kept = kafka::records(&kafka, LEDGERS).pop().unwrap();
    assert_eq!(kept.key.as_deref(), Some("binance:BTCUSDT"));
    let ledger: serde_json::Value = serde_json::from_str(&kept.value).unwrap();
    assert_eq!(ledger["start"], RECORDED_FIRST);
    assert_eq!(
        ledger["ids"],
        serde_json::json!([[RECORDED_FIRST, RECORDED_LAST]])
    );
    for figure in [
        format!(r#"cryptopipeline_ingest_symbol_last_id{{symbol="BTCUSDT"}} {RECORDED_LAST}"#),
        r#"cryptopipeline_ingest_symbol_age_seconds{symbol="BTCUSDT"} "#.to_owned(),
        r#"cryptopipeline_ingest_symbol_trades_per_minute{symbol="BTCUSDT"} "#.to_owned(),
        "cryptopipeline_ingest_clock_offset_seconds ".to_owned(),
        "cryptopipeline_ingest_event_to_receive_seconds_count 2001".to_owned(),
    ] {
        assert!(metrics.contains(&figure), "{figure}: {metrics}");
    }
}
