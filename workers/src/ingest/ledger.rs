//! What Kafka has acknowledged, per symbol: the figures of `/status`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use crds::wire::SymbolStatus;
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::{
    feed::Received,
    kafka::producer::Receipt,
    metrics::latency_histogram,
    model::{IdIntervals, Symbol, Trade},
};

/// The accounts of all symbols of this process.
#[derive(Debug)]
pub struct Ledger {
    places: HashMap<Symbol, usize>,
    accounts: Vec<Account>,
    acknowledged: Counter,
    dead_letters: Counter,
    in_flight: Gauge,
    receive_to_ack: Histogram,
}

/// One symbol's.
#[derive(Debug)]
struct Account {
    /// The record key, made once.
    key: Bytes,
    acknowledged: Mutex<Acknowledged>,
}

#[derive(Debug, Default)]
struct Acknowledged {
    ids: IdIntervals,
    newest_us: i64,
}

impl Ledger {
    /// Empty accounts. `in_flight` is counted up by the feed and down here.
    pub fn new(symbols: &[Symbol], in_flight: Gauge, registry: &mut Registry) -> Self {
        let account = |symbol: &Symbol| Account {
            key: Bytes::copy_from_slice(symbol.as_bytes()),
            acknowledged: Mutex::default(),
        };
        let ledger = Self {
            places: symbols.iter().cloned().zip(0..).collect(),
            accounts: symbols.iter().map(account).collect(),
            acknowledged: Counter::default(),
            dead_letters: Counter::default(),
            in_flight,
            receive_to_ack: latency_histogram(),
        };
        registry.register(
            "trades_acknowledged",
            "Trades that all in-sync replicas have",
            ledger.acknowledged.clone(),
        );
        registry.register(
            "dead_letters_acknowledged",
            "Dead letters that all in-sync replicas have",
            ledger.dead_letters.clone(),
        );
        registry.register(
            "receive_to_ack_seconds",
            "From reading a trade to its acknowledgement by Kafka",
            ledger.receive_to_ack.clone(),
        );
        ledger
    }

    /// The entry and record key of a trade; `None` for a symbol without an account.
    pub fn trade(self: &Arc<Self>, received: &Received, trade: &Trade) -> Option<(Entry, Bytes)> {
        let place = *self.places.get(&trade.symbol)?;
        let key = self.accounts.get(place)?.key.clone();
        let entry = Entry {
            ledger: self.clone(),
            read_at: received.at,
            trade: Some(Numbered {
                place,
                id: trade.trade_id,
                time_us: trade.trade_time_us,
            }),
        };
        Some((entry, key))
    }

    /// The entry of what could not be read.
    pub fn dead_letter(self: &Arc<Self>, received: &Received) -> Entry {
        Entry {
            ledger: self.clone(),
            read_at: received.at,
            trade: None,
        }
    }

    /// Acknowledged trades.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.get()
    }

    /// Per symbol with acknowledged trades, which.
    pub fn status(&self) -> BTreeMap<String, SymbolStatus> {
        let status = |(symbol, place): (&Symbol, &usize)| {
            let acknowledged = self.accounts.get(*place)?.lock();
            let status = SymbolStatus {
                first_id: acknowledged.ids.first()?,
                last_id: acknowledged.ids.last()?,
                trades: acknowledged.ids.count(),
                last_trade_time_ms: acknowledged.newest_us / 1000,
            };
            Some((symbol.to_string(), status))
        };
        self.places.iter().filter_map(status).collect()
    }

    /// Says in the log which trades and how many dead letters were read and not acknowledged.
    pub fn log_unacknowledged(&self, entries: &[Entry]) {
        for (symbol, place) in &self.places {
            let trades = entries.iter().filter_map(|entry| entry.trade.as_ref());
            let ids: IdIntervals = trades
                .filter(|trade| trade.place == *place)
                .map(|trade| trade.id)
                .collect();
            if !ids.is_empty() {
                let ranges = ids
                    .ranges()
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ");
                tracing::error!(%symbol, trades = ids.count(), ids = ranges, "read and not acknowledged by kafka");
            }
        }
        let dead_letters = entries.iter().filter(|entry| entry.trade.is_none()).count();
        if dead_letters > 0 {
            tracing::error!(dead_letters, "read and not acknowledged by kafka");
        }
    }
}

impl Account {
    fn lock(&self) -> MutexGuard<'_, Acknowledged> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One record that is on its way to Kafka.
#[derive(Debug)]
pub struct Entry {
    ledger: Arc<Ledger>,
    read_at: Instant,
    /// Absent for a dead letter.
    trade: Option<Numbered>,
}

#[derive(Debug)]
struct Numbered {
    place: usize,
    id: u64,
    time_us: i64,
}

impl Receipt for Entry {
    fn acknowledged(&self) {
        let ledger = &self.ledger;
        let Some(trade) = &self.trade else {
            ledger.dead_letters.inc();
            return;
        };
        if let Some(account) = ledger.accounts.get(trade.place) {
            let mut acknowledged = account.lock();
            acknowledged.ids.insert(trade.id);
            acknowledged.newest_us = acknowledged.newest_us.max(trade.time_us);
        }
        ledger.acknowledged.inc();
        ledger.in_flight.dec();
        ledger
            .receive_to_ack
            .observe(self.read_at.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;

    fn read(id: u64, time_ms: i64) -> Received {
        let event = format!(
            r#"{{"e":"trade","E":{time_ms},"s":"BTCUSDT","t":{id},"p":"1.0","q":"1.0","T":{time_ms},"m":true}}"#
        );
        let trade = decode::trade(event.as_bytes()).unwrap();
        Received::now(event.into(), Ok(trade))
    }

    #[test]
    fn a_copy_is_acknowledged_and_not_counted_as_a_distinct_trade() {
        let in_flight = Gauge::default();
        let ledger = Arc::new(Ledger::new(
            &["BTCUSDT".parse().unwrap()],
            in_flight.clone(),
            &mut Registry::default(),
        ));
        for id in [7, 9, 7] {
            let received = read(id, 1_610_064_000_000 + i64::try_from(id).unwrap());
            in_flight.inc();
            let (entry, key) = ledger
                .trade(&received, received.content.as_ref().unwrap())
                .unwrap();
            assert_eq!(key, "BTCUSDT");
            entry.acknowledged();
        }
        ledger.dead_letter(&read(1, 1_610_064_000_000)).acknowledged();
        let expected = SymbolStatus {
            first_id: 7,
            last_id: 9,
            trades: 2,
            last_trade_time_ms: 1_610_064_000_009,
        };
        assert_eq!(
            ledger.status(),
            BTreeMap::from([("BTCUSDT".to_owned(), expected)])
        );
        assert_eq!((ledger.acknowledged(), in_flight.get()), (3, 0));
    }
}
