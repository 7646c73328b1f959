//! What a client is punished for. Every punishment appears in the ledger.

use std::time::Duration;

use exchange_sim::{Limits, Sim, SymbolSpec, Violation};
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message},
};

use crate::client::{Client, fast, strict, until};

fn count(sim: &Sim, violation: Violation) -> u64 {
    sim.ledger()
        .violations
        .get(&violation)
        .copied()
        .unwrap_or_default()
}

fn subscribe(streams: impl IntoIterator<Item = String>) -> String {
    json!({"method": "SUBSCRIBE", "params": streams.into_iter().collect::<Vec<_>>(), "id": 1}).to_string()
}

const LIST: &str = r#"{"method":"LIST_SUBSCRIPTIONS","id":9}"#;

fn quick_heartbeat() -> Limits {
    Limits {
        ping_interval: Duration::from_millis(250),
        pong_timeout: Duration::from_millis(300),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_disconnected() {
    let sim = strict(quick_heartbeat(), []).await;
    let mut client = Client::connect(&sim, "/ws").await;
    // An unsolicited pong is allowed and does not help. The client's pongs are written only while it reads.
    client.send(Message::Pong("hello".into())).await;
    until("a pong timeout", || count(&sim, Violation::PongTimeout) == 1).await;
    let (_, frame) = client.rest().await;
    assert_eq!(frame.unwrap().reason.as_str(), "Pong timeout");
    until("the connection is gone", || sim.ledger().connections == 0).await;
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let limits = Limits {
        ping_interval: Duration::from_millis(250),
        pong_timeout: Duration::from_secs(1),
        connection_lifetime: Duration::from_millis(2500),
        shutdown_notice: Duration::from_millis(1),
        ..Limits::default()
    };
    let sim = strict(limits, []).await;
    let mut client = Client::connect(&sim, "/ws").await;
    let (_, frame) = client.rest().await;
    assert_eq!(frame.unwrap().reason.as_str(), "connection lifetime is over");
    assert!(sim.ledger().violations.is_empty());
}

#[tokio::test]
async fn more_than_five_messages_in_a_second_end_the_connection() {
    let sim = strict(Limits::default(), []).await;
    let mut client = Client::connect(&sim, "/ws").await;
    client.send(Message::Ping("1".into())).await;
    client.send(Message::Pong("2".into())).await;
    for _ in 0..4 {
        client.send(Message::text(LIST)).await;
    }
    let (answers, frame) = client.rest().await;
    assert_eq!(answers.len(), 3, "five are served");
    assert_eq!(frame.unwrap().reason.as_str(), "Too many requests");
    assert_eq!(count(&sim, Violation::MessageRate), 1);
}

#[tokio::test]
async fn a_frame_over_4096_bytes_is_ignored_without_an_answer() {
    let sim = strict(Limits::default(), []).await;
    let mut client = Client::connect(&sim, "/ws").await;
    let frame = subscribe((0..300).map(|n| format!("coin{n:04}@trade")));
    assert!(frame.len() > 4096);
    client.send(Message::text(frame)).await;
    assert_eq!(client.request(LIST).await, r#"{"result":[],"id":9}"#);
    assert_eq!(count(&sim, Violation::FrameTooLarge), 1);
}

#[tokio::test]
async fn the_streams_of_a_connection_are_limited() {
    let limits = Limits {
        streams_per_connection: 2,
        ..Limits::default()
    };
    let sim = strict(limits, []).await;
    let mut client = Client::connect(&sim, "/ws/a@trade").await;
    let answer = client
        .request(&subscribe(["b@trade".to_owned(), "c@trade".to_owned()]))
        .await;
    assert_eq!(
        answer,
        r#"{"error":{"code":4,"msg":"Too many subscriptions"},"id":1}"#
    );
    assert_eq!(client.request(LIST).await, r#"{"result":["a@trade"],"id":9}"#);
    let answer = client
        .request(&subscribe(["a@trade".to_owned(), "b@trade".to_owned()]))
        .await;
    assert_eq!(
        answer, r#"{"result":null,"id":1}"#,
        "a stream already subscribed to takes no room"
    );

    let mut greedy = Client::connect(&sim, "/stream?streams=a@trade/b@trade/c@trade").await;
    assert!(greedy.rest().await.1.is_some());
    assert_eq!(count(&sim, Violation::TooManyStreams), 2);
}

#[tokio::test]
async fn too_many_connection_attempts_are_refused_and_then_banned() {
    let limits = Limits {
        connection_attempts: 2,
        refusals_before_ban: 1,
        ..Limits::default()
    };
    let sim = strict(limits, []).await;
    let url = format!("{}/ws", sim.stream_url());
    let mut statuses = Vec::new();
    for _ in 0..4 {
        match connect_async(&url).await {
            Ok((_, response)) => statuses.push(response.status().as_u16()),
            Err(Error::Http(response)) => {
                assert!(response.headers().contains_key("retry-after"));
                statuses.push(response.status().as_u16());
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(statuses, [101, 101, 429, 418]);
    assert_eq!(count(&sim, Violation::ConnectionAttempts), 1);
    assert_eq!(count(&sim, Violation::RequestWhileBanned), 1);
}

#[tokio::test]
async fn a_connection_ends_at_its_lifetime_after_an_announcement() {
    let limits = Limits {
        connection_lifetime: Duration::from_millis(400),
        shutdown_notice: Duration::from_millis(300),
        ..Limits::default()
    };
    let sim = strict(limits, []).await;
    let mut raw = Client::connect(&sim, "/ws").await;
    let mut combined = Client::connect(&sim, "/stream").await;
    let event: Value = serde_json::from_str(&raw.text().await).unwrap();
    assert_eq!(event["e"], "serverShutdown");
    assert!(event["E"].is_u64());
    let event: Value = serde_json::from_str(&combined.text().await).unwrap();
    assert_eq!(event["stream"], "!serverShutdown");
    assert_eq!(event["data"]["e"], "serverShutdown");
    assert!(raw.rest().await.1.is_some());
    assert!(sim.ledger().violations.is_empty());
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_disconnected() {
    let limits = Limits {
        buffered_frames: 100,
        ..Limits::default()
    };
    let endless = SymbolSpec::new("BTCUSDT").repeat(50).speed(1_000_000.0);
    let sim = strict(limits, [endless]).await;
    let _idle = Client::connect(&sim, "/ws/btcusdt@trade").await;
    until("a slow reader", || count(&sim, Violation::SlowReader) == 1).await;
    until("the connection is gone", || sim.ledger().connections == 0).await;
}

#[tokio::test]
async fn an_unpaced_symbol_waits_for_its_reader() {
    let limits = Limits {
        buffered_frames: 1,
        ..Limits::default()
    };
    let sim = strict(limits, [fast("BTCUSDT")]).await;
    let mut client = Client::connect(&sim, "/ws/btcusdt@trade").await;
    client.texts(2001).await;
    assert!(sim.ledger().violations.is_empty());
}
