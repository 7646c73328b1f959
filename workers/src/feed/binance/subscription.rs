//! From the streams that a connection has to those that it is to have: which control frames to send, and how far they have
//! come. No I/O.
//!
//! The rules: a control frame of more than 4,096 bytes is silently ignored; names of streams are in lower case and may be
//! non-ASCII.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use crds::spec::Exchange;
use serde_json::json;
use tokio::time::Instant;

use super::frame::{self, Frame};
use crate::{
    decode,
    feed::stream::{Talk, Told, error::LinkError, talk::ANSWER_TIMEOUT},
    model::Symbol,
};

/// Longest control frame, with a margin below 4,096 bytes.
const FRAME_BYTES: usize = 4000;
/// Room in a frame for all but the names.
const FRAME_OVERHEAD: usize = 80;

/// The streams of one connection.
#[derive(Debug, Default)]
pub struct Subscription {
    /// Those it has once everything that was sent is carried out.
    asked: BTreeSet<Symbol>,
    removals: VecDeque<Symbol>,
    additions: VecDeque<Symbol>,
    /// When the requests were sent that are not answered.
    unanswered: BTreeMap<u64, Instant>,
    last_id: u64,
}

impl Talk for Subscription {
    const PATH: &'static str = "/stream";
    /// Binance allows 5 inbound messages per second, pongs included, and counts as it likes: 220 ms between them were seen
    /// to fail.
    const PACE: Duration = Duration::from_millis(350);
    /// Binance's limit of streams per connection is 1,024; the margin is for streams that are being given up.
    const SYMBOLS: usize = 1000;

    /// It ends the connection over a name with other characters, and keeps silent about one that is only unknown.
    fn can_be_asked_for(symbol: &Symbol) -> bool {
        symbol
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
    }

    fn want(&mut self, symbols: &BTreeSet<Symbol>) {
        self.removals = self.asked.difference(symbols).cloned().collect();
        self.additions = symbols.difference(&self.asked).cloned().collect();
    }

    fn request_due(&self, now: Instant) -> Option<Instant> {
        self.has_request().then_some(now)
    }

    fn next_request(&mut self, now: Instant) -> Option<String> {
        // Streams that are given up make room for others.
        let (method, symbols) = if self.removals.is_empty() {
            ("SUBSCRIBE", take_frame(&mut self.additions))
        } else {
            ("UNSUBSCRIBE", take_frame(&mut self.removals))
        };
        if symbols.is_empty() {
            return None;
        }
        self.last_id += 1;
        self.unanswered.insert(self.last_id, now);
        let streams: Vec<_> = symbols.iter().map(stream).collect();
        for symbol in symbols {
            if method == "SUBSCRIBE" {
                self.asked.insert(symbol);
            } else {
                self.asked.remove(&symbol);
            }
        }
        Some(json!({"method": method, "params": streams, "id": self.last_id}).to_string())
    }

    fn is_complete(&self) -> bool {
        self.unanswered.is_empty() && !self.has_request()
    }

    fn deadline(&self) -> Option<Instant> {
        let (_, sent) = self.unanswered.first_key_value()?;
        Some(*sent + ANSWER_TIMEOUT)
    }

    fn read(&mut self, frame: &Bytes, _now: Instant) -> Told {
        match frame::read(frame) {
            Frame::Trade(event) => match decode::trade(Exchange::Binance, &event) {
                Ok(trade) => Told::Trade(event, trade),
                Err(error) => {
                    tracing::warn!(%error, "trade event cannot be read");
                    Told::Unreadable(event, error.reason())
                }
            },
            Frame::Broken => Told::Unreadable(frame.clone(), "BrokenFrame"),
            Frame::Unknown => Told::Unknown,
            Frame::Accepted(id) if self.accept(id) => Told::Complete,
            Frame::Accepted(_) => Told::Nothing,
            Frame::Refused { code, message } => {
                Told::Leave(LinkError::Refused(format!("code {code}, {message}")))
            }
            Frame::ServerShutdown => Told::Leave(LinkError::ServerShutdown),
        }
    }
}

impl Subscription {
    /// Whether a request is still to be sent.
    fn has_request(&self) -> bool {
        !(self.removals.is_empty() && self.additions.is_empty())
    }

    /// Notes an answer, and returns whether it was the last one.
    fn accept(&mut self, id: u64) -> bool {
        self.unanswered.remove(&id).is_some() && self.is_complete()
    }
}

fn stream(symbol: &Symbol) -> String {
    format!("{}@trade", symbol.to_lowercase())
}

/// As many as one frame holds.
fn take_frame(queue: &mut VecDeque<Symbol>) -> Vec<Symbol> {
    let mut room = FRAME_BYTES - FRAME_OVERHEAD;
    let mut taken = vec![];
    while let Some(symbol) = queue.front() {
        // Quotes and comma.
        let bytes = stream(symbol).len() + 3;
        if bytes > room {
            break;
        }
        room -= bytes;
        taken.extend(queue.pop_front());
    }
    taken
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::Value;

    use super::*;

    fn set(names: &[&str]) -> BTreeSet<Symbol> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn next(subscription: &mut Subscription) -> Option<String> {
        subscription.next_request(Instant::now())
    }

    #[test]
    fn what_is_wanted_is_asked_for_and_what_is_not_is_given_up() {
        let mut subscription = Subscription::default();
        assert!(subscription.is_complete());
        subscription.want(&set(&["BTCUSDT", "币安人生USDT"]));
        assert_eq!(
            next(&mut subscription).unwrap(),
            r#"{"id":1,"method":"SUBSCRIBE","params":["btcusdt@trade","币安人生usdt@trade"]}"#
        );
        subscription.want(&set(&["BTCUSDT", "ETHUSDT"]));
        assert_eq!(
            next(&mut subscription).unwrap(),
            r#"{"id":2,"method":"UNSUBSCRIBE","params":["币安人生usdt@trade"]}"#
        );
        assert_eq!(
            next(&mut subscription).unwrap(),
            r#"{"id":3,"method":"SUBSCRIBE","params":["ethusdt@trade"]}"#
        );
        assert_eq!(next(&mut subscription), None);
    }

    #[test]
    fn complete_only_when_every_request_is_answered() {
        let mut subscription = Subscription::default();
        subscription.want(&set(&["BTCUSDT"]));
        assert!(!subscription.is_complete());
        next(&mut subscription);
        subscription.want(&set(&["ETHUSDT"]));
        while next(&mut subscription).is_some() {}
        assert!(!subscription.accept(2));
        assert!(!subscription.accept(2), "an answer counts once");
        assert!(!subscription.accept(9), "an answer to nothing does not count");
        assert!(!subscription.accept(1) && !subscription.is_complete());
        assert!(subscription.accept(3) && subscription.is_complete());
        assert_eq!(subscription.deadline(), None);
    }

    #[test]
    fn an_answer_is_overdue_ten_seconds_after_the_oldest_request() {
        let begin = Instant::now();
        let mut subscription = Subscription::default();
        subscription.want(&set(&["BTCUSDT"]));
        subscription.next_request(begin);
        subscription.want(&set(&[]));
        subscription.next_request(begin + Duration::from_secs(5));
        assert_eq!(subscription.deadline(), Some(begin + ANSWER_TIMEOUT));
        subscription.accept(1);
        assert_eq!(
            subscription.deadline(),
            Some(begin + Duration::from_secs(5) + ANSWER_TIMEOUT)
        );
    }

    #[rstest]
    #[case("BTCUSDT", true)]
    #[case("币安人生USDT", true)]
    #[case("1000SATSUSDT", true)]
    #[case("Ä#USDT", false)]
    #[case("BTC\"USDT", false)]
    fn names_over_which_the_exchange_ends_the_connection_are_told_apart(
        #[case] name: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(Subscription::can_be_asked_for(&name.parse().unwrap()), expected);
    }

    /// Carries a request out as the exchange does.
    fn carry_out(frame: &str, streams: &mut BTreeSet<String>) -> u64 {
        let frame: Value = serde_json::from_str(frame).unwrap();
        let params: Vec<String> = serde_json::from_value(frame["params"].clone()).unwrap();
        for stream in params {
            if frame["method"] == "SUBSCRIBE" {
                assert!(streams.insert(stream));
            } else {
                assert!(streams.remove(&stream));
            }
        }
        frame["id"].as_u64().unwrap()
    }

    proptest! {
        #[test]
        fn the_exchange_ends_up_with_what_is_wanted_whenever_it_changes(
            changes in prop::collection::vec((prop::collection::btree_set(0_u32..1000, 0..1000), 0_usize..4), 1..5),
        ) {
            let mut subscription = Subscription::default();
            let mut streams = BTreeSet::new();
            let mut wanted = BTreeSet::new();
            for (numbers, sent) in &changes {
                wanted = numbers.iter().map(|number| format!("SYMBOL{number}USDT").parse().unwrap()).collect();
                subscription.want(&wanted);
                for frame in std::iter::from_fn(|| next(&mut subscription)).take(*sent) {
                    prop_assert!(frame.len() < 4096);
                    carry_out(&frame, &mut streams);
                }
            }
            while let Some(frame) = next(&mut subscription) {
                prop_assert!(frame.len() < 4096);
                carry_out(&frame, &mut streams);
            }
            for id in 1..=subscription.last_id {
                subscription.accept(id);
            }
            prop_assert!(subscription.is_complete());
            prop_assert_eq!(streams, wanted.iter().map(stream).collect());
        }
    }
}
