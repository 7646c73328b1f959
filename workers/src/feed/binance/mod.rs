//! Binance's live trade streams (binance-spot-api-docs: web-socket-streams.md).
//!
//! [`plan`] decides which connection asks for which streams, [`frame`] tells frames apart, [`link`] lives one
//! connection; here they are kept alive.

mod end;
mod frame;
mod link;
mod plan;
pub mod rest;
mod subscription;

use std::{
    collections::HashSet,
    sync::{Arc, Once},
    time::{Duration, Instant},
};

use futures::future::join_all;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::{end::End, link::Link, plan::Plan};
use super::{Feed, Intake, Monitor};
use crate::{backoff::Backoff, model::Symbol};

/// Binance pings every 20 s, so that a silent minute is a dead connection.
const SILENCE_LIMIT: Duration = Duration::from_mins(1);

/// Longest wait between two attempts to connect. It makes at most 16 attempts in any 5 minutes of failures, far below
/// Binance's limit of 300, which an address may share with others.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The live trades of a set of symbols.
#[derive(Debug)]
pub struct BinanceFeed {
    silence_limit: Duration,
    plans: Vec<Plan>,
    symbols: Arc<HashSet<Symbol>>,
}

impl BinanceFeed {
    /// `origin` is `wss://host` or `ws://host[:port]`, without a path.
    pub fn new(origin: &str, symbols: &[Symbol]) -> Self {
        install_crypto_provider();
        Self {
            silence_limit: SILENCE_LIMIT,
            plans: plan::plans(origin, symbols),
            symbols: Arc::new(symbols.iter().cloned().collect()),
        }
    }
}

impl Feed for BinanceFeed {
    fn connections(&self) -> usize {
        self.plans.len()
    }

    async fn run(self, intake: Intake, monitor: Arc<Monitor>, stop: CancellationToken) {
        let links = self.plans.into_iter().enumerate().map(|(number, plan)| {
            keep_alive(Link {
                number,
                plan,
                symbols: self.symbols.clone(),
                silence_limit: self.silence_limit,
                intake: intake.clone(),
                monitor: monitor.clone(),
                stop: stop.clone(),
            })
        });
        join_all(links).await;
    }
}

/// Connects again and again until the process stops, or nobody takes trades any more.
async fn keep_alive(link: Link) {
    let mut backoff = Backoff::new(LONGEST_WAIT);
    loop {
        let begin = Instant::now();
        let end = link.live().await;
        if link.stop.is_cancelled() || matches!(end, End::QueueClosed(_)) {
            return;
        }
        link.monitor.lost(link.number, end.reason(), &end.to_string());
        let wait = backoff
            .next(begin.elapsed(), rand::random())
            .max(end.least_wait());
        tracing::warn!(
            connection = link.number,
            reason = end.reason(),
            error = %end,
            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            "connection to the exchange ended"
        );
        tokio::select! {
            () = link.stop.cancelled() => return,
            () = sleep(wait) => {}
        }
    }
}

/// With two providers of cryptography in the program, TLS panics unless one is chosen (docs/decisions/0002).
fn install_crypto_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error only says that one is chosen already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}

#[cfg(test)]
mod tests {
    use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
    use tokio::{
        io::AsyncReadExt,
        net::{TcpListener, TcpStream},
        task::JoinHandle,
    };

    use super::*;
    use crate::{
        feed::{Outlet, queue},
        health::Health,
    };

    #[test]
    fn five_minutes_of_failures_stay_far_below_the_exchanges_limit() {
        let mut backoff = Backoff::new(LONGEST_WAIT);
        let mut elapsed = Duration::ZERO;
        let mut attempts = 0;
        while elapsed < Duration::from_mins(5) {
            elapsed += backoff.next(Duration::ZERO, 0.0);
            attempts += 1;
        }
        assert!(attempts <= 16, "{attempts} attempts");
    }

    struct Running {
        feed: JoinHandle<()>,
        health: Health,
        monitor: Arc<Monitor>,
        stop: CancellationToken,
        _outlet: Outlet,
    }

    fn run(feed: BinanceFeed) -> Running {
        let health = Health::new();
        let readiness = health.readiness("feed");
        let monitor = Arc::new(Monitor::new(
            feed.connections(),
            readiness,
            Gauge::default(),
            &mut Registry::default(),
        ));
        let stop = CancellationToken::new();
        let (intake, outlet) = queue(1 << 20);
        Running {
            feed: tokio::spawn(feed.run(intake, monitor.clone(), stop.clone())),
            health,
            monitor,
            stop,
            _outlet: outlet,
        }
    }

    impl Running {
        async fn stop(self) {
            self.stop.cancel();
            self.feed.await.unwrap();
        }
    }

    async fn listen() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, address)
    }

    fn btcusdt(origin: &str) -> BinanceFeed {
        BinanceFeed::new(origin, &["BTCUSDT".parse().unwrap()])
    }

    #[tokio::test]
    async fn wss_begins_a_tls_handshake() {
        const TLS_HANDSHAKE: u8 = 0x16;
        let (listener, address) = listen().await;
        let running = run(btcusdt(&format!("wss://{address}")));
        let (mut socket, _) = listener.accept().await.unwrap();
        assert_eq!(socket.read_u8().await.unwrap(), TLS_HANDSHAKE);
        running.stop().await;
    }

    #[tokio::test]
    async fn a_silent_connection_is_replaced() {
        let (listener, address) = listen().await;
        let feed = BinanceFeed {
            silence_limit: Duration::from_millis(20),
            ..btcusdt(&format!("ws://{address}"))
        };
        let running = run(feed);
        let mut silent = vec![];
        while silent.len() < 2 {
            let (socket, _) = listener.accept().await.unwrap();
            silent.push(tokio_tungstenite::accept_async(socket).await.unwrap());
        }
        assert!(running.monitor.connections() >= 1);
        running.stop().await;
    }

    #[tokio::test]
    async fn not_ready_while_the_exchange_refuses_the_handshake() {
        let (listener, address) = listen().await;
        let running = run(btcusdt(&format!("ws://{address}")));
        let (socket, _) = listener.accept().await.unwrap();
        refuse(socket).await;
        while !running.health.ready().failing["feed"].contains("HTTP 429") {
            tokio::task::yield_now().await;
        }
        assert_eq!(running.monitor.connections(), 0);
        running.stop().await;
    }

    async fn refuse(mut socket: TcpStream) {
        let mut request = [0; 4096];
        let read = socket.read(&mut request).await.unwrap();
        assert!(read > 0);
        let answer = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut socket, answer)
            .await
            .unwrap();
    }
}
