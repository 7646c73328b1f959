//! Coinbase's side, as a client sees it: forms, pages and rules.

use std::time::Duration;

use exchange_sim::{Limits, Sim, Start, SymbolSpec, Violation};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, fast, recorded_lines, sim, strict, until};

fn subscribe(products: &[&str]) -> String {
    json!({"type": "subscribe", "channels": [{"name": "matches", "product_ids": products},
        {"name": "heartbeat", "product_ids": products}]})
    .to_string()
}

fn broken(sim: &Sim, violation: Violation) -> bool {
    sim.ledger().violations.contains_key(&violation)
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The next text of this type.
async fn next(client: &mut Client, kind: &str) -> Value {
    loop {
        let message = value(&client.text().await);
        if message["type"] == kind {
            return message;
        }
    }
}

async fn get(sim: &Sim, path: &str) -> (u16, Value) {
    let client = reqwest::Client::builder().user_agent("test").build().unwrap();
    let url = format!("{}{path}", sim.rest_url());
    let answer = client.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn ids(rows: &Value) -> Vec<u64> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["trade_id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn an_answer_then_matches_with_the_makers_side_and_a_heartbeat_with_the_newest_id() {
    let sim = sim([fast("BTC-USD"), fast("BTCUSDT")]).await;
    let mut client = Client::connect(&sim, "/").await;
    let answer = value(&client.request(&subscribe(&["BTC-USD"])).await);
    assert_eq!(
        answer["channels"][0],
        json!({"name": "matches", "product_ids": ["BTC-USD"]})
    );
    let first = next(&mut client, "match").await;
    let recorded = value(&recorded_lines()[0]);
    assert_eq!(
        (first["product_id"].as_str(), first["trade_id"].as_u64()),
        (Some("BTC-USD"), Some(1))
    );
    assert_eq!(first["size"], recorded["q"]);
    assert_eq!(first["side"] == "buy", recorded["m"] == true);
    until("the end", || sim.ledger().symbols["BTC-USD"].finished).await;
    while next(&mut client, "heartbeat").await["last_trade_id"] != 2001 {}

    let mut late = Client::connect(&sim, "/").await;
    late.request(&subscribe(&["BTC-USD"])).await;
    assert_eq!(next(&mut late, "last_match").await["trade_id"], 2001);
    assert!(sim.ledger().violations.is_empty());
}

#[tokio::test]
async fn a_product_that_is_not_listed_spoils_the_whole_request() {
    let sim = sim([SymbolSpec::new("BTC-USD").start(Start::Command), fast("BTCUSDT")]).await;
    let mut client = Client::connect(&sim, "/").await;
    for unlisted in ["NONE-USD", "BTCUSDT"] {
        let answer = value(&client.request(&subscribe(&["BTC-USD", unlisted])).await);
        assert_eq!(answer["type"], "error");
        assert_eq!(answer["reason"], format!("{unlisted} is not a valid product"));
    }
    assert_eq!(sim.ledger().symbols["BTC-USD"].connections, 0);
}

#[tokio::test]
async fn pages_go_back_from_a_cursor_the_newest_first() {
    let sim = sim([fast("BTC-USD").start(Start::Now), fast("BTCUSDT")]).await;
    until("the end", || sim.ledger().symbols["BTC-USD"].finished).await;
    let page = |query: &'static str| {
        let sim = &sim;
        async move { ids(&get(sim, &format!("/products/BTC-USD/trades{query}")).await.1) }
    };
    assert_eq!(page("?limit=3").await, [2001, 2000, 1999]);
    assert_eq!(page("?limit=3&after=1000").await, [999, 998, 997]);
    assert_eq!(page("?limit=3&after=9999").await, [2001, 2000, 1999]);
    assert_eq!(page("?limit=3&after=2").await, [1]);
    assert_eq!(page("").await.len(), 1000);
    assert_eq!(get(&sim, "/products/BTCUSDT/trades").await.0, 404);
    let (_, products) = get(&sim, "/products").await;
    assert_eq!(
        (products.as_array().unwrap().len(), &products[0]["id"]),
        (1, &json!("BTC-USD"))
    );
    let (_, symbols) = get(&sim, "/api/v3/exchangeInfo").await;
    assert_eq!(symbols["symbols"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn more_requests_than_allowed_are_refused_and_recorded() {
    let limits = Limits {
        coinbase_requests_per_second: 1,
        ..Limits::default()
    };
    let sim = strict(limits, []).await;
    let statuses = [get(&sim, "/time").await.0, get(&sim, "/time").await.0];
    assert_eq!(statuses, [200, 429]);
    assert!(broken(&sim, Violation::RequestWeight));
}

#[tokio::test]
async fn the_other_exchanges_messages_too_many_of_them_and_silence_break_rules() {
    let limits = Limits {
        coinbase_messages_per_second: 1,
        coinbase_subscribe_within: Duration::from_millis(50),
        ..Limits::default()
    };
    let sim = strict(limits, [SymbolSpec::new("BTC-USD").start(Start::Command)]).await;
    let mut silent = Client::connect(&sim, "/").await;
    assert!(silent.rest().await.1.is_some());
    assert!(broken(&sim, Violation::NoSubscription));

    let mut client = Client::connect(&sim, "/").await;
    let stranger = r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#;
    assert_eq!(value(&client.request(stranger).await)["type"], "error");
    assert!(broken(&sim, Violation::MessageForm));
    client.send(Message::text(subscribe(&["BTC-USD"]))).await;
    client.rest().await;
    assert!(broken(&sim, Violation::MessageRate));
}

#[tokio::test]
async fn the_other_exchange_has_no_products() {
    let sim = sim([fast("BTC-USD")]).await;
    let mut client = Client::connect(&sim, "/ws/btc-usd@trade").await;
    client.request(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#).await;
    assert_eq!(sim.ledger().symbols["BTC-USD"].connections, 0);
}
