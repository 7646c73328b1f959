//! What the exchange itself knows, and what tests may do to it.

use std::collections::BTreeSet;

use exchange_sim::{ExchangeError, Fault, IdRange, Sim, Start, SymbolLedger, SymbolSpec};
use serde_json::{Value, json};

use crate::client::{Client, fast, ids, sim, spread, until};

fn page(sim: &Sim, symbol: &str) -> SymbolLedger {
    sim.ledger().symbols[symbol].clone()
}

#[tokio::test]
async fn exactly_what_nobody_received_is_unheard() {
    let sim = sim([SymbolSpec::new("BTCUSDT").speed(50.0)]).await;
    let mut first = Client::connect(&sim, "/ws/btcusdt@trade").await;
    let mut received = first.texts(100).await;
    received.extend(first.leave().await);
    until("nobody listens", || page(&sim, "BTCUSDT").connections == 0).await;
    let absent_from = page(&sim, "BTCUSDT").issued;
    until("trades go on", || page(&sim, "BTCUSDT").issued > absent_from + 50).await;

    let mut second = Client::connect(&sim, "/ws/btcusdt@trade").await;
    until("somebody listens", || page(&sim, "BTCUSDT").connections == 1).await;
    until("the end", || page(&sim, "BTCUSDT").finished).await;
    let last = page(&sim, "BTCUSDT").last_id.unwrap();
    while ids(&received[received.len() - 1..]) != [last] {
        received.push(second.text().await);
    }

    let received = ids(&received);
    let unheard = spread(&page(&sim, "BTCUSDT").unheard);
    assert!(unheard.len() >= 50);
    let all: BTreeSet<u64> = received.iter().chain(&unheard).copied().collect();
    assert_eq!(
        received.len() + unheard.len(),
        2001,
        "no id is both heard and unheard"
    );
    assert_eq!(all, (553_287_559..=553_289_559).collect());
}

#[tokio::test]
async fn a_stopped_series_ends_with_the_trade_issued_last() {
    let sim = sim([SymbolSpec::new("BTCUSDT").repeat(1000)]).await;
    let mut client = Client::connect(&sim, "/ws/btcusdt@trade").await;
    client.texts(10).await;
    sim.stop_symbol("BTCUSDT").unwrap();
    let ledger = page(&sim, "BTCUSDT");
    assert!(ledger.finished);
    let rest = client.leave().await;
    assert_eq!(page(&sim, "BTCUSDT").issued, ledger.issued);
    assert_eq!(
        ids(&rest).last().copied().or(Some(ledger.first_id.unwrap() + 9)),
        ledger.last_id
    );
}

#[tokio::test]
async fn what_one_of_two_connections_received_is_heard() {
    let sim = sim([fast("BTCUSDT").start(Start::Command)]).await;
    let mut stays = Client::connect(&sim, "/ws/btcusdt@trade").await;
    let leaves = Client::connect(&sim, "/ws/btcusdt@trade").await;
    until("both listen", || page(&sim, "BTCUSDT").connections == 2).await;
    leaves.leave().await;
    sim.start_symbol("BTCUSDT").unwrap();
    stays.texts(2001).await;
    until("nothing is unheard", || page(&sim, "BTCUSDT").unheard.is_empty()).await;
}

#[tokio::test]
async fn a_cut_ends_all_connections_and_the_clock_runs_on() {
    let sim = sim([SymbolSpec::new("BTCUSDT").speed(50.0)]).await;
    let mut client = Client::connect(&sim, "/ws/btcusdt@trade").await;
    client.text().await;
    sim.inflict(Fault::Cut).unwrap();
    assert_eq!(client.rest().await.1, None, "there is no closing frame");
    until("the end", || page(&sim, "BTCUSDT").finished).await;
    let unheard = page(&sim, "BTCUSDT").unheard;
    assert_eq!(unheard.last().map(|range| range.1), Some(553_289_559));
}

#[tokio::test]
async fn a_symbol_that_starts_at_once_is_unheard_as_a_whole() {
    let sim = sim([fast("BTCUSDT").start(Start::Now)]).await;
    until("the end", || page(&sim, "BTCUSDT").finished).await;
    assert_eq!(page(&sim, "BTCUSDT").unheard, [IdRange(553_287_559, 553_289_559)]);
}

#[tokio::test]
async fn an_injected_frame_reaches_the_symbols_connections_as_it_is() {
    let sim = sim([fast("BTCUSDT").start(Start::Command), fast("ETHUSDT")]).await;
    let mut client = Client::connect(&sim, "/stream?streams=btcusdt@trade").await;
    until("it listens", || page(&sim, "BTCUSDT").connections == 1).await;
    assert_eq!(sim.inject("BTCUSDT", "{broken").unwrap(), 1);
    assert_eq!(client.text().await, "{broken");
    assert_eq!(sim.inject("ETHUSDT", "{broken").unwrap(), 0);
    assert_eq!(
        sim.inject("XRPUSDT", "").unwrap_err(),
        ExchangeError::Unlisted("XRPUSDT".to_owned())
    );
}

#[tokio::test]
async fn a_symbol_added_later_reaches_those_who_subscribed_before() {
    let sim = sim([]).await;
    let mut client = Client::connect(&sim, "/ws/ethusdt@trade").await;
    client.request(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#).await;
    sim.add_symbol(fast("ETHUSDT").id_base(5)).unwrap();
    assert_eq!(ids(&client.texts(2001).await), (5..2006).collect::<Vec<_>>());
}

#[rstest::rstest]
#[case(SymbolSpec::new("ethusdt"), "BadSymbolName")]
#[case(SymbolSpec::new("SOLUSDT"), "SymbolListed")]
#[case(SymbolSpec::new("BTCUSDT").id_base(1), "RecordedIds")]
#[case(SymbolSpec::new("ETHUSDT").repeat(0), "NoTrades")]
#[case(SymbolSpec::new("ETHUSDT").start_at(2001), "NoTrades")]
#[tokio::test]
async fn a_symbol_that_makes_no_sense_is_refused(#[case] spec: SymbolSpec, #[case] reason: &str) {
    let sim = sim([SymbolSpec::new("SOLUSDT")]).await;
    assert_eq!(sim.add_symbol(spec).unwrap_err().reason(), reason);
}

#[tokio::test]
async fn the_admin_api_does_the_same_over_http() {
    let sim = sim([]).await;
    let http = reqwest::Client::new();
    let url = |path: &str| format!("{}/sim/{path}", sim.rest_url());
    assert_eq!(
        http.get(url("healthz"))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "ok"
    );

    let spec = json!({"name": "ETHUSDT", "id_base": 5, "speed": 0, "start": "command"});
    let add = || http.post(url("symbols")).json(&spec).send();
    assert_eq!(add().await.unwrap().status(), 201);
    assert_eq!(add().await.unwrap().status(), 409);

    let mut client = Client::connect(&sim, "/ws/ethusdt@trade").await;
    until("it listens", || page(&sim, "ETHUSDT").connections == 1).await;
    let inject = http
        .post(url("inject?symbol=ETHUSDT"))
        .body("what?")
        .send()
        .await
        .unwrap();
    assert_eq!(inject.json::<Value>().await.unwrap(), json!({"connections": 1}));
    assert_eq!(client.text().await, "what?");

    assert_eq!(
        http.post(url("symbols/ETHUSDT/start"))
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    client.texts(2001).await;
    until("all is heard", || page(&sim, "ETHUSDT").unheard.is_empty()).await;
    let ledger: Value = http
        .get(url("ledger"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        ledger["symbols"]["ETHUSDT"],
        json!({"first_id": 5, "last_id": 2005, "issued": 2001, "finished": true, "unheard": [], "connections": 1})
    );
    let fault = |fault: Value| http.post(url("faults")).json(&fault).send();
    let drop = |symbol: &str| fault(json!({"fault": "drop", "symbol": symbol, "trades": 1}));
    assert_eq!(drop("ETHUSDT").await.unwrap().status(), 204);
    assert_eq!(drop("NONE").await.unwrap().status(), 404);
    assert_eq!(fault(json!({"fault": "meteor"})).await.unwrap().status(), 422);
    assert_eq!(fault(json!({"fault": "cut"})).await.unwrap().status(), 204);
    until("the connection is gone", || sim.ledger().connections == 0).await;
    assert_eq!(
        http.post(url("symbols/NONE/start"))
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
}

#[tokio::test]
async fn dropping_the_exchange_ends_its_connections_and_frees_its_address() {
    let sim = sim([]).await;
    let address = sim.addr();
    let mut client = Client::connect(&sim, "/ws").await;
    drop(sim);
    assert_eq!(client.rest().await.0, Vec::<String>::new());
    until("the address is free", || {
        std::net::TcpListener::bind(address).is_ok()
    })
    .await;
}
