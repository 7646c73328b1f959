//! The symbols change while the worker runs.

use exchange_sim::{Start, SymbolSpec};

use crate::{
    kafka::{self, DEAD_LETTERS, TOPIC},
    worker::{Worker, exchange},
};

/// Ids in the topic of one symbol, in rising order.
fn ids(kafka: &kafka::Cluster, symbol: &str) -> Vec<u64> {
    let records = kafka::records(kafka, TOPIC);
    let of_symbol = records
        .iter()
        .filter(|record| record.key.as_deref() == Some(symbol));
    let mut ids: Vec<u64> = of_symbol.map(kafka::Record::id).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn symbols_come_and_go_and_the_others_do_not_notice() {
    let kafka = kafka::cluster();
    let spec = |name| SymbolSpec::new(name).repeat(100).speed(10.0);
    let exchange = exchange(["BTCUSDT", "ETHUSDT", "SOLUSDT"].map(spec)).await;
    let worker = Worker::start(&exchange, &kafka, &["BTCUSDT", "ETHUSDT"]).await;
    worker
        .until("trades of both", |status| status.symbols.len() == 2)
        .await;

    worker.follow(&["BTCUSDT", "SOLUSDT"], "second");
    let status = worker
        .until("trades of the new one", |status| {
            status
                .symbols
                .get("SOLUSDT")
                .is_some_and(|symbol| symbol.trades > 100)
        })
        .await;
    assert_eq!(status.symbols_version, "second");
    assert_eq!((status.connections, status.connected), (1, true));
    assert_eq!(status.symbols.keys().collect::<Vec<_>>(), ["BTCUSDT", "SOLUSDT"]);
    assert_eq!(exchange.ledger().symbols["ETHUSDT"].connections, 0);
    worker.stop().await.unwrap();

    let bitcoin = ids(&kafka, "BTCUSDT");
    assert_eq!(
        bitcoin,
        (bitcoin[0]..=bitcoin[bitcoin.len() - 1]).collect::<Vec<_>>()
    );
    assert_eq!(ids(&kafka, "SOLUSDT")[0], 1, "from its first trade on");
    assert!(kafka::records(&kafka, DEAD_LETTERS).is_empty());
    assert!(exchange.ledger().violations.is_empty(), "{:?}", exchange.ledger());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_symbol_is_named_and_heard_from_its_first_trade_on() {
    let kafka = kafka::cluster();
    let exchange = exchange([SymbolSpec::new("BTCUSDT").repeat(100).speed(10.0)]).await;
    let worker = Worker::start(&exchange, &kafka, &["BTCUSDT", "NEWUSDT", "Ä#USDT"]).await;
    let status = worker
        .until("the names", |status| !status.unknown_symbols.is_empty())
        .await;
    assert_eq!(status.unknown_symbols, ["NEWUSDT", "Ä#USDT"]);
    worker
        .until("the others", |status| status.symbols.contains_key("BTCUSDT"))
        .await;
    exchange
        .add_symbol(SymbolSpec::new("NEWUSDT").speed(0.0).start(Start::Now))
        .unwrap();
    let status = worker
        .until("all trades of the new one", |status| {
            status
                .symbols
                .get("NEWUSDT")
                .is_some_and(|symbol| symbol.trades == 2001)
        })
        .await;
    assert_eq!(status.symbols["NEWUSDT"].first_id, 1);
    worker.stop().await.unwrap();
    assert!(exchange.ledger().violations.is_empty(), "{:?}", exchange.ledger());
}
