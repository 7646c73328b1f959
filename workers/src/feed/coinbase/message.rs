//! Tells the messages of a connection apart. Pure.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::trade::Match;

/// The channel whose list of products counts.
pub const MATCHES: &str = "matches";

/// One message.
#[derive(Debug)]
pub enum Message {
    /// What claims to be a trade: a `match`, or the `last_match` before a subscription.
    Match(Result<Match, serde_json::Error>),
    /// What the product's newest trade is, every second.
    Heartbeat {
        /// The product.
        product: String,
        /// Its newest trade id. The real exchange was seen to say 0 whatever it is: then nothing is known.
        last_trade_id: u64,
    },
    /// The answer to a request: the products whose matches are subscribed to now, all of them.
    Subscriptions(BTreeSet<String>),
    /// A request was refused, all of it.
    Refused(String),
    /// Sound JSON of no known kind. New kinds may come at any time.
    Unknown,
    /// No JSON object; it may have been a trade.
    Broken,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Heartbeat {
    product_id: String,
    last_trade_id: u64,
}

#[derive(Deserialize)]
struct Subscriptions {
    channels: Vec<Channel>,
}

#[derive(Deserialize)]
struct Channel {
    name: String,
    #[serde(default)]
    product_ids: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
    #[serde(default)]
    reason: String,
}

/// Tells what a message is.
pub fn read(frame: &[u8]) -> Message {
    if frame.trim_ascii_start().first() != Some(&b'{') {
        return Message::Broken;
    }
    match serde_json::from_slice::<Kind>(frame) {
        Ok(Kind { kind }) => of_kind(kind.as_deref().unwrap_or_default(), frame),
        Err(error) if error.is_data() => Message::Unknown,
        Err(_) => Message::Broken,
    }
}

fn of_kind(kind: &str, frame: &[u8]) -> Message {
    let known = match kind {
        "match" | "last_match" => Some(Message::Match(serde_json::from_slice(frame))),
        "heartbeat" => serde_json::from_slice(frame).ok().map(
            |Heartbeat {
                 product_id,
                 last_trade_id,
             }| Message::Heartbeat {
                product: product_id,
                last_trade_id,
            },
        ),
        "subscriptions" => serde_json::from_slice(frame)
            .ok()
            .map(|Subscriptions { channels }| {
                let matches = channels.into_iter().filter(|channel| channel.name == MATCHES);
                Message::Subscriptions(matches.flat_map(|channel| channel.product_ids).collect())
            }),
        "error" => serde_json::from_slice(frame)
            .ok()
            .map(|Refusal { message, reason }| Message::Refused(format!("{message}: {reason}"))),
        _ => None,
    };
    known.unwrap_or(Message::Unknown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r#"{"type":"match","trade_id":7}"#, "Match(Err")]
    #[case(
        r#"{"type":"last_match","trade_id":7,"product_id":"BTC-USD","size":"1","price":"1","side":"buy","time":""}"#,
        "Match(Ok"
    )]
    #[case(
        r#"{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}"#,
        r#"Heartbeat { product: "BTC-USD", last_trade_id: 20 }"#
    )]
    #[case(
        r#"{"type":"subscriptions","channels":[{"name":"heartbeat","product_ids":["A-B","C-D"]},{"name":"matches","product_ids":["A-B"]}]}"#,
        r#"Subscriptions({"A-B"})"#
    )]
    #[case(r#"{"type":"subscriptions","channels":[]}"#, "Subscriptions({})")]
    #[case(
        r#"{"type":"error","message":"Failed to subscribe","reason":"X-Y is not a valid product"}"#,
        r#"Refused("Failed to subscribe: X-Y is not a valid product")"#
    )]
    #[case(r#"{"type":"ticker"}"#, "Unknown")]
    #[case(r#"{"type":7}"#, "Unknown")]
    #[case("{}", "Unknown")]
    #[case("[]", "Broken")]
    #[case(r#"{"type":"match","trade_"#, "Broken")]
    fn tells_every_kind(#[case] text: &str, #[case] expected: &str) {
        let told = format!("{:?}", read(text.as_bytes()));
        assert!(told.starts_with(expected), "{told}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_some_message(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }
    }
}
