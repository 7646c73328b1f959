//! The feed against the simulated exchange, or against a bare socket where the exchange is too polite.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use exchange_sim::{Fault, Limits, Refusal, Service, Sim, SimConfig, Start, SymbolSpec};
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;
use crate::{
    backoff::Backoff,
    feed::{Outlet, queue},
    health::Health,
    model::IdIntervals,
};

const RECORDED: std::ops::RangeInclusive<u64> = 553_287_559..=553_289_559;

/// What was taken from the queue.
#[derive(Default)]
struct Taken {
    ids: BTreeMap<Symbol, Vec<u64>>,
    rejected: Vec<&'static str>,
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
            Err(reason) => taken.rejected.push(reason),
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
async fn a_connection_is_replaced_before_its_time_is_over_and_no_trade_is_missing() {
    let limits = Limits {
        connection_lifetime: Duration::from_secs(4),
        shutdown_notice: Duration::from_millis(1),
        ..Limits::default()
    };
    let sim = exchange(limits, [SymbolSpec::new("BTCUSDT").speed(6.0)]).await;
    let mut timing = hasty();
    timing.policy.rotate_after = Duration::from_secs(1);
    let running = run(&sim.stream_url(), timing, &["BTCUSDT"]);
    until("the last trade", || running.last_id("BTCUSDT") == *RECORDED.end()).await;
    assert!(running.monitor.connections() >= 4);
    assert_complete(&running.ids("BTCUSDT"), RECORDED);
    until("one connection", || sim.ledger().connections <= 2).await;
    running.stop().await;
    let ledger = sim.ledger();
    assert!(ledger.violations.is_empty(), "{ledger:?}");
    assert_eq!(ledger.symbols["BTCUSDT"].unheard, []);
}

#[tokio::test]
async fn an_announced_shutdown_costs_no_trade() {
    let sim = exchange(Limits::default(), [SymbolSpec::new("BTCUSDT").speed(8.0)]).await;
    let running = run(&sim.stream_url(), hasty(), &["BTCUSDT"]);
    for connections in 1..4 {
        let begun = running.last_id("BTCUSDT");
        until("more trades", || running.last_id("BTCUSDT") > begun.max(1) + 100).await;
        sim.inflict(Fault::Shutdown { after_ms: 1000 }).unwrap();
        until("a successor", || running.monitor.connections() > connections).await;
        until("the old connection is gone", || sim.ledger().connections == 1).await;
        assert!(running.monitor.connected());
    }
    until("the last trade", || running.last_id("BTCUSDT") == *RECORDED.end()).await;
    assert_complete(&running.ids("BTCUSDT"), RECORDED);
    running.stop().await;
    assert!(sim.ledger().violations.is_empty(), "{:?}", sim.ledger());
}

#[tokio::test]
async fn a_half_open_connection_is_replaced() {
    let limits = Limits {
        ping_interval: Duration::from_millis(500),
        ..Limits::default()
    };
    let sim = exchange(limits, [SymbolSpec::new("BTCUSDT").repeat(10).speed(5.0)]).await;
    let timing = Timing {
        silence_limit: Duration::from_millis(1500),
        ..hasty()
    };
    let running = run(&sim.stream_url(), timing, &["BTCUSDT"]);
    until("trades", || running.ids("BTCUSDT").len() > 10).await;
    sim.inflict(Fault::HalfOpen).unwrap();
    until("the exchange has forgotten it", || sim.ledger().connections == 0).await;
    let last = running.last_id("BTCUSDT");
    until("trades again", || running.last_id("BTCUSDT") > last + 10).await;
    assert_eq!(running.monitor.connections(), 2);
    assert!(running.monitor.connected());
    running.stop().await;
    assert!(sim.ledger().violations.is_empty(), "{:?}", sim.ledger());
}

#[tokio::test]
async fn a_stream_that_stops_among_others_is_asked_for_anew() {
    let symbols = ["BTCUSDT", "ETHUSDT"].map(|name| SymbolSpec::new(name).repeat(100).speed(10.0));
    let sim = exchange(Limits::default(), symbols).await;
    let timing = Timing {
        expectation: Expectation {
            seconds: 1,
            least_pause: Duration::from_millis(500),
            factor: 2,
        },
        ..hasty()
    };
    let running = run(&sim.stream_url(), timing, &["BTCUSDT", "ETHUSDT"]);
    until("trades", || running.ids("ETHUSDT").len() > 10).await;
    sim.inflict(Fault::Drop {
        symbol: "ETHUSDT".to_owned(),
        trades: 1000,
    })
    .unwrap();
    until("another connection", || running.monitor.connections() >= 2).await;
    let last = running.last_id("ETHUSDT");
    until("trades again", || running.last_id("ETHUSDT") > last).await;
    until("one connection", || sim.ledger().connections == 1).await;
    let first = *running.ids("BTCUSDT").first().unwrap();
    let last = running.last_id("BTCUSDT");
    assert_complete(&running.ids("BTCUSDT"), first..=last);
    running.stop().await;
    assert!(sim.ledger().violations.is_empty(), "{:?}", sim.ledger());
}

#[tokio::test]
async fn a_stream_that_does_not_deliver_what_exists_is_asked_for_anew() {
    let symbols = ["BTCUSDT", "ETHUSDT"].map(|name| SymbolSpec::new(name).repeat(100).speed(10.0));
    let sim = exchange(Limits::default(), symbols).await;
    let mut timing = hasty();
    timing.expectation.least_pause = Duration::from_millis(300);
    timing.delivery_grace = Duration::from_millis(200);
    let running = run(&sim.stream_url(), timing, &["BTCUSDT", "ETHUSDT"]);
    let issued = || sim.ledger().symbols["ETHUSDT"].last_id.unwrap_or(0);
    let tell = || {
        let ids = BTreeMap::from([("ETHUSDT".parse().unwrap(), issued())]);
        running.monitor.newest().tell(&ids, tokio::time::Instant::now());
        issued()
    };
    // What is delivered is nothing to worry about.
    for _ in 0..3 {
        until("trades", || running.ids("ETHUSDT").len() > 10).await;
        let newest = tell();
        until("the newest one, and more", || {
            running.last_id("ETHUSDT") > newest + 100
        })
        .await;
    }
    assert_eq!(running.monitor.connections(), 1);
    sim.inflict(Fault::Drop {
        symbol: "ETHUSDT".to_owned(),
        trades: 1000,
    })
    .unwrap();
    let last = issued();
    until("trades that nobody hears", || issued() > last + 50).await;
    tell();
    until("another connection", || running.monitor.connections() == 2).await;
    running.stop().await;
    assert!(sim.ledger().violations.is_empty(), "{:?}", sim.ledger());
}

#[tokio::test]
async fn an_exchange_that_refuses_handshakes_is_left_alone_for_as_long_as_it_says() {
    let sim = exchange(
        Limits::default(),
        [SymbolSpec::new("BTCUSDT").repeat(10).speed(5.0)],
    )
    .await;
    let running = run(&sim.stream_url(), hasty(), &["BTCUSDT"]);
    until("trades", || running.ids("BTCUSDT").len() > 10).await;
    sim.inflict(Fault::Refuse {
        service: Service::Stream,
        with: Refusal::Limited,
        for_ms: 1500,
    })
    .unwrap();
    sim.inflict(Fault::Cut).unwrap();
    until("it notices", || !running.monitor.connected()).await;
    until("connected again", || running.monitor.connected()).await;
    running.stop().await;
    assert!(sim.ledger().violations.is_empty(), "{:?}", sim.ledger());
}

#[tokio::test]
async fn symbols_come_and_go_on_one_connection() {
    let spec = |name| SymbolSpec::new(name).repeat(100).speed(10.0).start(Start::Now);
    let sim = exchange(Limits::default(), ["BTCUSDT", "ETHUSDT", "SOLUSDT"].map(spec)).await;
    let running = run(&sim.stream_url(), hasty(), &["BTCUSDT", "ETHUSDT"]);
    until("trades of both", || {
        !running.ids("BTCUSDT").is_empty() && !running.ids("ETHUSDT").is_empty()
    })
    .await;
    running.symbols.send_replace(set(&["BTCUSDT", "SOLUSDT"]));
    until("trades of the new one", || !running.ids("SOLUSDT").is_empty()).await;
    let listeners = |symbol: &str| sim.ledger().symbols[symbol].connections;
    assert_eq!(["BTCUSDT", "ETHUSDT", "SOLUSDT"].map(listeners), [1, 0, 1]);

    // Nothing was lost of the one that stayed, and nothing that was under way is taken for broken.
    let ids = running.ids("BTCUSDT");
    assert_complete(&ids, ids[0]..=*ids.last().unwrap());
    assert_eq!(running.monitor.rejected_frames(), 0);
    running.symbols.send_replace(set(&[]));
    until("no connection", || sim.ledger().connections == 0).await;
    until("it says why", || {
        running
            .health
            .ready()
            .failing
            .values()
            .any(|why| why.contains("no symbol"))
    })
    .await;
    running.symbols.send_replace(set(&["ETHUSDT"]));
    until("connected again", || running.monitor.connected()).await;
    assert_eq!(running.monitor.connections(), 2);
    running.stop().await;
    assert!(sim.ledger().violations.is_empty(), "{:?}", sim.ledger());
}

#[tokio::test]
async fn many_changes_at_once_keep_to_the_exchanges_limits() {
    let sim = exchange(
        Limits {
            // Pongs count too.
            ping_interval: Duration::from_millis(500),
            ..Limits::default()
        },
        [SymbolSpec::new("BTCUSDT").repeat(100).start(Start::Now)],
    )
    .await;
    let running = run(&sim.stream_url(), hasty(), &["BTCUSDT"]);
    until("connected", || running.monitor.connected()).await;
    // By name the last, so that it stands in the last frame.
    sim.add_symbol(SymbolSpec::new("ZUSDT").repeat(100).start(Start::Now))
        .unwrap();
    let mut many: BTreeSet<Symbol> = (0..900)
        .map(|n| format!("QUIET{n}USDT").parse().unwrap())
        .collect();
    many.extend(set(&["BTCUSDT", "ZUSDT"]).iter().cloned());
    running.symbols.send_replace(Arc::new(many));
    until("trades of the last one", || !running.ids("ZUSDT").is_empty()).await;
    running.symbols.send_replace(set(&["BTCUSDT"]));
    until("it is given up", || {
        sim.ledger().symbols["ZUSDT"].connections == 0
    })
    .await;
    assert_eq!(running.monitor.connections(), 1);
    running.stop().await;
    assert!(sim.ledger().violations.is_empty(), "{:?}", sim.ledger());
}

#[tokio::test]
async fn a_name_that_would_end_the_connection_is_not_asked_for() {
    let sim = exchange(Limits::default(), [SymbolSpec::new("BTCUSDT").repeat(100)]).await;
    let running = run(&sim.stream_url(), hasty(), &["BTCUSDT", "Ä#USDT"]);
    until("trades", || !running.ids("BTCUSDT").is_empty()).await;
    assert!(running.monitor.connected());
    running.stop().await;
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

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[tokio::test]
async fn wss_begins_a_tls_handshake() {
    const TLS_HANDSHAKE: u8 = 0x16;
    let (listener, address) = listen().await;
    let running = run(&format!("wss://{address}"), hasty(), &["BTCUSDT"]);
    let (mut socket, _) = listener.accept().await.unwrap();
    assert_eq!(socket.read_u8().await.unwrap(), TLS_HANDSHAKE);
    running.stop().await;
}

#[tokio::test]
async fn a_connection_that_is_silent_from_the_start_is_replaced() {
    let (listener, address) = listen().await;
    let timing = Timing {
        silence_limit: Duration::from_millis(20),
        ..hasty()
    };
    let running = run(&format!("ws://{address}"), timing, &["BTCUSDT"]);
    let mut silent = vec![];
    while silent.len() < 2 {
        let (socket, _) = listener.accept().await.unwrap();
        silent.push(tokio_tungstenite::accept_async(socket).await.unwrap());
    }
    assert!(!running.monitor.connected());
    running.stop().await;
}

#[tokio::test]
async fn not_ready_while_the_exchange_refuses_the_handshake() {
    let (listener, address) = listen().await;
    let running = run(&format!("ws://{address}"), hasty(), &["BTCUSDT"]);
    let (socket, _) = listener.accept().await.unwrap();
    refuse(socket).await;
    until("it says why", || {
        running.health.ready().failing["feed"].contains("HTTP 429")
    })
    .await;
    assert_eq!(running.monitor.connections(), 0);
    running.stop().await;
}

async fn refuse(mut socket: TcpStream) {
    let mut request = [0; 4096];
    let read = socket.read(&mut request).await.unwrap();
    assert!(read > 0);
    let answer = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n";
    socket.write_all(answer).await.unwrap();
}
