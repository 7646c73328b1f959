//! The second exchange: Coinbase's products on the way of all trades.

use std::time::Duration;

use crds::{
    gap::GapState,
    spec::{Exchange, GapPolicy},
    wire::{IngestConfig, IngestStatus, StartFrom},
};
use exchange_sim::{Fault, Sim, Start, SymbolSpec};
use serde_json::Value;

use crate::{
    kafka::{self, Cluster, DEAD_LETTERS, LEDGERS, Record, TOPIC, gaps},
    worker::{self, Worker, assert_no_violation, drop_next, exchange, recorded},
};

const FLUSH: Duration = Duration::from_secs(20);
const PRODUCT: &str = "BTC-USD";

fn config(exchange: &Sim, kafka: &Cluster, products: &[&str]) -> IngestConfig {
    IngestConfig {
        exchange: Exchange::Coinbase,
        gap_policy: GapPolicy::Advisory,
        ..worker::config(exchange, kafka, products)
    }
}

async fn start(exchange: &Sim, kafka: &Cluster, products: &[&str]) -> Worker {
    Worker::run(config(exchange, kafka, products), FLUSH).await
}

/// The recorded trades at five times their pace: 9 s, issued whether anybody listens or not.
fn bitcoin() -> SymbolSpec {
    SymbolSpec::new(PRODUCT).speed(5.0)
}

async fn warm(exchange: &Sim, kafka: &Cluster) -> Worker {
    let worker = start(exchange, kafka, &[PRODUCT]).await;
    worker
        .until("some trades", |status| status.acknowledged >= 100)
        .await;
    worker
}

fn complete(status: &IngestStatus) -> bool {
    let product = status.symbols.get(PRODUCT);
    product.is_some_and(|product| product.trades == 2001 && product.missing_ids == 0)
        && status.gaps.is_empty()
}

/// Every trade is in the topic once, whatever way it came. Returns the records in the order of the ids.
fn assert_all_once(kafka: &Cluster) -> Vec<Record> {
    let mut records = kafka::records(kafka, TOPIC);
    records.sort_by_key(Record::id);
    let ids: Vec<u64> = records.iter().map(Record::id).collect();
    assert_eq!(ids, (1..=2001).collect::<Vec<_>>());
    records
}

fn fetched(records: &[Record]) -> usize {
    records
        .iter()
        .filter(|record| record.headers["src"] == "rest")
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn matches_arrive_in_the_wire_form_under_the_exchanges_name() {
    let kafka = kafka::cluster();
    let exchange = exchange([SymbolSpec::new(PRODUCT).speed(0.0)]).await;
    let worker = start(&exchange, &kafka, &[PRODUCT]).await;
    let status = worker.until("all trades", complete).await;
    worker.until_readyz("").await;
    worker.stop().await.unwrap();
    assert_eq!((status.connections, status.rejected_frames), (1, 0));

    let records = assert_all_once(&kafka);
    for (record, original) in records.iter().zip(recorded()) {
        let original: Value = serde_json::from_str(&original).unwrap();
        let event: Value = serde_json::from_str(&record.value).unwrap();
        let (id, price, time) = (record.id(), event["p"].as_str().unwrap(), &original["T"]);
        let (quantity, maker) = (&original["q"], &original["m"]);
        assert_eq!(
            record.value,
            format!(
                r#"{{"e":"trade","E":{time},"s":"BTC-USD","t":{id},"p":"{price}","q":{quantity},"T":{time},"m":{maker},"M":true}}"#
            )
        );
        assert_eq!(record.key.as_deref(), Some(PRODUCT));
        assert_eq!(record.headers["exchange"], "coinbase");
        assert_eq!(record.headers["src"], "ws");
    }
    let keys: Vec<_> = kafka::records(&kafka, LEDGERS)
        .into_iter()
        .filter_map(|record| record.key)
        .collect();
    assert!(keys.iter().all(|key| key == "coinbase:BTC-USD"), "{keys:?}");
    assert_no_violation(&exchange);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_is_healed_and_what_it_missed_is_fetched() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let worker = warm(&exchange, &kafka).await;
    // Long enough for trades to be issued before the next connection.
    drop_next(&exchange, PRODUCT, 50);
    exchange.inflict(Fault::Cut).unwrap();
    let status = worker.until("all trades", complete).await;
    worker.stop().await.unwrap();
    assert!(status.connections >= 2);
    // All but the one that the new connection begins with: Coinbase tells of the last match.
    assert!(fetched(&assert_all_once(&kafka)) >= 49);
    let gaps = gaps(&kafka);
    assert!(!gaps.is_empty());
    for gap in gaps {
        assert_eq!((gap.exchange, gap.state), (Exchange::Coinbase, GapState::Closed));
    }
    assert_no_violation(&exchange);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_frames_are_fetched_and_doubled_ones_are_kept_once() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let worker = warm(&exchange, &kafka).await;
    drop_next(&exchange, PRODUCT, 7);
    let symbol = PRODUCT.to_owned();
    exchange.inflict(Fault::Duplicate { symbol, trades: 5 }).unwrap();
    let status = worker.until("all trades", complete).await;
    worker.stop().await.unwrap();
    assert_eq!(status.connections, 1);
    assert_eq!(status.copies, 5);
    assert_eq!(fetched(&assert_all_once(&kafka)), 7);
    assert_no_violation(&exchange);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_trades_are_missed_too_though_no_later_one_tells() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let worker = warm(&exchange, &kafka).await;
    // All that are left.
    drop_next(&exchange, PRODUCT, 2_001);
    worker.until("all trades", complete).await;
    worker.stop().await.unwrap();
    assert_all_once(&kafka);
    assert_no_violation(&exchange);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_is_not_listed_is_named_and_the_others_go_on() {
    let kafka = kafka::cluster();
    let exchange = exchange([
        SymbolSpec::new(PRODUCT).speed(0.0),
        SymbolSpec::new("ETH-USD").speed(0.0),
        // The other exchange's symbol in the same market.
        SymbolSpec::new("BTCUSDT").speed(0.0),
    ])
    .await;
    let worker = start(&exchange, &kafka, &["BTC-USD", "ETH-USD", "NONE-USD"]).await;
    let status = worker
        .until("all trades, a name, and the refusal of it", |status| {
            status.acknowledged == 4002 && !status.unknown_symbols.is_empty() && status.connected
        })
        .await;
    assert_eq!(status.unknown_symbols, ["NONE-USD"]);
    assert_eq!(status.symbols.keys().collect::<Vec<_>>(), ["BTC-USD", "ETH-USD"]);
    worker.stop().await.unwrap();
    assert_no_violation(&exchange);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_by_time_finds_its_id_and_fetches_everything_since() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin().repeat(2).speed(0.0).start(Start::Now)]).await;
    // The first of the second repetition, behind more than a page.
    let event: Value = serde_json::from_str(&recorded()[2_000]).unwrap();
    let time_ms = event["T"].as_i64().unwrap() + 1;
    while !exchange.ledger().symbols[PRODUCT].finished {
        tokio::task::yield_now().await;
    }
    let config = IngestConfig {
        start_from: StartFrom {
            time_ms: Some(time_ms),
            ..StartFrom::default()
        },
        ..config(&exchange, &kafka, &[PRODUCT])
    };
    let worker = Worker::run(config, FLUSH).await;
    worker
        .until("the second repetition", |status| {
            let product = status.symbols.get(PRODUCT);
            product.is_some_and(|product| {
                (product.first_id, product.last_id, product.trades) == (2002, 4002, 2001)
            })
        })
        .await;
    worker.stop().await.unwrap();
    assert_no_violation(&exchange);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_cannot_be_kept_exactly_is_a_dead_letter_as_it_came() {
    let precise = r#"{"type":"match","trade_id":9999,"product_id":"BTC-USD","price":"0.000000001","size":"1","side":"buy","time":"2021-01-08T00:00:00.278Z"}"#;
    let kafka = kafka::cluster();
    let exchange = exchange([SymbolSpec::new(PRODUCT).speed(0.0).start(Start::Command)]).await;
    let worker = start(&exchange, &kafka, &[PRODUCT]).await;
    worker.until("connected", |status| status.connected).await;
    while exchange.inject(PRODUCT, precise).unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    exchange.start_symbol(PRODUCT).unwrap();
    worker.until("all trades", complete).await;
    worker.stop().await.unwrap();
    assert_all_once(&kafka);
    let letters = kafka::records(&kafka, DEAD_LETTERS);
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].value, precise);
    assert_eq!(letters[0].headers["reason"], "DecimalTooPrecise");
    assert_eq!(letters[0].headers["exchange"], "coinbase");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_look_for_gaps_dropped_frames_stay_away_and_copies_are_dropped() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let config = IngestConfig {
        gap_policy: GapPolicy::None,
        ..config(&exchange, &kafka, &[PRODUCT])
    };
    let worker = Worker::run(config, FLUSH).await;
    worker
        .until("some trades", |status| status.acknowledged >= 100)
        .await;
    drop_next(&exchange, PRODUCT, 7);
    let symbol = PRODUCT.to_owned();
    exchange.inflict(Fault::Duplicate { symbol, trades: 5 }).unwrap();
    let status = worker
        .until("the last trade", |status| status.symbols[PRODUCT].last_id == 2001)
        .await;
    assert_eq!((status.missing_ids, status.copies), (0, 5));
    assert!(status.gaps.is_empty());
    worker.stop().await.unwrap();
    assert_eq!(kafka::records(&kafka, TOPIC).len(), 2001 - 7);
    assert!(gaps(&kafka).is_empty());
}
