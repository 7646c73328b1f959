//! Which connection asks for which streams, and how. Pure.
//!
//! The rules: at most 1,024 streams per connection; a control frame of more than 4,096 bytes is silently ignored;
//! names of streams are in lower case and may be non-ASCII, which a URL cannot hold.

use serde_json::json;

use crate::model::Symbol;

/// Binance's limit of streams per connection.
const STREAMS_PER_CONNECTION: usize = 1024;
/// Longest URL that names the streams itself; well below what proxies accept.
const URL_BYTES: usize = 2000;
/// Longest control frame, with a margin below 4,096 bytes.
const FRAME_BYTES: usize = 4000;
/// Room in a frame for all but the names.
const FRAME_OVERHEAD: usize = 60;

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What to connect to.
    pub url: String,
    /// SUBSCRIBE frames to send, the first with id 1, and so on. None when the URL names the streams.
    pub requests: Vec<String>,
}

/// The connections for a set of symbols.
pub fn plans(origin: &str, symbols: &[Symbol]) -> Vec<Plan> {
    symbols
        .chunks(STREAMS_PER_CONNECTION)
        .map(|symbols| plan(origin, symbols))
        .collect()
}

fn plan(origin: &str, symbols: &[Symbol]) -> Plan {
    let origin = origin.trim_end_matches('/');
    let streams: Vec<String> = symbols
        .iter()
        .map(|symbol| format!("{}@trade", symbol.to_lowercase()))
        .collect();
    let url = format!("{origin}/stream?streams={}", streams.join("/"));
    if url.len() <= URL_BYTES && url.is_ascii() {
        return Plan {
            url,
            requests: vec![],
        };
    }
    Plan {
        url: format!("{origin}/stream"),
        requests: frames(streams),
    }
}

fn frames(streams: Vec<String>) -> Vec<String> {
    let mut groups: Vec<Vec<String>> = vec![];
    let mut room = 0;
    for stream in streams {
        // Quotes and comma.
        let bytes = stream.len() + 3;
        match groups.last_mut() {
            Some(group) if bytes <= room => {
                room -= bytes;
                group.push(stream);
            }
            _ => {
                room = (FRAME_BYTES - FRAME_OVERHEAD).saturating_sub(bytes);
                groups.push(vec![stream]);
            }
        }
    }
    (1_u64..)
        .zip(groups)
        .map(|(id, streams)| json!({"method": "SUBSCRIBE", "params": streams, "id": id}).to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn symbols(count: usize) -> Vec<Symbol> {
        (0..count)
            .map(|number| format!("SYMBOL{number}USDT").parse().unwrap())
            .collect()
    }

    /// The streams a plan asks for, by URL or by frame.
    fn asked(plan: &Plan) -> Vec<String> {
        if let Some((_, streams)) = plan.url.split_once("?streams=") {
            return streams.split('/').map(str::to_owned).collect();
        }
        let params = |frame: &String| serde_json::from_str::<Value>(frame).unwrap()["params"].take();
        let streams = plan.requests.iter().map(params);
        streams
            .flat_map(|streams| serde_json::from_value::<Vec<String>>(streams).unwrap())
            .collect()
    }

    #[test]
    fn few_symbols_are_named_in_the_url() {
        let symbols = ["BTCUSDT".parse().unwrap(), "ETHUSDT".parse().unwrap()];
        let expected = Plan {
            url: "wss://data-stream.binance.vision/stream?streams=btcusdt@trade/ethusdt@trade".to_owned(),
            requests: vec![],
        };
        assert_eq!(plans("wss://data-stream.binance.vision", &symbols), [expected]);
    }

    #[test]
    fn a_symbol_that_no_url_can_hold_is_subscribed_by_frame() {
        let plans = plans("ws://exchange", &["币安人生USDT".parse().unwrap()]);
        assert_eq!(plans[0].url, "ws://exchange/stream");
        assert_eq!(
            plans[0].requests,
            [r#"{"id":1,"method":"SUBSCRIBE","params":["币安人生usdt@trade"]}"#]
        );
    }

    proptest! {
        #[test]
        fn every_symbol_is_asked_for_once_within_the_exchanges_limits(count in 200_usize..2500) {
            let symbols = symbols(count);
            let plans = plans("ws://exchange", &symbols);
            prop_assert!(plans.iter().all(|plan| asked(plan).len() <= 1024));
            prop_assert!(plans.iter().flat_map(|plan| &plan.requests).all(|frame| frame.len() < 4096));
            let all: Vec<_> = plans.iter().flat_map(asked).collect();
            let expected: BTreeSet<_> = symbols.iter().map(|symbol| format!("{}@trade", symbol.to_lowercase())).collect();
            prop_assert_eq!(all.len(), count);
            prop_assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected);
        }
    }
}
