//! What a client says to Coinbase: subscriptions by channel and product. No I/O.

use std::collections::BTreeSet;

use serde::Deserialize;

/// A request of a known form.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// Whether it adds or takes away.
    pub subscribes: bool,
    /// Products of the channel `matches`.
    pub matches: BTreeSet<String>,
    /// Products of the channel `heartbeat`.
    pub heartbeats: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Message {
    Subscribe { channels: Vec<Channel> },
    Unsubscribe { channels: Vec<Channel> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Channel {
    name: String,
    product_ids: BTreeSet<String>,
}

/// Reads a request; else says what is wrong with it.
pub fn parse(text: &str) -> Result<Request, String> {
    let message = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let (subscribes, channels) = match message {
        Message::Subscribe { channels } => (true, channels),
        Message::Unsubscribe { channels } => (false, channels),
    };
    let mut request = Request {
        subscribes,
        matches: BTreeSet::new(),
        heartbeats: BTreeSet::new(),
    };
    for Channel { name, product_ids } in channels {
        if product_ids.is_empty() {
            return Err(format!(
                "You need to specify at least one product ID for channel {name}"
            ));
        }
        match name.as_str() {
            "matches" => request.matches.extend(product_ids),
            "heartbeat" => request.heartbeats.extend(product_ids),
            _ => return Err(format!("{name} is not a valid channel")),
        }
    }
    if request.matches.is_empty() && request.heartbeats.is_empty() {
        return Err("No channels provided".to_owned());
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_read_by_channel_and_anything_else_is_refused() {
        let text = r#"{"type":"subscribe","channels":[{"name":"matches","product_ids":["A-B","C-D"]},{"name":"heartbeat","product_ids":["A-B"]}]}"#;
        let request = parse(text).unwrap();
        assert!(request.subscribes);
        assert_eq!((request.matches.len(), request.heartbeats.len()), (2, 1));
        for wrong in [
            r#"{"type":"subscribe","channels":[]}"#,
            r#"{"type":"subscribe","channels":[{"name":"matches","product_ids":[]}]}"#,
            r#"{"type":"subscribe","channels":[{"name":"trades","product_ids":["A-B"]}]}"#,
            r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#,
            "subscribe",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
