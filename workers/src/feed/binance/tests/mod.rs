//! The feed against the simulated exchange, or against a bare socket where the exchange is too polite.

mod replace;
mod socket;
mod symbols;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use exchange_sim::{Fault, Limits, Refusal, Service, Sim, SimConfig, Start, SymbolSpec};
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    backoff::Backoff,
    feed::{
        Feed, Monitor, Outlet,
        handover::{Expectation, Policy},
        queue,
        stream::Timing,
    },
    health::Health,
    model::{IdIntervals, Symbol},
};

const RECORDED: std::ops::RangeInclusive<u64> = 553_287_559..=553_289_559;

/// What was taken from the queue.
#[derive(Default)]
struct Taken {
    ids: BTreeMap<Symbol, Vec<u64>>,
    rejected: Vec<String>,
}

struct Running {
    feed: JoinHandle<()>,
    health: Health,
    monitor: Arc<Monitor>,
    stop: CancellationToken,
    symbols: watch::Sender<Arc<BTreeSet<Symbol>>>,
    taken: Arc<Mutex<Taken>>,
}

fn set(names: &[&str]) -> Arc<BTreeSet<Symbol>> {
    Arc::new(names.iter().map(|name| name.parse().unwrap()).collect())
}

async fn take(mut outlet: Outlet, taken: Arc<Mutex<Taken>>) {
    while let Some(received) = outlet.take().await {
        let mut taken = taken.lock().unwrap();
        match received.content {
            Ok(trade) => taken.ids.entry(trade.symbol).or_default().push(trade.trade_id),
            Err(reason) => taken.rejected.push(reason.into_owned()),
        }
    }
}

/// Hasty, so that tests need not wait: whatever lived is replaced at once.
fn hasty() -> Timing {
    Timing {
        policy: Policy {
            rotate_after: Duration::from_hours(24),
            rotate_spread: Duration::ZERO,
            patience: Duration::from_millis(500),
            stable_after: Duration::ZERO,
            longest_wait: Duration::from_secs(1),
        },
        ..Timing::default()
    }
}

fn run(origin: &str, timing: Timing, symbols: &[&str]) -> Running {
    let health = Health::new();
    let readiness = health.readiness("feed");
    let monitor = Arc::new(Monitor::new(
        readiness,
        Gauge::default(),
        &mut Registry::default(),
    ));
    let stop = CancellationToken::new();
    let (intake, outlet) = queue(1 << 20);
    let taken = Arc::default();
    tokio::spawn(take(outlet, Arc::clone(&taken)));
    let (sender, receiver) = watch::channel(set(symbols));
    let feed = BinanceFeed::new(origin).timing(timing);
    Running {
        feed: tokio::spawn(feed.run(receiver, intake, monitor.clone(), stop.clone())),
        health,
        monitor,
        stop,
        symbols: sender,
        taken,
    }
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        self.feed.await.unwrap();
    }

    fn ids(&self, symbol: &str) -> Vec<u64> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.ids.get(symbol).cloned().unwrap_or_default()
    }

    fn last_id(&self, symbol: &str) -> u64 {
        self.ids(symbol).into_iter().max().unwrap_or_default()
    }
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), wait)
        .await
        .unwrap_or_else(|_| panic!("in vain: {what}"));
}

async fn exchange(limits: Limits, symbols: impl IntoIterator<Item = SymbolSpec>) -> Sim {
    Sim::start(SimConfig::new(symbols).limits(limits)).await.unwrap()
}

/// The ids from the first to the last, each at least once.
fn assert_complete(ids: &[u64], expected: std::ops::RangeInclusive<u64>) {
    let ids: IdIntervals = ids.iter().copied().collect();
    assert_eq!(
        (ids.first(), ids.last(), ids.missing()),
        (Some(*expected.start()), Some(*expected.end()), 0)
    );
}

#[test]
fn five_minutes_of_failures_stay_far_below_the_exchanges_limit() {
    let policy = Timing::default().policy;
    for lived in [Duration::ZERO, policy.stable_after] {
        let mut backoff = Backoff::new(policy.longest_wait).stable_after(policy.stable_after);
        let mut elapsed = Duration::ZERO;
        let mut attempts = 0;
        while elapsed < Duration::from_mins(5) {
            elapsed += lived + backoff.next(lived, 0.0);
            attempts += 1;
        }
        assert!(attempts <= 30, "{attempts} attempts");
    }
}

#[tokio::test]
async fn copies_are_passed_on_and_broken_frames_named() {
    let sim = exchange(
        Limits::default(),
        [SymbolSpec::new("BTCUSDT").speed(0.0).start(Start::Command)],
    )
    .await;
    let running = run(&sim.stream_url(), hasty(), &["BTCUSDT"]);
    until("connected", || running.monitor.connected()).await;
    let symbol = || "BTCUSDT".to_owned();
    for fault in [
        Fault::Duplicate {
            symbol: symbol(),
            trades: 1,
        },
        Fault::Truncate {
            symbol: symbol(),
            trades: 1,
        },
    ] {
        sim.inflict(fault).unwrap();
    }
    sim.start_symbol("BTCUSDT").unwrap();
    until("the last trade", || running.last_id("BTCUSDT") == *RECORDED.end()).await;
    let first = *RECORDED.start();
    assert_eq!(running.ids("BTCUSDT")[..3], [first, first, first + 2]);
    assert_eq!(running.taken.lock().unwrap().rejected, ["BrokenFrame"]);
    running.stop().await;
}
