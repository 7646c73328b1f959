//! What becomes of trades that are read, and how they are counted.

use crds::wire::RestartedIds;

use super::*;
use crate::{decode, kafka::producer::Receipt};

const BEGIN: i64 = 1_610_064_000_000;

fn read(id: u64) -> Received {
    read_of("BTCUSDT", id, BEGIN + i64::try_from(id).unwrap())
}

fn read_of(symbol: &str, id: u64, time: i64) -> Received {
    let event = format!(
        r#"{{"e":"trade","E":{time},"s":"{symbol}","t":{id},"p":"1.0","q":"1.0","T":{time},"m":true}}"#
    );
    let trade = decode::trade(Exchange::Binance, event.as_bytes()).unwrap();
    Received::now(event.into(), Ok(trade))
}

/// Of Bitcoin alone, and what is in flight.
fn ledger() -> (Ledger, Gauge) {
    let in_flight = Gauge::default();
    let ledger = Ledger::new(
        Exchange::Binance,
        GapPolicy::Strict,
        &["BTCUSDT".parse().unwrap()],
        in_flight.clone(),
        LastLoss::default(),
        &mut Registry::default(),
    );
    (ledger, in_flight)
}

#[test]
fn a_copy_is_dropped_and_counted() {
    let (ledger, in_flight) = ledger();
    for (id, new) in [(7, true), (9, true), (7, false)] {
        let received = read(id);
        in_flight.inc();
        let verdict = ledger.hear(&received, received.content.as_ref().unwrap());
        assert_eq!(verdict, if new { Verdict::New } else { Verdict::Copy });
        if new {
            let (entry, key) = ledger.entry(&received);
            assert_eq!(key.unwrap(), "BTCUSDT");
            entry.acknowledged();
        }
    }
    let letter = Received::now("{broken".into(), Err("BrokenFrame".into()));
    let (entry, key) = ledger.entry(&letter);
    assert_eq!(key, None);
    entry.acknowledged();
    let status = ledger.status();
    let bitcoin = &status.symbols["BTCUSDT"];
    assert_eq!((bitcoin.first_id, bitcoin.last_id, bitcoin.trades), (7, 9, 2));
    assert_eq!(bitcoin.last_trade_time_ms, BEGIN + 9);
    assert_eq!((status.acknowledged, status.copies, in_flight.get()), (2, 1, 0));
}

#[test]
fn what_is_to_be_a_dead_letter_is_in_flight_no_more() {
    let (ledger, in_flight) = ledger();
    let hear = |received: &Received| {
        in_flight.inc();
        ledger.hear(received, received.content.as_ref().unwrap())
    };
    for old in [read(499), read(500)] {
        assert_eq!(hear(&old), Verdict::New);
        ledger.entry(&old).0.acknowledged();
    }
    let foreign = read_of("ETHUSDT", 1, BEGIN);
    assert_eq!(hear(&foreign), Verdict::UnknownSymbol);
    for id in [7, 500] {
        let anew = read_of("BTCUSDT", id, BEGIN + 60_000);
        assert_eq!(hear(&anew), Verdict::Restarted);
    }
    let status = ledger.status();
    let told = RestartedIds {
        old_id: 500,
        new_id: 7,
        trades: 2,
    };
    assert_eq!(status.symbols["BTCUSDT"].restarted, Some(told));
    assert_eq!((status.acknowledged, status.copies, in_flight.get()), (2, 0, 0));
}
