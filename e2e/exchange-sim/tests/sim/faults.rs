//! What goes wrong on demand.

use std::time::Duration;

use exchange_sim::{Fault, IdRange, Limits, Refusal, Service, Sim, Start, SymbolSpec, Violation};
use serde_json::Value;
use tokio::time::Instant;
use tokio_tungstenite::{connect_async, tungstenite::Error};

use crate::{
    client::{Client, fast, ids, sim, strict, until},
    rest::{body, get, row_ids},
};

const FIRST: u64 = 553_287_559;
const LAST: u64 = 553_289_559;

fn bitcoin() -> String {
    "BTCUSDT".to_owned()
}

/// An exchange whose BTCUSDT has not started, and a client of its stream.
async fn listening(spec: SymbolSpec) -> (Sim, Client) {
    let sim = sim([spec.start(Start::Command)]).await;
    let client = Client::connect(&sim, "/ws/btcusdt@trade").await;
    until("it listens", || sim.ledger().symbols["BTCUSDT"].connections == 1).await;
    (sim, client)
}

async fn served(sim: &Sim, query: &str) -> Vec<u64> {
    row_ids(&body(sim, &format!("historicalTrades?symbol=BTCUSDT&{query}")).await)
}

#[tokio::test]
async fn dropped_trades_are_heard_by_nobody_and_served_by_rest() {
    let (sim, mut client) = listening(fast("BTCUSDT")).await;
    sim.inflict(Fault::Drop {
        symbol: bitcoin(),
        trades: 3,
    })
    .unwrap();
    sim.start_symbol("BTCUSDT").unwrap();
    assert_eq!(
        ids(&client.texts(1998).await),
        (FIRST + 3..=LAST).collect::<Vec<_>>()
    );
    let unheard = [IdRange(FIRST, FIRST + 2)];
    until("the ledger names them", || {
        sim.ledger().symbols["BTCUSDT"].unheard == unheard
    })
    .await;
    assert_eq!(
        served(&sim, "fromId=1&limit=3").await,
        [FIRST, FIRST + 1, FIRST + 2]
    );
}

#[tokio::test]
async fn dropped_trades_at_the_end_of_a_series_are_named_too() {
    let (sim, _client) = listening(fast("BTCUSDT")).await;
    sim.inflict(Fault::Drop {
        symbol: bitcoin(),
        trades: 5000,
    })
    .unwrap();
    sim.start_symbol("BTCUSDT").unwrap();
    let unheard = [IdRange(FIRST, LAST)];
    until("the ledger names them", || {
        sim.ledger().symbols["BTCUSDT"].unheard == unheard
    })
    .await;
}

#[tokio::test]
async fn duplicated_trades_come_twice() {
    let (sim, mut client) = listening(fast("BTCUSDT")).await;
    sim.inflict(Fault::Duplicate {
        symbol: bitcoin(),
        trades: 2,
    })
    .unwrap();
    sim.start_symbol("BTCUSDT").unwrap();
    let received = client.texts(2003).await;
    assert_eq!(
        ids(&received[..5]),
        [FIRST, FIRST, FIRST + 1, FIRST + 1, FIRST + 2]
    );
    assert_eq!(received[0], received[1]);
}

#[tokio::test]
async fn truncated_frames_break_off_and_their_trades_are_served_by_rest() {
    let (sim, mut client) = listening(fast("BTCUSDT")).await;
    sim.inflict(Fault::Truncate {
        symbol: bitcoin(),
        trades: 1,
    })
    .unwrap();
    sim.start_symbol("BTCUSDT").unwrap();
    let received = client.texts(2001).await;
    assert!(received[0].starts_with(r#"{"e":"trade","#));
    serde_json::from_str::<Value>(&received[0]).unwrap_err();
    assert_eq!(ids(&received[1..2]), [FIRST + 1]);
    let unheard = [IdRange(FIRST, FIRST)];
    until("the ledger names it", || {
        sim.ledger().symbols["BTCUSDT"].unheard == unheard
    })
    .await;
    assert_eq!(served(&sim, "fromId=1&limit=1").await, [FIRST]);
}

#[tokio::test]
async fn held_trades_are_overtaken_by_other_symbols() {
    let crawling = SymbolSpec::new("BTCUSDT").speed(0.001).start(Start::Command);
    let sim = sim([crawling, fast("ETHUSDT").id_base(1).start(Start::Command)]).await;
    let mut client = Client::connect(&sim, "/ws/btcusdt@trade/ethusdt@trade").await;
    until("it listens", || {
        sim.ledger().symbols.values().all(|page| page.connections == 1)
    })
    .await;
    sim.inflict(Fault::Hold {
        symbol: bitcoin(),
        trades: 10,
    })
    .unwrap();
    sim.start_symbol("BTCUSDT").unwrap();
    until("a trade is held", || sim.ledger().symbols["BTCUSDT"].issued == 1).await;
    assert_eq!(sim.ledger().symbols["BTCUSDT"].unheard, [], "it is still to come");

    sim.start_symbol("ETHUSDT").unwrap();
    assert_eq!(ids(&client.texts(2001).await), (1..=2001).collect::<Vec<_>>());
    sim.stop_symbol("BTCUSDT").unwrap();
    assert_eq!(ids(&client.texts(1).await), [FIRST]);
}

#[tokio::test]
async fn a_burst_comes_at_fifty_thousand_trades_a_second() {
    let limits = Limits {
        buffered_frames: 50_000,
        ..Limits::default()
    };
    let crawling = SymbolSpec::new("ETHUSDT").repeat(25).speed(0.001);
    let sim = strict(limits, [crawling]).await;
    let mut client = Client::connect(&sim, "/ws/ethusdt@trade").await;
    assert_eq!(ids(&client.texts(1).await), [1]);
    let begin = Instant::now();
    sim.inflict(Fault::Burst {
        symbol: "ETHUSDT".to_owned(),
        trades: 50_000,
        per_second: 50_000,
    })
    .unwrap();
    assert_eq!(ids(&client.texts(50_000).await), (2..=50_001).collect::<Vec<_>>());
    assert!(begin.elapsed().as_millis() >= 999, "{:?}", begin.elapsed());
    assert_eq!(
        sim.ledger().symbols["ETHUSDT"].issued,
        50_001,
        "then the pace is the old one"
    );
    assert!(sim.ledger().violations.is_empty());
}

#[tokio::test]
async fn ids_begin_again_and_rest_forgets_the_trades_before() {
    let (sim, mut client) = listening(SymbolSpec::new("BTCUSDT").speed(0.001)).await;
    sim.start_symbol("BTCUSDT").unwrap();
    assert_eq!(ids(&client.texts(1).await), [FIRST]);
    sim.inflict(Fault::RestartIds {
        symbol: bitcoin(),
        id: 7,
    })
    .unwrap();
    sim.inflict(Fault::Burst {
        symbol: bitcoin(),
        trades: 3,
        per_second: 1000,
    })
    .unwrap();
    assert_eq!(ids(&client.texts(3).await), [7, 8, 9]);
    let page = sim.ledger().symbols["BTCUSDT"].clone();
    assert_eq!((page.first_id, page.last_id, page.issued), (Some(7), Some(9), 4));
    assert_eq!(served(&sim, "fromId=1").await, [7, 8, 9]);
}

#[tokio::test]
async fn a_half_open_connection_neither_speaks_nor_ends() {
    let (sim, mut deaf) = listening(fast("BTCUSDT")).await;
    sim.inflict(Fault::HalfOpen).unwrap();
    until("it is cut off", || sim.ledger().connections == 0).await;
    let mut client = Client::connect(&sim, "/ws/btcusdt@trade").await;
    until("another listens", || {
        sim.ledger().symbols["BTCUSDT"].connections == 1
    })
    .await;
    sim.start_symbol("BTCUSDT").unwrap();
    client.texts(2001).await;
    drop(sim);
    assert_eq!(
        deaf.rest().await,
        (vec![], None),
        "nothing came until the end of the exchange"
    );
}

#[tokio::test]
async fn a_shutdown_is_announced_and_comes() {
    let (sim, mut client) = listening(fast("BTCUSDT")).await;
    sim.inflict(Fault::Shutdown { after_ms: 50 }).unwrap();
    let event: Value = serde_json::from_str(&client.text().await).unwrap();
    assert_eq!(event["e"], "serverShutdown");
    assert!(client.rest().await.1.is_some(), "a closing frame follows");
}

#[tokio::test]
async fn rest_is_slow_until_it_is_told_otherwise() {
    let sim = sim([]).await;
    let time = async || {
        let begin = Instant::now();
        assert_eq!(get(&sim, "time").await.status(), 200);
        begin.elapsed()
    };
    sim.inflict(Fault::SlowRest { by_ms: 300 }).unwrap();
    assert!(time().await >= Duration::from_millis(300));
    sim.inflict(Fault::SlowRest { by_ms: 0 }).unwrap();
    time().await;
}

#[tokio::test]
async fn historical_trades_are_behind_the_stream_and_trades_are_not() {
    let (sim, mut client) = listening(fast("BTCUSDT")).await;
    let behind = |by_ms| Fault::RestBehind {
        symbol: bitcoin(),
        by_ms,
    };
    sim.inflict(behind(600_000)).unwrap();
    sim.start_symbol("BTCUSDT").unwrap();
    client.texts(2001).await;
    assert!(served(&sim, &format!("fromId={FIRST}")).await.is_empty());
    assert_eq!(
        row_ids(&body(&sim, "trades?symbol=BTCUSDT&limit=1").await),
        [LAST]
    );
    sim.inflict(behind(0)).unwrap();
    assert_eq!(served(&sim, "limit=1").await, [LAST]);
}

#[rstest::rstest]
#[case(Refusal::Limited, 429, Violation::RequestWeight)]
#[case(Refusal::Banned, 418, Violation::RequestWhileBanned)]
#[tokio::test]
async fn rest_refuses_on_demand_and_blames_only_who_comes_again(
    #[case] with: Refusal,
    #[case] status: u16,
    #[case] violation: Violation,
) {
    let sim = sim([]).await;
    let refuse = |for_ms| Fault::Refuse {
        service: Service::Rest,
        with,
        for_ms,
    };
    sim.inflict(refuse(60_000)).unwrap();
    let response = get(&sim, "time").await;
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["retry-after"], "60");
    assert_eq!(response.json::<Value>().await.unwrap()["code"], -1003);
    assert!(sim.ledger().violations.is_empty());
    Client::connect(&sim, "/ws").await;

    assert_eq!(get(&sim, "time").await.status(), status);
    assert_eq!(sim.ledger().violations[&violation], 1);
    sim.inflict(refuse(0)).unwrap();
    assert_eq!(get(&sim, "time").await.status(), 200);
}

#[tokio::test]
async fn handshakes_are_refused_on_demand_and_rest_is_not() {
    let sim = sim([]).await;
    sim.inflict(Fault::Refuse {
        service: Service::Stream,
        with: Refusal::Limited,
        for_ms: 60_000,
    })
    .unwrap();
    let connect = async || match connect_async(format!("{}/ws", sim.stream_url())).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    };
    assert_eq!(connect().await, 429);
    assert!(sim.ledger().violations.is_empty());
    assert_eq!(connect().await, 429);
    assert_eq!(sim.ledger().violations[&Violation::ConnectionAttempts], 1);
    assert_eq!(get(&sim, "time").await.status(), 200);
}
