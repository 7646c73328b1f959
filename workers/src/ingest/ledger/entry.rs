//! A record on its way to Kafka, and what its acknowledgement changes.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::symbol::SymbolLedger;
use crate::{clock::now_ms, kafka::producer::Receipt, metrics::latency_histogram, model::Symbol};

/// One symbol's ledger, shared by those who hear and those who acknowledge.
#[derive(Debug)]
pub struct Account {
    /// Whose.
    pub symbol: Symbol,
    /// The record key, made once.
    pub key: Bytes,
    ledger: Mutex<SymbolLedger>,
}

impl Account {
    /// Of this ledger.
    pub fn new(symbol: &Symbol, ledger: SymbolLedger) -> Self {
        Self {
            symbol: symbol.clone(),
            key: Bytes::copy_from_slice(symbol.as_bytes()),
            ledger: Mutex::new(ledger),
        }
    }

    /// The ledger, for a moment.
    pub fn ledger(&self) -> MutexGuard<'_, SymbolLedger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is counted over all symbols.
#[derive(Clone, Debug)]
pub struct Counters {
    /// Trades that all in-sync replicas have.
    pub acknowledged: Counter,
    /// Trades dropped because their id was heard before.
    pub copies: Counter,
    dead_letters: Counter,
    in_flight: Gauge,
    receive_to_ack: Histogram,
}

impl Counters {
    /// `in_flight` is counted up where trades are read, and down here.
    pub fn new(in_flight: Gauge, registry: &mut Registry) -> Self {
        let counters = Self {
            acknowledged: Counter::default(),
            copies: Counter::default(),
            dead_letters: Counter::default(),
            in_flight,
            receive_to_ack: latency_histogram(),
        };
        registry.register(
            "trades_acknowledged",
            "Trades that all in-sync replicas have",
            counters.acknowledged.clone(),
        );
        registry.register(
            "copies",
            "Trades dropped before Kafka, because their id was heard before or is in Kafka already",
            counters.copies.clone(),
        );
        registry.register(
            "dead_letters_acknowledged",
            "Dead letters that all in-sync replicas have",
            counters.dead_letters.clone(),
        );
        registry.register(
            "receive_to_ack_seconds",
            "From reading a trade to its acknowledgement by Kafka",
            counters.receive_to_ack.clone(),
        );
        counters
    }

    /// A trade was read and is not to be sent.
    pub fn copy(&self) {
        self.copies.inc();
        self.in_flight.dec();
    }

    /// A trade was read and is sent as a dead letter, of which none is in flight.
    pub fn buried(&self) {
        self.in_flight.dec();
    }
}

/// One record that is on its way to Kafka.
#[derive(Debug)]
pub struct Entry {
    counters: Arc<Counters>,
    read_at: Instant,
    /// Absent for a dead letter.
    trade: Option<Numbered>,
}

#[derive(Debug)]
struct Numbered {
    account: Arc<Account>,
    id: u64,
    time_us: i64,
}

impl Entry {
    /// Of a trade that happened at `time_us`, microseconds since 1970.
    pub const fn of_trade(
        counters: Arc<Counters>,
        account: Arc<Account>,
        id: u64,
        time_us: i64,
        read_at: Instant,
    ) -> Self {
        Self {
            counters,
            read_at,
            trade: Some(Numbered { account, id, time_us }),
        }
    }

    /// Of what could not be read.
    pub const fn of_dead_letter(counters: Arc<Counters>, read_at: Instant) -> Self {
        Self {
            counters,
            read_at,
            trade: None,
        }
    }
}

impl Receipt for Entry {
    fn acknowledged(&self) {
        let counters = &self.counters;
        let Some(trade) = &self.trade else {
            counters.dead_letters.inc();
            return;
        };
        trade
            .account
            .ledger()
            .acknowledge(trade.id, trade.time_us, now_ms());
        counters.acknowledged.inc();
        counters.in_flight.dec();
        counters
            .receive_to_ack
            .observe(self.read_at.elapsed().as_secs_f64());
    }
}
