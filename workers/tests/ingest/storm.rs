//! Many things go wrong, one after the other and at once; in the end Kafka has what the exchange issued.

use std::time::Duration;

use exchange_sim::{Fault, Refusal, Service, Sim, SymbolSpec};

use crate::{
    kafka::{self, Cluster, TOPIC},
    worker::{Worker, exchange},
};

const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];

/// Waits until each symbol has issued so many trades more.
async fn issue(exchange: &Sim, trades: u64) {
    let issued = |symbol: &str| exchange.ledger().symbols[symbol].issued;
    let goals = SYMBOLS.map(|symbol| (symbol, issued(symbol) + trades));
    while goals.iter().any(|(symbol, goal)| issued(symbol) < *goal) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Ends the streams, waits until the worker says that Kafka has every trade, and looks for itself.
async fn assert_all_once(exchange: &Sim, kafka: &Cluster, worker: &Worker) {
    for symbol in SYMBOLS {
        exchange.stop_symbol(symbol).unwrap();
    }
    let ledger = exchange.ledger();
    worker
        .until("every trade", |status| {
            let complete = |symbol: &str| {
                status
                    .symbols
                    .get(symbol)
                    .is_some_and(|page| page.trades == ledger.symbols[symbol].issued && page.missing_ids == 0)
            };
            SYMBOLS.into_iter().all(complete) && status.gaps.is_empty()
        })
        .await;
    let records = kafka::records(kafka, TOPIC);
    for symbol in SYMBOLS {
        let of_symbol = records
            .iter()
            .filter(|record| record.key.as_deref() == Some(symbol));
        let mut ids: Vec<u64> = of_symbol.map(kafka::Record::id).collect();
        ids.sort_unstable();
        let page = &ledger.symbols[symbol];
        let issued = page.first_id.unwrap()..=page.last_id.unwrap();
        assert!(
            ids.iter().copied().eq(issued),
            "{symbol}: {} of {}",
            ids.len(),
            page.issued
        );
    }
    assert!(ledger.violations.is_empty(), "{ledger:?}");
}

fn pacing() -> [SymbolSpec; 2] {
    SYMBOLS.map(|name| SymbolSpec::new(name).repeat(50).speed(5.0))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_shutdown_leaves_neither_a_gap_nor_a_copy() {
    let kafka = kafka::cluster();
    let exchange = exchange(pacing()).await;
    let worker = Worker::start(&exchange, &kafka, &SYMBOLS).await;
    issue(&exchange, 200).await;
    exchange.inflict(Fault::Shutdown { after_ms: 2000 }).unwrap();
    let status = worker
        .until("a second connection that has delivered", |status| {
            status.connections == 2 && status.copies > 0
        })
        .await;
    assert!(status.connected);
    issue(&exchange, 600).await;
    assert_all_once(&exchange, &kafka, &worker).await;
    assert!(kafka::records(&kafka, kafka::GAPS).is_empty(), "there was no gap");
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_end_kafka_has_what_the_exchange_issued() {
    let kafka = kafka::cluster();
    let exchange = exchange(pacing()).await;
    let worker = Worker::start(&exchange, &kafka, &SYMBOLS).await;
    issue(&exchange, 100).await;
    let [bitcoin, ether] = SYMBOLS.map(|symbol| move || symbol.to_owned());
    let faults = [
        vec![Fault::Drop {
            symbol: bitcoin(),
            trades: 20,
        }],
        vec![
            Fault::Duplicate {
                symbol: ether(),
                trades: 20,
            },
            Fault::Hold {
                symbol: bitcoin(),
                trades: 30,
            },
        ],
        vec![
            Fault::SlowRest { by_ms: 200 },
            Fault::Truncate {
                symbol: ether(),
                trades: 3,
            },
        ],
        vec![
            Fault::RestBehind {
                symbol: bitcoin(),
                by_ms: 1000,
            },
            Fault::Cut,
        ],
        vec![Fault::Burst {
            symbol: bitcoin(),
            trades: 5000,
            per_second: 50_000,
        }],
        vec![
            Fault::Refuse {
                service: Service::Rest,
                with: Refusal::Limited,
                for_ms: 1500,
            },
            Fault::Drop {
                symbol: ether(),
                trades: 5,
            },
        ],
        vec![Fault::Shutdown { after_ms: 1000 }],
        vec![Fault::Drop {
            symbol: bitcoin(),
            trades: 5,
        }],
    ];
    for together in faults {
        for fault in together {
            exchange.inflict(fault).unwrap();
        }
        for frame in [r#"{"e":"somethingNew"}"#, "{broken"] {
            exchange.inject("ETHUSDT", frame).unwrap();
        }
        issue(&exchange, 150).await;
    }
    assert_all_once(&exchange, &kafka, &worker).await;
    worker.stop().await.unwrap();
}
