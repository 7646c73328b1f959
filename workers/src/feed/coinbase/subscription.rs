//! From the products that a connection has to those that it is to have. No I/O.
//!
//! The rules: answers have no number, so that one request is under way at a time. An answer lists all that is subscribed to
//! then. A request with one product that the exchange does not know is refused as a whole: it is asked again in halves until
//! that product stands alone, which is then left out and asked for again now and then, since it may be listed one day.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use serde_json::json;
use tokio::time::Instant;

use super::{
    is_product,
    message::{self, MATCHES, Message},
    trade::Match,
};
use crate::{
    decode::DecodeError,
    feed::stream::{Talk, Told, error::LinkError, talk::ANSWER_TIMEOUT},
    model::Symbol,
};

/// Products of one request.
const GROUP: usize = 100;
/// Time until a product that was refused is asked for again.
const ASK_AGAIN: Duration = Duration::from_mins(1);

/// The products of one connection.
#[derive(Debug, Default)]
pub struct Subscription {
    wanted: BTreeSet<Symbol>,
    /// Those that the exchange says it has.
    has: BTreeSet<Symbol>,
    /// Parts of a request that was refused, to be asked before anything else.
    parts: VecDeque<Vec<Symbol>>,
    /// Those that were refused alone, and when they are asked for again.
    refused: BTreeMap<Symbol, Instant>,
    /// The request that is not answered.
    asked: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    method: Method,
    products: Vec<Symbol>,
    at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Subscribe,
    Unsubscribe,
}

impl Talk for Subscription {
    const PATH: &'static str = "/";
    /// Coinbase allows 8 requests per second and address, and 20 in bursts: half of it, since another connection may be
    /// made meanwhile.
    const PACE: Duration = Duration::from_millis(250);
    /// No limit is documented; so many share the fate of one connection.
    const SYMBOLS: usize = 200;

    fn can_be_asked_for(symbol: &Symbol) -> bool {
        is_product(symbol)
    }

    fn want(&mut self, symbols: &BTreeSet<Symbol>) {
        self.wanted.clone_from(symbols);
        self.refused.retain(|product, _| symbols.contains(product));
    }

    fn request_due(&self, now: Instant) -> Option<Instant> {
        if self.asked.is_some() {
            return None;
        }
        if self.is_complete() {
            return self.refused.values().min().copied();
        }
        Some(now)
    }

    fn next_request(&mut self, now: Instant) -> Option<String> {
        if self.asked.is_some() {
            return None;
        }
        let (method, products) = self.next(now)?;
        let name = match method {
            Method::Subscribe => "subscribe",
            Method::Unsubscribe => "unsubscribe",
        };
        let channels = [MATCHES, "heartbeat"].map(|name| json!({"name": name, "product_ids": products}));
        self.asked = Some(Asked {
            method,
            products,
            at: now,
        });
        Some(json!({"type": name, "channels": channels}).to_string())
    }

    /// A product that was refused is not waited for.
    fn is_complete(&self) -> bool {
        self.has.is_subset(&self.wanted) && self.lacking().next().is_none()
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.asked.as_ref()?.at + ANSWER_TIMEOUT)
    }

    fn read(&mut self, frame: &Bytes, now: Instant) -> Told {
        match message::read(frame) {
            Message::Match(found) => trade(frame, found),
            Message::Heartbeat { last_trade_id: 0, .. } => Told::Nothing,
            Message::Heartbeat {
                product,
                last_trade_id,
            } => product
                .parse()
                .map_or(Told::Unknown, |product| Told::Exists(product, last_trade_id)),
            Message::Subscriptions(products) => self.accepted(&products, now),
            Message::Refused(words) => self.refused(words, now),
            Message::Unknown => Told::Unknown,
            Message::Broken => Told::Unreadable(frame.clone(), "BrokenFrame"),
        }
    }
}

/// What cannot be read is kept as it came.
fn trade(frame: &Bytes, found: Result<Match, serde_json::Error>) -> Told {
    match found.map_err(DecodeError::from).and_then(|found| found.read()) {
        Ok((event, trade)) => Told::Trade(event, trade),
        Err(error) => {
            tracing::warn!(%error, "match cannot be read");
            Told::Unreadable(frame.clone(), error.reason())
        }
    }
}

impl Subscription {
    /// Those that are to be asked for and were not refused.
    fn lacking(&self) -> impl Iterator<Item = &Symbol> {
        let lacking = self.wanted.difference(&self.has);
        lacking.filter(|product| !self.refused.contains_key(*product))
    }

    /// What to ask: to give up what is not wanted, then what was refused together, what is new, and what was refused alone
    /// long ago.
    fn next(&mut self, now: Instant) -> Option<(Method, Vec<Symbol>)> {
        let removals: Vec<_> = self.has.difference(&self.wanted).take(GROUP).cloned().collect();
        if !removals.is_empty() {
            return Some((Method::Unsubscribe, removals));
        }
        while let Some(mut part) = self.parts.pop_front() {
            part.retain(|product| self.wanted.contains(product) && !self.has.contains(product));
            if !part.is_empty() {
                return Some((Method::Subscribe, part));
            }
        }
        let mut additions: Vec<_> = self.lacking().take(GROUP).cloned().collect();
        if additions.is_empty() {
            let due = self.refused.iter().find(|(_, at)| **at <= now);
            additions.extend(due.map(|(product, _)| product.clone()));
        }
        (!additions.is_empty()).then_some((Method::Subscribe, additions))
    }

    fn accepted(&mut self, products: &BTreeSet<String>, now: Instant) -> Told {
        self.has = products.iter().filter_map(|name| name.parse().ok()).collect();
        let Some(asked) = self.asked.take() else {
            return Told::Nothing;
        };
        for product in asked.products {
            if self.has.contains(&product) {
                self.refused.remove(&product);
            } else if asked.method == Method::Subscribe {
                // Taken without a word, and not there: as good as refused.
                self.refused.insert(product, now + ASK_AGAIN);
            }
        }
        self.settled()
    }

    fn refused(&mut self, words: String, now: Instant) -> Told {
        match self.asked.take() {
            Some(Asked {
                method: Method::Subscribe,
                mut products,
                ..
            }) => {
                if products.len() > 1 {
                    let second = products.split_off(products.len() / 2);
                    self.parts.push_front(second);
                    self.parts.push_front(products);
                    return Told::Nothing;
                }
                let again = products.iter().all(|product| self.refused.contains_key(product));
                if !again {
                    tracing::warn!(
                        ?products,
                        words,
                        "the exchange refuses a product; it is asked for again now and then"
                    );
                }
                self.refused
                    .extend(products.into_iter().map(|product| (product, now + ASK_AGAIN)));
                if again { Told::Nothing } else { self.settled() }
            }
            _ => Told::Leave(LinkError::Refused(words)),
        }
    }

    fn settled(&self) -> Told {
        if self.is_complete() {
            Told::Complete
        } else {
            Told::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn set(names: &[&str]) -> BTreeSet<Symbol> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// An exchange that lists these products.
    struct Exchange {
        lists: BTreeSet<String>,
        has: BTreeSet<String>,
    }

    impl Exchange {
        fn of(lists: impl IntoIterator<Item = String>) -> Self {
            Self {
                lists: lists.into_iter().collect(),
                has: BTreeSet::new(),
            }
        }

        fn answer(&mut self, request: &str) -> Bytes {
            let request: Value = serde_json::from_str(request).unwrap();
            let products: Vec<String> =
                serde_json::from_value(request["channels"][0]["product_ids"].clone()).unwrap();
            assert!(!products.is_empty() && products.len() <= GROUP);
            let unknown = products.iter().find(|product| !self.lists.contains(*product));
            if let Some(product) = unknown {
                let reason = format!("{product} is not a valid product");
                return json!({"type": "error", "message": "Failed to subscribe", "reason": reason})
                    .to_string()
                    .into();
            }
            if request["type"] == "subscribe" {
                self.has.extend(products);
            } else {
                self.has.retain(|product| !products.contains(product));
            }
            json!({"type": "subscriptions", "channels": [{"name": "matches", "product_ids": self.has}]})
                .to_string()
                .into()
        }
    }

    /// Talks until nothing is to be said; returns whether the last word was that everything is answered.
    fn talk(subscription: &mut Subscription, exchange: &mut Exchange, now: Instant) -> bool {
        let mut complete = false;
        while subscription.request_due(now).is_some_and(|due| due <= now)
            && let Some(request) = subscription.next_request(now)
        {
            assert!(subscription.request_due(now).is_none(), "one at a time");
            complete = matches!(subscription.read(&exchange.answer(&request), now), Told::Complete);
        }
        complete
    }

    #[test]
    fn matches_and_heartbeats_are_asked_for_and_given_up() {
        let now = Instant::now();
        let mut subscription = Subscription::default();
        subscription.want(&set(&["BTC-USD"]));
        assert!(!subscription.is_complete());
        assert_eq!(
            subscription.next_request(now).unwrap(),
            r#"{"channels":[{"name":"matches","product_ids":["BTC-USD"]},{"name":"heartbeat","product_ids":["BTC-USD"]}],"type":"subscribe"}"#
        );
        assert_eq!(subscription.deadline(), Some(now + ANSWER_TIMEOUT));
        let answer = br#"{"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"]}]}"#;
        assert!(matches!(
            subscription.read(&Bytes::from_static(answer), now),
            Told::Complete
        ));
        assert_eq!(
            (subscription.deadline(), subscription.request_due(now)),
            (None, None)
        );
        subscription.want(&set(&["ETH-USD"]));
        assert!(
            subscription
                .next_request(now)
                .unwrap()
                .contains(r#""type":"unsubscribe""#)
        );
    }

    #[test]
    fn a_product_that_is_not_known_stands_alone_in_the_end_and_is_asked_for_again() {
        let now = Instant::now();
        let mut exchange = Exchange::of((0..150).map(|number| format!("P{number}-USD")));
        let mut subscription = Subscription::default();
        let mut wanted: BTreeSet<Symbol> = exchange.lists.iter().map(|name| name.parse().unwrap()).collect();
        wanted.extend(set(&["NEW-USD", "P7-NONE"]));
        subscription.want(&wanted);
        assert!(talk(&mut subscription, &mut exchange, now));
        assert_eq!(exchange.has.len(), 150);
        assert_eq!(subscription.request_due(now), Some(now + ASK_AGAIN));

        exchange.lists.insert("NEW-USD".to_owned());
        talk(&mut subscription, &mut exchange, now + ASK_AGAIN);
        assert!(exchange.has.contains("NEW-USD"));
    }

    #[test]
    fn a_refusal_of_nothing_that_was_asked_ends_the_connection() {
        let words = br#"{"type":"error","message":"slow","reason":"consumer"}"#;
        let told = Subscription::default().read(&Bytes::from_static(words), Instant::now());
        assert!(matches!(told, Told::Leave(LinkError::Refused(_))));
    }

    #[test]
    fn a_heartbeat_tells_which_trades_exist_unless_it_says_0() {
        let heartbeat = |id: u64| {
            let text = format!(r#"{{"type":"heartbeat","product_id":"BTC-USD","last_trade_id":{id}}}"#);
            Subscription::default().read(&text.into(), Instant::now())
        };
        assert!(matches!(heartbeat(20), Told::Exists(product, 20) if product.as_str() == "BTC-USD"));
        assert!(matches!(heartbeat(0), Told::Nothing));
    }

    #[test]
    fn a_match_with_more_digits_than_can_be_kept_is_kept_as_it_came() {
        let text = br#"{"type":"match","trade_id":7,"product_id":"A-B","size":"0.123456789","price":"1","side":"buy","time":"2014-11-07T08:19:28Z"}"#;
        let told = Subscription::default().read(&Bytes::from_static(text), Instant::now());
        assert!(matches!(told, Told::Unreadable(bytes, "DecimalTooPrecise") if bytes == text[..]));
    }

    proptest! {
        #[test]
        fn the_exchange_ends_up_with_what_is_wanted_and_listed_whenever_it_changes(
            lists in prop::collection::btree_set(0_u32..200, 0..200),
            changes in prop::collection::vec((prop::collection::btree_set(0_u32..200, 0..200), 0_usize..4), 1..5),
        ) {
            let now = Instant::now();
            let name = |number: &u32| format!("P{number}-USD");
            let mut exchange = Exchange::of(lists.iter().map(name));
            let mut subscription = Subscription::default();
            let mut expected = BTreeSet::new();
            for (numbers, sent) in &changes {
                subscription.want(&numbers.iter().map(|number| name(number).parse().unwrap()).collect());
                expected = numbers.intersection(&lists).map(name).collect();
                for _ in 0..*sent {
                    if let Some(request) = subscription.next_request(now) {
                        subscription.read(&exchange.answer(&request), now);
                    }
                }
            }
            talk(&mut subscription, &mut exchange, now);
            prop_assert!(subscription.is_complete());
            prop_assert_eq!(exchange.has, expected);
        }
    }
}
