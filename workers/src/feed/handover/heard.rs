//! What one connection has delivered so far, per symbol. Pure.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use super::pulse::{Expectation, Pulse};
use crate::{feed::newest::Sighting, model::Symbol};

/// The ids that a connection has delivered of a symbol, from one on without going back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first of them.
    pub first: u64,
    /// The newest.
    pub latest: u64,
}

impl Span {
    /// Whether it begins no later than behind the newest id of the other: together they have no hole.
    pub const fn joins(self, other: Self) -> bool {
        self.first <= other.latest.saturating_add(1)
    }
}

/// What becomes of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// It is passed on.
    Wanted,
    /// It was still under way when its symbol was given up.
    GivenUp,
    /// Its symbol was never asked for.
    Foreign,
}

/// The symbols of a connection.
#[derive(Debug, Default)]
pub struct Heard {
    /// Since when the exchange has confirmed every subscription asked for; `None` while it has not.
    confirmed: Option<Instant>,
    streams: HashMap<Symbol, Stream>,
}

#[derive(Debug, Default)]
struct Stream {
    wanted: bool,
    span: Option<Span>,
    pulse: Pulse,
    /// The newest id that existed after the subscription was confirmed: those above it must be delivered.
    baseline: Option<u64>,
}

impl Heard {
    /// Whether the exchange has confirmed every subscription asked for.
    pub const fn is_complete(&self) -> bool {
        self.confirmed.is_some()
    }

    /// The exchange has confirmed every subscription asked for, or has not.
    pub fn confirm(&mut self, complete: bool, now: Instant) {
        self.confirmed = if complete {
            self.confirmed.or(Some(now))
        } else {
            None
        };
    }

    /// From now on these symbols are wanted, and no others.
    pub fn want(&mut self, symbols: &BTreeSet<Symbol>) {
        for stream in self.streams.values_mut() {
            stream.wanted = false;
        }
        for symbol in symbols {
            let stream = self.streams.entry(symbol.clone()).or_default();
            if !stream.wanted && stream.span.is_some() {
                // It comes back: what is between was not heard.
                *stream = Stream::default();
            }
            stream.wanted = true;
        }
    }

    /// Notes a trade. Constant time.
    pub fn trade(&mut self, symbol: &Symbol, id: u64, now: Instant) -> Hearing {
        let Some(stream) = self.streams.get_mut(symbol) else {
            return Hearing::Foreign;
        };
        if !stream.wanted {
            return Hearing::GivenUp;
        }
        stream.pulse.beat(now);
        stream.span = Some(match stream.span {
            Some(Span { first, latest }) if id >= latest => Span { first, latest: id },
            // The first trade, a copy, or ids that begin again.
            _ => Span {
                first: id,
                latest: id,
            },
        });
        Hearing::Wanted
    }

    /// What was delivered of a wanted symbol.
    pub fn span(&self, symbol: &Symbol) -> Option<Span> {
        self.streams.get(symbol).filter(|stream| stream.wanted)?.span
    }

    /// Every wanted symbol, and what was delivered of it.
    pub fn spans(&self) -> impl Iterator<Item = (&Symbol, Option<Span>)> {
        self.streams
            .iter()
            .filter(|(_, stream)| stream.wanted)
            .map(|(symbol, stream)| (symbol, stream.span))
    }

    /// A wanted symbol of which a trade exists that was not delivered within `grace`.
    pub fn deaf(
        &mut self,
        now: Instant,
        newest: &HashMap<Symbol, Sighting>,
        grace: Duration,
    ) -> Option<Symbol> {
        let confirmed = self.confirmed?;
        for (symbol, stream) in self.streams.iter_mut().filter(|(_, stream)| stream.wanted) {
            let Some(sighting) = newest.get(symbol) else {
                continue;
            };
            let Some(baseline) = stream.baseline else {
                stream.baseline = (sighting.until > confirmed).then_some(sighting.id);
                continue;
            };
            let delivered = stream.span.map_or(0, |span| span.latest);
            if sighting.id > baseline.max(delivered) && now >= sighting.since + grace {
                return Some(symbol.clone());
            }
        }
        None
    }

    /// A wanted symbol that has been silent for longer than can be expected.
    pub fn overdue(&self, now: Instant, expectation: &Expectation) -> Option<&Symbol> {
        let overdue = |stream: &Stream| stream.wanted && stream.pulse.overdue(now, expectation);
        self.streams
            .iter()
            .find(|(_, stream)| overdue(stream))
            .map(|(symbol, _)| symbol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(name: &str) -> Symbol {
        name.parse().unwrap()
    }

    fn set(names: &[&str]) -> BTreeSet<Symbol> {
        names.iter().map(|name| symbol(name)).collect()
    }

    #[test]
    fn trades_of_wanted_symbols_are_noted_and_others_told_apart() {
        let now = Instant::now();
        let (bitcoin, ether) = (symbol("BTCUSDT"), symbol("ETHUSDT"));
        let mut heard = Heard::default();
        heard.want(&set(&["BTCUSDT", "ETHUSDT"]));
        assert_eq!(heard.trade(&bitcoin, 7, now), Hearing::Wanted);
        assert_eq!(heard.trade(&bitcoin, 9, now), Hearing::Wanted);
        assert_eq!(heard.span(&bitcoin), Some(Span { first: 7, latest: 9 }));
        assert_eq!(heard.trade(&symbol("SOLUSDT"), 1, now), Hearing::Foreign);

        heard.want(&set(&["ETHUSDT"]));
        assert_eq!(heard.trade(&bitcoin, 10, now), Hearing::GivenUp);
        assert_eq!((heard.span(&bitcoin), heard.span(&ether)), (None, None));

        heard.want(&set(&["BTCUSDT"]));
        assert_eq!(heard.span(&bitcoin), None, "what is between was not heard");
    }

    #[test]
    fn deaf_to_a_trade_that_exists_and_is_not_delivered() {
        let grace = Duration::from_secs(10);
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let bitcoin = symbol("BTCUSDT");
        let newest = |id, since, until| HashMap::from([(symbol("BTCUSDT"), Sighting { id, since, until })]);
        let mut heard = Heard::default();
        heard.want(&set(&["BTCUSDT", "ETHUSDT"]));
        heard.confirm(true, at(10));

        // Older than the confirmation: it may have been missed rightly.
        assert_eq!(heard.deaf(at(60), &newest(7, at(0), at(5)), grace), None);
        assert_eq!(heard.deaf(at(60), &newest(8, at(15), at(15)), grace), None);
        // From here on nothing may be missed.
        assert_eq!(
            heard.deaf(at(39), &newest(9, at(30), at(30)), grace),
            None,
            "it may be under way"
        );
        heard.trade(&bitcoin, 9, at(40));
        assert_eq!(heard.deaf(at(60), &newest(9, at(30), at(45)), grace), None);
        assert_eq!(
            heard.deaf(at(70), &newest(10, at(60), at(60)), grace),
            Some(bitcoin)
        );

        heard.confirm(false, at(71));
        assert_eq!(heard.deaf(at(72), &newest(10, at(60), at(60)), grace), None);
    }

    #[test]
    fn ids_that_begin_again_begin_a_new_span() {
        let bitcoin = symbol("BTCUSDT");
        let mut heard = Heard::default();
        heard.want(&set(&["BTCUSDT"]));
        for id in [100, 101, 101, 1, 2] {
            heard.trade(&bitcoin, id, Instant::now());
        }
        assert_eq!(heard.span(&bitcoin), Some(Span { first: 1, latest: 2 }));
    }
}
