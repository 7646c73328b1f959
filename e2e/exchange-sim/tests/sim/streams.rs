//! What a well-behaved client sees on the streams.

use exchange_sim::SymbolSpec;
use serde_json::{Value, json};

use crate::client::{Client, fast, ids, recorded_lines, sim};

#[tokio::test]
async fn the_recorded_symbol_arrives_byte_for_byte() {
    let sim = sim([fast("BTCUSDT")]).await;
    let mut client = Client::connect(&sim, "/ws/btcusdt@trade").await;
    assert_eq!(client.texts(2001).await, recorded_lines());
    let ledger = sim.ledger();
    assert!(ledger.violations.is_empty(), "{ledger:?}");
    let page = &ledger.symbols["BTCUSDT"];
    assert_eq!(
        (page.first_id, page.last_id),
        (Some(553_287_559), Some(553_289_559))
    );
    assert!(page.finished);
}

#[tokio::test]
async fn a_combined_stream_carries_several_symbols_in_envelopes_without_changing_the_events() {
    let sim = sim([fast("BTCUSDT"), fast("ETHUSDT").id_base(1000)]).await;
    let mut client = Client::connect(&sim, "/stream?streams=btcusdt@trade/ethusdt@trade").await;
    let frames = client.texts(4002).await;
    let events = |stream: &str| -> Vec<String> {
        let head = format!(r#"{{"stream":"{stream}","data":"#);
        frames
            .iter()
            .filter_map(|frame| Some(frame.strip_prefix(&head)?.strip_suffix('}')?.to_owned()))
            .collect()
    };
    assert_eq!(events("btcusdt@trade"), recorded_lines());
    assert_eq!(ids(&events("ethusdt@trade")), (1000..3001).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_looped_derived_symbol_has_no_hole_in_its_ids() {
    let sim = sim([fast("SOLUSDT").id_base(7).repeat(10)]).await;
    let mut client = Client::connect(&sim, "/ws/solusdt@trade").await;
    assert_eq!(ids(&client.texts(20_010).await), (7..20_017).collect::<Vec<_>>());
    assert_eq!(sim.ledger().symbols["SOLUSDT"].unheard, []);
}

#[tokio::test]
async fn a_series_can_begin_at_a_later_trade() {
    let sim = sim([fast("BTCUSDT").start_at(2000)]).await;
    let mut client = Client::connect(&sim, "/ws/btcusdt@trade").await;
    assert_eq!(client.text().await, recorded_lines()[2000]);
    let page = &sim.ledger().symbols["BTCUSDT"];
    assert_eq!((page.first_id, page.issued), (Some(553_289_559), 1));
}

#[tokio::test]
async fn times_are_in_microseconds_on_request() {
    let sim = sim([fast("BTCUSDT")]).await;
    let mut client = Client::connect(&sim, "/stream?streams=btcusdt@trade&timeUnit=MICROSECOND").await;
    let frame: Value = serde_json::from_str(&client.text().await).unwrap();
    assert_eq!(frame["data"]["T"], 1_610_064_000_278_000_u64);
    assert_eq!(frame["data"]["E"], 1_610_064_000_278_000_u64);
}

#[tokio::test]
async fn subscriptions_change_by_control_frames() {
    let sim = sim([fast("BTCUSDT")]).await;
    let mut client = Client::connect(&sim, "/ws").await;
    let subscribe =
        json!({"method": "SUBSCRIBE", "params": ["btcusdt@trade", "nosuchcoin@trade"], "id": 1}).to_string();
    assert_eq!(client.request(&subscribe).await, r#"{"result":null,"id":1}"#);
    assert_eq!(client.texts(2001).await, recorded_lines());
    assert_eq!(
        client
            .request(r#"{"method":"LIST_SUBSCRIPTIONS","id":"second"}"#)
            .await,
        r#"{"result":["btcusdt@trade","nosuchcoin@trade"],"id":"second"}"#
    );
    assert_eq!(
        client
            .request(r#"{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":3}"#)
            .await,
        r#"{"result":null,"id":3}"#
    );
    assert_eq!(sim.ledger().symbols["BTCUSDT"].connections, 0);
    assert_eq!(
        client.request("{").await,
        r#"{"error":{"code":3,"msg":"Invalid JSON: EOF while parsing an object at line 1 column 1"}}"#
    );
}

#[tokio::test]
async fn the_envelope_is_a_property_of_the_connection() {
    let sim = sim([fast("BTCUSDT")]).await;
    let mut client = Client::connect(&sim, "/ws").await;
    let set = r#"{"method":"SET_PROPERTY","params":["combined",true],"id":1}"#;
    assert_eq!(client.request(set).await, r#"{"result":null,"id":1}"#);
    let get = r#"{"method":"GET_PROPERTY","params":["combined"],"id":2}"#;
    assert_eq!(client.request(get).await, r#"{"result":true,"id":2}"#);
    client
        .request(r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":3}"#)
        .await;
    assert!(
        client
            .text()
            .await
            .starts_with(r#"{"stream":"btcusdt@trade","data":{"e":"trade""#)
    );
}

#[tokio::test]
async fn a_malformed_stream_name_is_answered_and_ends_the_connection() {
    let sim = sim([]).await;
    let mut client = Client::connect(&sim, "/ws").await;
    let answer = client
        .request(r#"{"method":"SUBSCRIBE","params":["@@@junk###"],"id":1}"#)
        .await;
    assert_eq!(
        answer,
        r#"{"error":{"code":2,"msg":"Invalid request: invalid stream"}}"#
    );
    assert!(client.rest().await.1.is_some(), "a closing frame follows");
}

#[tokio::test]
async fn an_upper_case_stream_name_stays_silent() {
    let sim = sim([fast("BTCUSDT")]).await;
    let mut client = Client::connect(&sim, "/ws/BTCUSDT@trade").await;
    let list = client.request(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#).await;
    assert_eq!(list, r#"{"result":["BTCUSDT@trade"],"id":1}"#);
    assert_eq!(sim.ledger().symbols["BTCUSDT"].issued, 0);
}

#[tokio::test]
async fn trades_keep_the_recorded_pace_times_the_speed() {
    let sim = sim([SymbolSpec::new("BTCUSDT").speed(100.0)]).await;
    let mut client = Client::connect(&sim, "/ws/btcusdt@trade").await;
    let begin = tokio::time::Instant::now();
    client.texts(2001).await;
    // 46.077 recorded seconds; no upper bound, since the machine may be busy.
    assert!(begin.elapsed().as_millis() >= 455, "{:?}", begin.elapsed());
}
