//! Ids that begin again at a lower number: no trade vanishes without being told of.

use crds::wire::IngestStatus;
use exchange_sim::{Fault, Sim, SymbolSpec};

use crate::{
    kafka::{self, DEAD_LETTERS, Record, TOPIC},
    worker::{RECORDED_FIRST, Worker, assert_no_violation, exchange},
};

/// The recorded symbol at ten times its pace from the first subscription on: 430 trades a second, for minutes.
fn bitcoin() -> SymbolSpec {
    SymbolSpec::new("BTCUSDT")
        .repeat(100)
        .speed(10.0)
        .start(exchange_sim::Start::Subscription)
}

/// Trades of the old numbering: those of the new one that come before it is known for one, and as many again.
const OLD: u64 = 2_001;

fn begin_again(exchange: &Sim) {
    exchange
        .inflict(Fault::RestartIds {
            symbol: "BTCUSDT".to_owned(),
            id: RECORDED_FIRST,
        })
        .unwrap();
}

/// Trades of the new numbering that were sent as dead letters.
fn buried(status: &IngestStatus) -> u64 {
    let restarted = status
        .symbols
        .get("BTCUSDT")
        .and_then(|page| page.restarted.as_ref());
    restarted.map_or(0, |ids| ids.trades)
}

fn assert_letters(letters: &[Record], trades: u64, old_id: u64) {
    assert_eq!(letters.len() as u64, trades);
    for letter in letters {
        assert_eq!(letter.headers["reason"], "IdsRestarted");
        assert!(letter.id() <= old_id, "{}", letter.id());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trade_of_a_new_numbering_is_a_trade_a_copy_or_a_dead_letter_and_counted() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let worker = Worker::start(&exchange, &kafka, &["BTCUSDT"]).await;
    worker
        .until("the old numbering", |status| status.acknowledged >= OLD)
        .await;
    begin_again(&exchange);
    worker.until("dead letters", |status| buried(status) >= 500).await;
    exchange.stop_symbol("BTCUSDT").unwrap();
    let issued = exchange.ledger().symbols["BTCUSDT"].issued;
    let status = worker
        .until("an account of all", |status| {
            status.in_flight == 0 && status.acknowledged + status.copies + buried(status) == issued
        })
        .await;
    let metrics = worker.metrics().await;
    worker.stop().await.unwrap();

    let ids = status.symbols["BTCUSDT"].restarted.clone().unwrap();
    assert!(ids.new_id > RECORDED_FIRST && ids.new_id < ids.old_id, "{ids:?}");
    let letters = kafka::records(&kafka, DEAD_LETTERS);
    assert_letters(&letters, ids.trades, ids.old_id);
    assert_eq!(letters.iter().map(Record::id).min(), Some(ids.new_id));
    let trades = kafka::records(&kafka, TOPIC);
    assert_eq!(trades.len() as u64, status.acknowledged);
    let counted = format!(
        r#"cryptopipeline_ingest_symbol_restarted_trades_total{{symbol="BTCUSDT"}} {}"#,
        ids.trades
    );
    assert!(metrics.contains(&counted), "{metrics}");
    assert_no_violation(&exchange);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_began_again_while_no_worker_ran_are_told_by_the_next_one() {
    let kafka = kafka::cluster();
    let exchange = exchange([bitcoin()]).await;
    let worker = Worker::start(&exchange, &kafka, &["BTCUSDT"]).await;
    worker.until("connected", |status| status.connected).await;
    // The new ids are not above the old ones before the next worker has read its ledger, however slowly it starts.
    exchange
        .inflict(Fault::Burst {
            symbol: "BTCUSDT".to_owned(),
            trades: 10_000,
            per_second: 10_000,
        })
        .unwrap();
    worker
        .until("the old numbering", |status| status.acknowledged >= 10_000)
        .await;
    worker.stop().await.unwrap();
    begin_again(&exchange);

    let worker = Worker::start(&exchange, &kafka, &["BTCUSDT"]).await;
    let status = worker.until("dead letters", |status| buried(status) >= 100).await;
    worker.stop().await.unwrap();
    let ids = status.symbols["BTCUSDT"].restarted.clone().unwrap();
    assert!(
        ids.old_id >= RECORDED_FIRST + 9_999 && ids.new_id < ids.old_id,
        "{ids:?}"
    );
    let letters = kafka::records(&kafka, DEAD_LETTERS);
    assert_letters(&letters, letters.len() as u64, ids.old_id);
}
