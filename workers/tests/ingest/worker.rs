//! A running ingest worker, watched over its own HTTP side.

use std::{io::Read, net::SocketAddr, time::Duration};

use crds::{
    spec::{Exchange, GapPolicy},
    wire::{BufferConfig, Endpoints, IngestConfig, IngestStatus, KafkaEndpoint, StartFrom},
};
use exchange_sim::{Fault, Sim, SimConfig, SymbolSpec};
use flate2::read::GzDecoder;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use workers::ingest::{Ingest, IngestError, Options};

use crate::kafka::{Cluster, DEAD_LETTERS, GAPS, LEDGERS, TOPIC};

pub const RECORDED_FIRST: u64 = 553_287_559;
pub const RECORDED_LAST: u64 = 553_289_559;

pub async fn exchange(symbols: impl IntoIterator<Item = SymbolSpec>) -> Sim {
    Sim::start(SimConfig::new(symbols)).await.unwrap()
}

/// The recorded trades, read without the simulator's code.
pub fn recorded() -> Vec<String> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../e2e/exchange-sim/data/BTCUSDT-trades-2021-01-08.jsonl.gz"
    );
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The configuration that the operator would write, but for the spool's folder, which [`Worker`] makes.
pub fn config(exchange: &Sim, kafka: &Cluster, symbols: &[&str]) -> IngestConfig {
    IngestConfig {
        exchange: Exchange::Binance,
        endpoints: Endpoints {
            stream: exchange.stream_url(),
            rest: exchange.rest_url(),
        },
        symbols: symbols.iter().map(|symbol| (*symbol).to_owned()).collect(),
        symbols_version: String::new(),
        start_from: StartFrom::default(),
        gap_policy: GapPolicy::Strict,
        request_weight_per_minute: 3_000,
        kafka: KafkaEndpoint {
            bootstrap: kafka.bootstrap_servers(),
            topic: TOPIC.to_owned(),
            dead_letter_topic: DEAD_LETTERS.to_owned(),
            gap_topic: GAPS.to_owned(),
        },
        ledger_topic: LEDGERS.to_owned(),
        buffer: BufferConfig {
            memory_bytes: 32 << 20,
            disk_bytes: 64 << 20,
            folder: String::new(),
        },
        recording: None,
        replay: None,
    }
}

pub struct Worker {
    ingest: Ingest,
    config: watch::Sender<IngestConfig>,
    stop: CancellationToken,
    client: reqwest::Client,
    _spool: TempDir,
}

impl Worker {
    pub async fn start(exchange: &Sim, kafka: &Cluster, symbols: &[&str]) -> Self {
        Self::start_with(exchange, kafka, symbols, Duration::from_secs(20)).await
    }

    pub async fn start_with(
        exchange: &Sim,
        kafka: &Cluster,
        symbols: &[&str],
        flush_limit: Duration,
    ) -> Self {
        Self::run(config(exchange, kafka, symbols), flush_limit).await
    }

    pub async fn run(mut config: IngestConfig, flush_limit: Duration) -> Self {
        let spool = TempDir::new().unwrap();
        config.buffer.folder = spool.path().to_str().unwrap().to_owned();
        let options = Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            flush_limit,
        };
        let stop = CancellationToken::new();
        let (config, current) = watch::channel(config);
        let ingest = Ingest::start(current, options, stop.clone()).await.unwrap();
        Self {
            ingest,
            config,
            stop,
            client: reqwest::Client::new(),
            _spool: spool,
        }
    }

    /// Does what a changed ConfigMap does.
    pub fn follow(&self, symbols: &[&str], version: &str) {
        self.config.send_modify(|config| {
            config.symbols = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
            version.clone_into(&mut config.symbols_version);
        });
    }

    async fn fetch(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.ingest.address());
        let answer = self.client.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub async fn status(&self) -> IngestStatus {
        serde_json::from_str(&self.fetch("/status").await.1).unwrap()
    }

    pub async fn metrics(&self) -> String {
        self.fetch("/metrics").await.1
    }

    /// Waits until the status fulfils the condition.
    pub async fn until(&self, what: &str, condition: impl Fn(&IngestStatus) -> bool) -> IngestStatus {
        let wait = async {
            loop {
                let status = self.status().await;
                if condition(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let Ok(status) = tokio::time::timeout(Duration::from_mins(1), wait).await else {
            panic!("in vain: {what}; {:?}", self.status().await)
        };
        status
    }

    /// Waits until `/readyz` names this reason; with none, until it answers 200.
    pub async fn until_readyz(&self, reason: &str) {
        let wait = async {
            loop {
                let (code, body) = self.fetch("/readyz").await;
                if (code == 200) == reason.is_empty() && body.contains(reason) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let Ok(()) = tokio::time::timeout(Duration::from_mins(1), wait).await else {
            panic!("in vain: {reason}; {:?}", self.fetch("/readyz").await)
        };
    }

    /// Does what SIGTERM does, and waits for the end.
    pub async fn stop(self) -> Result<(), IngestError> {
        self.stop.cancel();
        self.ingest.finished().await
    }
}

/// The exchange saw no rule of its broken.
pub fn assert_no_violation(exchange: &Sim) {
    assert!(exchange.ledger().violations.is_empty(), "{:?}", exchange.ledger());
}

/// The exchange sends a symbol's next trades to nobody.
pub fn drop_next(exchange: &Sim, symbol: &str, trades: u64) {
    let symbol = symbol.to_owned();
    exchange.inflict(Fault::Drop { symbol, trades }).unwrap();
}
