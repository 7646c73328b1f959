//! What is known about a feed's connections: for `/readyz`, `/status` and `/metrics`.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{
    clock::now_ms,
    health::Readiness,
    metrics::{Reason, latency_histogram},
    model::Trade,
};

/// No offset of clocks.
const UNKNOWN: i64 = i64::MIN;

/// When a connection was last lost. Cloning gives another handle to the same.
#[derive(Clone, Debug, Default)]
pub struct LastLoss(Arc<AtomicI64>);

impl LastLoss {
    /// Milliseconds since 1970; 0 when none was lost.
    pub fn ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn now(&self) {
        self.0.store(now_ms(), Ordering::Relaxed);
    }
}

/// The state of all connections of one feed, and its counters.
#[derive(Debug)]
pub struct Monitor {
    readiness: Readiness,
    received: Counter,
    in_flight: Gauge,
    event_to_receive: Histogram,
    /// By how many microseconds the exchange's clock is ahead; [`UNKNOWN`] before the exchange was asked.
    clock_offset_us: AtomicI64,
    clock_offset: Gauge<f64, AtomicU64>,
    /// By connection: `None` when it is subscribed, else what it waits for.
    waiting: Mutex<Vec<Option<String>>>,
    connections: Counter,
    lost: Family<Reason, Counter>,
    last_loss: LastLoss,
    rejected: Family<Reason, Counter>,
    rejected_total: Counter,
}

impl Monitor {
    /// Of a feed with this many connections, none of them up. `readiness` is theirs together; `in_flight` is counted
    /// up here with every trade read.
    pub fn new(connections: usize, readiness: Readiness, in_flight: Gauge, registry: &mut Registry) -> Self {
        let monitor = Self {
            readiness,
            received: Counter::default(),
            in_flight,
            event_to_receive: latency_histogram(),
            clock_offset_us: AtomicI64::new(UNKNOWN),
            clock_offset: Gauge::default(),
            waiting: Mutex::new(vec![Some("connecting".to_owned()); connections]),
            connections: Counter::default(),
            lost: Family::default(),
            last_loss: LastLoss::default(),
            rejected: Family::default(),
            rejected_total: Counter::default(),
        };
        registry.register(
            "trades_received",
            "Trades read from the exchange",
            monitor.received.clone(),
        );
        registry.register(
            "event_to_receive_seconds",
            "From the exchange's event time to the reading of a trade, by the exchange's clock",
            monitor.event_to_receive.clone(),
        );
        registry.register_with_unit(
            "clock_offset",
            "By how much the exchange's clock is ahead of this one",
            Unit::Seconds,
            monitor.clock_offset.clone(),
        );
        registry.register(
            "connections",
            "Connections to the exchange that were made",
            monitor.connections.clone(),
        );
        registry.register(
            "connections_lost",
            "Connections to the exchange that ended or failed, by reason",
            monitor.lost.clone(),
        );
        registry.register(
            "rejected_frames",
            "Frames that were no trade and no known control message, by reason",
            monitor.rejected.clone(),
        );
        monitor
    }

    /// A connection is made and not yet subscribed.
    pub fn opened(&self, connection: usize) {
        self.connections.inc();
        self.set(connection, Some("subscribing".to_owned()));
    }

    /// The exchange has confirmed a connection's subscription.
    pub fn subscribed(&self, connection: usize) {
        self.set(connection, None);
    }

    /// A connection ended or was not made.
    pub fn lost(&self, connection: usize, reason: &'static str, detail: &str) {
        self.lost.get_or_create(&Reason { reason }).inc();
        self.last_loss.now();
        self.set(
            connection,
            Some(format!("connecting again after {reason}: {detail}")),
        );
    }

    /// A trade was read.
    pub fn received(&self, wall_us: i64, trade: &Trade) {
        self.received.inc();
        self.in_flight.inc();
        let exchange_us = wall_us.saturating_add(self.clock_offset_us().unwrap_or(0));
        // The clocks may differ by more than is known: then the least that can be said is that it took no time.
        let delay = u64::try_from(exchange_us.saturating_sub(trade.event_time_us)).unwrap_or_default();
        self.event_to_receive
            .observe(Duration::from_micros(delay).as_secs_f64());
    }

    /// The exchange's clock is ahead by so many microseconds.
    pub fn clock_offset(&self, us: i64) {
        self.clock_offset_us.store(us, Ordering::Relaxed);
        let length = Duration::from_micros(us.unsigned_abs()).as_secs_f64();
        self.clock_offset.set(if us < 0 { -length } else { length });
    }

    /// By how many microseconds the exchange's clock is ahead, once that is known.
    pub fn clock_offset_us(&self) -> Option<i64> {
        let us = self.clock_offset_us.load(Ordering::Relaxed);
        (us != UNKNOWN).then_some(us)
    }

    /// A frame was no trade and no known control message.
    pub fn rejected(&self, reason: &'static str) {
        self.rejected.get_or_create(&Reason { reason }).inc();
        self.rejected_total.inc();
    }

    /// Whether every connection is subscribed.
    pub fn connected(&self) -> bool {
        self.lock().iter().all(Option::is_none)
    }

    /// Connections ever made.
    pub fn connections(&self) -> u64 {
        self.connections.get()
    }

    /// When a connection was last lost.
    pub fn last_loss(&self) -> LastLoss {
        self.last_loss.clone()
    }

    /// Frames ever rejected.
    pub fn rejected_frames(&self) -> u64 {
        self.rejected_total.get()
    }

    fn set(&self, connection: usize, state: Option<String>) {
        let mut waiting = self.lock();
        if let Some(slot) = waiting.get_mut(connection) {
            *slot = state;
        }
        match waiting.iter().flatten().next() {
            None => self.readiness.ready(),
            Some(reason) => self.readiness.waiting(reason.clone()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<String>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Health;

    #[test]
    fn connected_and_ready_only_when_every_connection_is_subscribed() {
        let health = Health::new();
        let monitor = Monitor::new(
            2,
            health.readiness("feed"),
            Gauge::default(),
            &mut Registry::default(),
        );
        for connection in 0..2 {
            monitor.opened(connection);
        }
        monitor.subscribed(0);
        assert_eq!(health.ready().failing["feed"], "subscribing");
        monitor.subscribed(1);
        assert!(monitor.connected() && health.ready().is_ok());
        monitor.lost(0, "ConnectionCut", "reset by peer");
        assert!(!monitor.connected());
        assert_eq!(
            health.ready().failing["feed"],
            "connecting again after ConnectionCut: reset by peer"
        );
        assert_eq!(monitor.connections(), 2);
    }
}
