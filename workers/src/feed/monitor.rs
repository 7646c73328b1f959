//! What is known about a feed's connections: for `/readyz`, `/status` and `/metrics`.

use std::{
    collections::{BTreeMap, BTreeSet},
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

use super::Newest;
use crate::{
    clock::now_ms,
    health::Readiness,
    metrics::{Reason, latency_histogram},
    model::Trade,
};

/// No offset of clocks.
const UNKNOWN: i64 = i64::MIN;

/// When a line that had a connection was last without one. Cloning gives another handle to the same.
#[derive(Clone, Debug, Default)]
pub struct LastLoss(Arc<AtomicI64>);

impl LastLoss {
    /// Milliseconds since 1970; 0 when that never was, `i64::MAX` while it is.
    pub fn ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::Relaxed);
    }
}

/// The lines of a feed.
#[derive(Debug, Default)]
struct Lines {
    /// `None` when a connection carries it, else what it waits for.
    waiting: BTreeMap<usize, Option<String>>,
    /// Those that had a connection and have none.
    lost: BTreeSet<usize>,
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
    lines: Mutex<Lines>,
    newest: Newest,
    connections: Counter,
    lost: Family<Reason, Counter>,
    replaced: Family<Reason, Counter>,
    last_loss: LastLoss,
    rejected: Family<Reason, Counter>,
    rejected_total: Counter,
}

impl Monitor {
    /// Of a feed without a line yet. `readiness` is that of all lines together; `in_flight` is counted up here with every
    /// trade read.
    pub fn new(readiness: Readiness, in_flight: Gauge, registry: &mut Registry) -> Self {
        let monitor = Self {
            readiness,
            received: Counter::default(),
            in_flight,
            event_to_receive: latency_histogram(),
            clock_offset_us: AtomicI64::new(UNKNOWN),
            clock_offset: Gauge::default(),
            lines: Mutex::default(),
            newest: Newest::default(),
            connections: Counter::default(),
            lost: Family::default(),
            replaced: Family::default(),
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
            "connections_replaced",
            "Connections to the exchange for which a successor was made while they lived, by reason",
            monitor.replaced.clone(),
        );
        registry.register(
            "rejected_frames",
            "Frames that were no trade and no known control message, by reason",
            monitor.rejected.clone(),
        );
        monitor.tell(&Lines::default());
        monitor
    }

    /// A connection is made and not yet subscribed.
    pub fn opened(&self) {
        self.connections.inc();
    }

    /// A connection ended or was not made.
    pub fn lost(&self, reason: &'static str) {
        self.lost.get_or_create(&Reason { reason }).inc();
    }

    /// A connection that lives gets a successor.
    pub fn replaced(&self, reason: &'static str) {
        self.replaced.get_or_create(&Reason { reason }).inc();
    }

    /// A line is carried by a connection, or waits for this.
    pub fn line(&self, line: usize, waiting: Option<&str>) {
        let mut lines = self.lock();
        let known = lines.waiting.entry(line).or_insert_with(|| Some(String::new()));
        if known.as_deref() == waiting {
            return;
        }
        let was_carried = known.is_none();
        *known = waiting.map(str::to_owned);
        if was_carried {
            lines.lost.insert(line);
            self.last_loss.set(i64::MAX);
        } else if waiting.is_none() {
            self.found(&mut lines, line);
        }
        self.tell(&lines);
    }

    /// A line has ended, since its symbols are not wanted any more.
    pub fn line_ended(&self, line: usize) {
        let mut lines = self.lock();
        lines.waiting.remove(&line);
        self.found(&mut lines, line);
        self.tell(&lines);
    }

    /// A line is not without a connection any more.
    fn found(&self, lines: &mut Lines, line: usize) {
        if lines.lost.remove(&line) && lines.lost.is_empty() {
            self.last_loss.set(now_ms());
        }
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

    /// A trade was read from a file.
    pub fn replayed(&self) {
        self.received.inc();
        self.in_flight.inc();
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

    /// Whether a connection carries every line.
    pub fn connected(&self) -> bool {
        let lines = self.lock();
        !lines.waiting.is_empty() && lines.waiting.values().all(Option::is_none)
    }

    /// Why a line is not carried; absent while all are.
    pub fn waiting(&self) -> Option<String> {
        self.lock().waiting.values().flatten().next().cloned()
    }

    /// Connections ever made.
    pub fn connections(&self) -> u64 {
        self.connections.get()
    }

    /// Which trades exist, whether they were delivered or not.
    pub const fn newest(&self) -> &Newest {
        &self.newest
    }

    /// When a line was last without a connection.
    pub fn last_loss(&self) -> LastLoss {
        self.last_loss.clone()
    }

    /// Frames ever rejected.
    pub fn rejected_frames(&self) -> u64 {
        self.rejected_total.get()
    }

    fn tell(&self, lines: &Lines) {
        match lines.waiting.values().flatten().next() {
            Some(reason) => self.readiness.waiting(reason.clone()),
            None if lines.waiting.is_empty() => self.readiness.waiting("no symbol to ask the exchange for"),
            None => self.readiness.ready(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Health;

    #[test]
    fn connected_and_ready_only_when_every_line_is_carried() {
        let health = Health::new();
        let readiness = health.readiness("feed");
        let monitor = Monitor::new(readiness, Gauge::default(), &mut Registry::default());
        assert!(!monitor.connected());
        monitor.line(0, Some("connecting"));
        monitor.line(1, Some("connecting"));
        monitor.line(0, None);
        assert_eq!(health.ready().failing["feed"], "connecting");
        monitor.line(1, None);
        assert!(monitor.connected() && health.ready().is_ok());
        assert_eq!(monitor.last_loss().ms(), 0);

        monitor.line(0, Some("connecting again"));
        assert!(!monitor.connected());
        assert_eq!(monitor.waiting().as_deref(), Some("connecting again"));
        assert_eq!(monitor.last_loss().ms(), i64::MAX);
        assert_eq!(health.ready().failing["feed"], "connecting again");
        monitor.line(0, None);
        assert!((1..=now_ms()).contains(&monitor.last_loss().ms()));
        monitor.line_ended(0);
        assert!(monitor.connected() && health.ready().is_ok());
        monitor.line_ended(1);
        assert!(!monitor.connected() && !health.ready().is_ok());
    }
}
