//! The ingest worker: an exchange's trades to Kafka.
//!
//! `feed -> queue -> forward -> Kafka`, and [`ledger`] knows which ids were heard and which ones Kafka has. [`watch`]
//! finds what is missing, [`repair`] fetches it and puts it into the same queue. While Kafka takes nothing, trades wait in
//! the producer's buffer and then in [`spool`], on the disk; when that is full the feed is closed on purpose.
//!
//! Guarantee: a trade that was read from the socket reaches the topic, or the process ends with an error that names it.
//! From a symbol's first start on, a trade that was not read is found missing, is fetched from the exchange's record of
//! the past as soon as that has it, and is told of until then.

mod follow;
mod forward;
mod gap_metrics;
mod journal;
mod known;
pub mod ledger;
mod listing;
mod look;
mod present;
mod reachability;
mod records;
mod repair;
mod source;
mod spool;
mod symbol_metrics;
mod symbols;
mod watch;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crds::wire::{Endpoints, ExchangeStatus, IngestConfig, IngestStatus};
use prometheus_client::metrics::gauge::Gauge;
use rdkafka::error::KafkaError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::{
    follow::Follow,
    forward::Forward,
    gap_metrics::GapMetrics,
    journal::Journal,
    ledger::Ledger,
    look::Look,
    records::Records,
    repair::Repair,
    source::Trades,
    spool::{Limits, Spool, SpoolError, State},
    symbol_metrics::SymbolMetrics,
    symbols::Symbols,
    watch::{KEEP_EVERY, KEEP_EVERY_REPLAYING, Watch},
};
use crate::{
    feed::{
        Feed, History, Monitor, queue,
        replay::{NoHistory, Progress},
    },
    health::{
        Health,
        server::{self, Server, ServerError},
    },
    kafka::producer::{self, Producer},
    metrics,
    model::Symbol,
    recording,
    reload::Current,
};

/// Memory of the queue between sockets and Kafka's own buffer: some 20,000 trades.
const QUEUE_BYTES: u32 = 8 * 1024 * 1024;

/// A round of the watch over gaps may wait for Kafka several times.
const WATCH_ALIVE: Duration = Duration::from_mins(3);

/// What is no business of the operator.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where `/livez`, `/readyz`, `/metrics` and `/status` are served.
    pub listen: SocketAddr,
    /// How long, after a signal, what was read may take to be acknowledged. Less than the pod's grace period.
    pub flush_limit: Duration,
}

/// Why an ingest worker ends.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// librdkafka refuses the settings.
    #[error("kafka client: {0}; check the bootstrap address")]
    Kafka(#[from] KafkaError),
    /// The HTTP client refuses its settings.
    #[error("http client: {0}; this is a defect, please report it")]
    Http(#[from] reqwest::Error),
    /// The worker's own HTTP side.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The brokers were away for too long at the end.
    #[error("{0} trades or dead letters were read and not acknowledged by Kafka; their ids stand in the log")]
    Unacknowledged(u64),
    /// What waited on the disk cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// A part ended by a defect.
    #[error("a part of the worker failed: {0}; this is a defect, please report it")]
    Defect(#[from] tokio::task::JoinError),
}

impl IngestError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Kafka(_) => "KafkaClientRefused",
            Self::Http(_) => "HttpClientRefused",
            Self::Server(error) => error.reason(),
            Self::Unacknowledged(_) => "Unacknowledged",
            Self::Spool(error) => error.reason(),
            Self::Defect(_) => "Defect",
        }
    }
}

/// A running ingest worker.
#[derive(Debug)]
pub struct Ingest {
    address: SocketAddr,
    worker: JoinHandle<Result<(), IngestError>>,
}

impl Ingest {
    /// Starts all parts; they end when `stop` is cancelled. Kafka and the exchange may come later. Of the configuration only
    /// the symbols may change.
    pub async fn start(
        current: Current<IngestConfig>,
        options: Options,
        stop: CancellationToken,
    ) -> Result<Self, IngestError> {
        let config = current.borrow().clone();
        let symbols = Arc::new(Symbols::default());
        let wanted = symbols.configure(&config);
        let client_id = format!("ingest-{}", config.exchange.as_str());
        let producer = Producer::new(producer::settings(
            &config.kafka.bootstrap,
            &client_id,
            config.buffer.memory_bytes,
        ))?;
        let journal = Journal::new(&config)?;

        let health = Health::new();
        let mut registry = metrics::registry("ingest");
        let in_flight = Gauge::default();
        registry.register(
            "trades_in_flight",
            "Trades read and not yet acknowledged",
            in_flight.clone(),
        );
        let readiness = health.readiness("feed");
        let monitor = Arc::new(Monitor::new(readiness, in_flight.clone(), &mut registry));
        let ledger = Arc::new(Ledger::new(
            config.exchange,
            config.gap_policy,
            &wanted,
            in_flight.clone(),
            monitor.last_loss(),
            &mut registry,
        ));
        registry.register_collector(Box::new(SymbolMetrics {
            ledger: ledger.clone(),
            monitor: monitor.clone(),
        }));
        let gap_metrics = GapMetrics::new(&mut registry);
        let spool_state = State::new(&mut registry);
        let spool = Spool::open(
            config.buffer.folder.clone().into(),
            Limits::new(config.buffer.disk_bytes, QUEUE_BYTES.into()),
            spool_state.clone(),
        )
        .await?;
        let (recorder, recording) = config
            .recording
            .as_ref()
            .map(|config| recording::start(config, &mut registry))
            .unzip();
        let progress = Progress::default();
        let trades = Trades::new(&config, recorder, &ledger, &progress)?;
        let replays = config.replay.is_some();
        let status = {
            let (monitor, ledger, in_flight) = (monitor.clone(), ledger.clone(), in_flight.clone());
            let symbols = symbols.clone();
            let endpoints = config.endpoints.clone();
            move || IngestStatus {
                spooled: spool_state.records(),
                held: spool_state.is_held(),
                replay: replays.then(|| progress.status(count(&in_flight))),
                exchange: (!replays).then(|| exchange(&endpoints, &monitor, &symbols)),
                ..status(&monitor, &ledger, &symbols, &in_flight)
            }
        };
        // The probes outlive the signal: the last trades are still on their way.
        let serving = CancellationToken::new();
        let server = server::serve(options.listen, health.clone(), registry, status, serving.clone()).await?;
        let address = server.address;
        let parts = Parts {
            config,
            current,
            symbols,
            wanted,
            producer,
            spool,
            journal,
            monitor,
            ledger,
            in_flight,
            gap_metrics,
            health,
            flush_limit: options.flush_limit,
        };
        let worker = tokio::spawn(async move {
            let result = match trades {
                Trades::Binance(feed, history) => parts.run(feed, *history, stop).await,
                Trades::Coinbase(feed, history) => parts.run(feed, *history, stop).await,
                Trades::Replay(feed) => parts.run(feed, NoHistory, stop).await,
            };
            if let Some(recording) = recording {
                recording.await?;
            }
            serving.cancel();
            end(server).await;
            result
        });
        Ok(Self { address, worker })
    }

    /// Where the worker's HTTP side listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the end, which `stop` brings about.
    pub async fn finished(self) -> Result<(), IngestError> {
        self.worker.await?
    }
}

struct Parts {
    config: IngestConfig,
    current: Current<IngestConfig>,
    symbols: Arc<Symbols>,
    wanted: Vec<Symbol>,
    producer: Producer<ledger::Entry>,
    spool: Spool,
    journal: Journal,
    monitor: Arc<Monitor>,
    ledger: Arc<Ledger>,
    in_flight: Gauge,
    gap_metrics: GapMetrics,
    health: Health,
    flush_limit: Duration,
}

impl Parts {
    async fn run<F: Feed, H: History>(
        self,
        feed: F,
        history: H,
        stop: CancellationToken,
    ) -> Result<(), IngestError> {
        let history = Arc::new(history);
        // Nobody can be asked how far files are, and files can wait.
        let replays = self.config.replay.is_some();
        let stop = stop.child_token();
        let reachability = tokio::spawn(reachability::watch(
            self.producer.probe(),
            self.config.kafka.topic.clone(),
            &self.health,
            stop.clone(),
        ));
        let watch = Watch {
            ledger: self.ledger.clone(),
            history: history.clone(),
            start_from: self.config.start_from.clone(),
            look: Look::new(&self.config),
            journal: self.journal,
            keep_every: if replays { KEEP_EVERY_REPLAYING } else { KEEP_EVERY },
            metrics: self.gap_metrics,
            readiness: self.health.readiness("ledger"),
            heartbeat: self.health.heartbeat("ledger", WATCH_ALIVE),
        };
        let watching = tokio::spawn(watch.run(stop.clone()));
        let (follow, wanted) = Follow::new(
            self.wanted,
            self.current,
            self.symbols.clone(),
            self.ledger.clone(),
        );
        let following = tokio::spawn(follow.run(stop.clone()));
        let asking = (!replays).then(|| {
            let present = present::watch(
                history.clone(),
                self.ledger.clone(),
                self.symbols.clone(),
                self.monitor.clone(),
                stop.clone(),
            );
            let listing = listing::watch(history.clone(), self.symbols, wanted.clone(), stop.clone());
            tokio::spawn(async { tokio::join!(present, listing) })
        });
        let (intake, outlet) = queue(QUEUE_BYTES);
        let repair = Repair {
            ledger: self.ledger.clone(),
            history,
            intake: intake.clone(),
            in_flight: self.in_flight,
            spool: self.spool.state(),
        };
        let repairing = tokio::spawn(repair.run(stop.clone()));
        let records = Arc::new(Records::new(&self.config, self.ledger.clone()));
        let forward = Forward::new(records, self.producer, outlet, self.spool, replays);
        let forwarding = {
            let (stop, limit) = (stop.clone(), self.flush_limit);
            tokio::spawn(async move {
                let ended = forward.run(stop.clone(), limit).await;
                // Without it nothing else has a purpose.
                stop.cancel();
                ended
            })
        };
        feed.run(wanted, intake, self.monitor, stop).await;
        let (unacknowledged, spooling) = forwarding.await?;
        following.await?;
        if let Some(asking) = asking {
            asking.await?;
        }
        repairing.await?;
        reachability.await?;
        watching.await?.finish().await;
        if unacknowledged > 0 {
            self.ledger.log_unacknowledged();
        }
        spooling?;
        if unacknowledged > 0 {
            return Err(IngestError::Unacknowledged(unacknowledged));
        }
        Ok(())
    }
}

fn status(monitor: &Monitor, ledger: &Ledger, symbols: &Symbols, in_flight: &Gauge) -> IngestStatus {
    IngestStatus {
        connected: monitor.connected(),
        connections: monitor.connections(),
        in_flight: count(in_flight),
        rejected_frames: monitor.rejected_frames(),
        clock_offset_us: monitor.clock_offset_us(),
        symbols_version: symbols.version(),
        unknown_symbols: symbols.unknown(),
        ..ledger.status()
    }
}

fn exchange(endpoints: &Endpoints, monitor: &Monitor, symbols: &Symbols) -> ExchangeStatus {
    let (listed, listing_error) = symbols.listing();
    ExchangeStatus {
        stream: endpoints.stream.clone(),
        rest: endpoints.rest.clone(),
        waiting: monitor.waiting(),
        listed,
        listing_error,
    }
}

fn count(gauge: &Gauge) -> u64 {
    u64::try_from(gauge.get()).unwrap_or_default()
}

async fn end(server: Server) {
    match server.task.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "http server ended with an error"),
        Err(error) => tracing::warn!(%error, "http server failed"),
    }
}
