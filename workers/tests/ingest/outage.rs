//! Kafka is away for longer than the buffer in memory reaches.

use std::time::Duration;

use crds::wire::{BufferConfig, IngestConfig, IngestStatus};
use exchange_sim::{Fault, Sim, Start, SymbolSpec};

use crate::{
    kafka::{self, Cluster, TOPIC},
    worker::{Worker, config, exchange},
};

const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];
const FLUSH: Duration = Duration::from_secs(20);

/// Symbols whose exchange issues when it is told to, whether anybody listens or not.
async fn waiting_exchange() -> Sim {
    exchange(SYMBOLS.map(|name| SymbolSpec::new(name).repeat(200).speed(5.0).start(Start::Command))).await
}

async fn ready_worker(exchange: &Sim, kafka: &Cluster, memory_bytes: u64, disk_bytes: u64) -> Worker {
    let buffer = BufferConfig {
        memory_bytes,
        disk_bytes,
        folder: String::new(),
    };
    let config = IngestConfig {
        buffer,
        ..config(exchange, kafka, &SYMBOLS)
    };
    let worker = Worker::run(config, FLUSH).await;
    worker.until_readyz("").await;
    worker
}

fn start(exchange: &Sim, trades: u64, per_second: u32) {
    for symbol in SYMBOLS {
        exchange.start_symbol(symbol).unwrap();
        exchange
            .inflict(Fault::Burst {
                symbol: symbol.to_owned(),
                trades,
                per_second,
            })
            .unwrap();
    }
}

async fn until_issued(exchange: &Sim, trades: u64) {
    while SYMBOLS
        .iter()
        .any(|symbol| exchange.ledger().symbols[*symbol].issued < trades)
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn stop(exchange: &Sim) -> u64 {
    for symbol in SYMBOLS {
        exchange.stop_symbol(symbol).unwrap();
    }
    SYMBOLS
        .iter()
        .map(|symbol| exchange.ledger().symbols[*symbol].issued)
        .sum()
}

fn in_kafka(status: &IngestStatus) -> u64 {
    status.symbols.values().map(|symbol| symbol.trades).sum()
}

/// By symbol, the ids in the order of the topic.
fn ids(kafka: &Cluster) -> [Vec<u64>; 2] {
    let records = kafka::records(kafka, TOPIC);
    SYMBOLS.map(|symbol| {
        let of_symbol = records
            .iter()
            .filter(|record| record.key.as_deref() == Some(symbol));
        of_symbol.map(kafka::Record::id).collect()
    })
}

/// By symbol, the ids that the exchange issued.
fn issued(exchange: &Sim) -> [Vec<u64>; 2] {
    let ledger = exchange.ledger();
    SYMBOLS.map(|symbol| {
        let page = &ledger.symbols[symbol];
        (page.first_id.unwrap()..=page.last_id.unwrap()).collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_in_memory_waits_on_the_disk_and_arrives_once_and_in_order() {
    const EACH: u64 = 15_000;
    let kafka = kafka::cluster();
    let exchange = waiting_exchange().await;
    // Some 4,700 records in memory.
    let worker = ready_worker(&exchange, &kafka, 1 << 20, 256 << 20).await;
    kafka.broker_down(1).unwrap();
    start(&exchange, EACH, 2_500);
    until_issued(&exchange, EACH).await;
    let total = stop(&exchange);
    let status = worker.until("all read", |status| status.in_flight == total).await;
    assert_eq!(status.acknowledged, 0);
    assert!(status.connected && !status.held);
    // The rest is in memory: the client's buffer, and what is before it.
    assert!(status.spooled > total / 2, "{}", status.spooled);
    kafka.broker_up(1).unwrap();
    let status = worker
        .until("all in kafka", |status| in_kafka(status) == total)
        .await;
    assert_eq!((status.connections, status.spooled, status.copies), (1, 0, 0));
    assert_eq!((status.missing_ids, status.in_flight), (0, 0));
    worker.stop().await.unwrap();
    let (ids, issued) = (ids(&kafka), issued(&exchange));
    assert!(
        ids == issued,
        "{} of {total}",
        ids.iter().map(Vec::len).sum::<usize>()
    );
    assert!(kafka::records(&kafka, kafka::GAPS).is_empty(), "there was no gap");
    assert!(exchange.ledger().violations.is_empty(), "{:?}", exchange.ledger());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_closes_the_feed_and_what_was_missed_is_fetched_afterwards() {
    const EACH: u64 = 6_000;
    let kafka = kafka::cluster();
    let exchange = waiting_exchange().await;
    let worker = ready_worker(&exchange, &kafka, 64 << 10, 1 << 19).await;
    kafka.broker_down(1).unwrap();
    start(&exchange, EACH, 2_000);
    let status = worker
        .until("held", |status| status.held && !status.connected)
        .await;
    assert_eq!(status.connections, 1);
    worker.until_readyz("BufferFull").await;
    until_issued(&exchange, EACH).await;
    let held = worker.status().await;
    assert!(held.in_flight < 2 * EACH, "some were not read");
    kafka.broker_up(1).unwrap();
    worker
        .until("connected again", |status| status.connected && !status.held)
        .await;
    let total = stop(&exchange);
    let status = worker
        .until("all in kafka", |status| {
            in_kafka(status) == total && status.missing_ids == 0 && status.gaps.is_empty()
        })
        .await;
    assert_eq!((status.connections, status.spooled), (2, 0));
    let metrics = worker.metrics().await;
    for line in [
        "cryptopipeline_ingest_feed_holds_total 1",
        "cryptopipeline_ingest_feed_held 0",
        r#"cryptopipeline_ingest_connections_lost_total{reason="BufferFull"} 1"#,
        "cryptopipeline_ingest_spool_records 0",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    worker.stop().await.unwrap();
    let mut ids = ids(&kafka);
    for ids in &mut ids {
        ids.sort_unstable();
    }
    assert!(ids == issued(&exchange));
    assert!(exchange.ledger().violations.is_empty(), "{:?}", exchange.ledger());
}
