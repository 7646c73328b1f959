//! Looks after gaps: recalls what Kafka knows, lets suspicions become gaps, tells of them, and keeps the ledgers.

use std::{sync::Arc, time::Duration};

use crds::wire::StartFrom;
use rdkafka::error::KafkaError;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{gap_metrics::GapMetrics, journal::Journal, ledger::Ledger, look::Look};
use crate::{
    backoff::Backoff,
    clock::now_ms,
    feed::{History, HistoryError},
    health::{Heartbeat, Readiness},
    kafka::bounded::BoundedReadError,
    model::{IdIntervals, Symbol},
};

/// How often the ledgers are reviewed.
const TICK: Duration = Duration::from_millis(500);
/// How often changed ledgers are kept. Much less than what the last records of a partition reach back.
pub const KEEP_EVERY: Duration = Duration::from_secs(5);
/// The same for files that are played as fast as Kafka takes them.
pub const KEEP_EVERY_REPLAYING: Duration = TICK;
/// Longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Time for the last words.
const FAREWELL: Duration = Duration::from_secs(3);

/// Why a round of the watch was not finished. The next one tries again.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// Kafka could not be read.
    #[error("cannot read what Kafka knows of the trade ids: {0}")]
    Read(#[from] BoundedReadError),
    /// Kafka could not be written to.
    #[error("cannot write the ledger of trade ids to Kafka: {0}")]
    Write(#[from] KafkaError),
    /// The exchange did not tell with which id to start.
    #[error("cannot find the first trade since spec.ingest.startFrom.time: {0}")]
    Start(#[from] HistoryError),
}

impl WatchError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Read(error) => error.reason(),
            Self::Write(_) => "KafkaUnavailable",
            Self::Start(error) => error.reason(),
        }
    }
}

/// The watch and all that it needs.
pub struct Watch<H> {
    /// What it watches.
    pub ledger: Arc<Ledger>,
    /// Finds where to start.
    pub history: Arc<H>,
    /// Where a symbol starts that has no ledger.
    pub start_from: StartFrom,
    /// Into Kafka.
    pub look: Look,
    /// Where it tells and keeps.
    pub journal: Journal,
    /// How often changed ledgers are kept.
    pub keep_every: Duration,
    /// What it counts.
    pub metrics: GapMetrics,
    /// Ready when every ledger was recalled.
    pub readiness: Readiness,
    /// That it goes round.
    pub heartbeat: Heartbeat,
}

impl<H: History> Watch<H> {
    /// Runs until `stop`, through any failure. [`Self::finish`] is to be called when all that was read is acknowledged.
    pub async fn run(mut self, stop: CancellationToken) -> Self {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        let mut last_failure = Instant::now();
        let mut kept = Instant::now();
        while !stop.is_cancelled() {
            self.heartbeat.beat();
            let round = async {
                ticks.tick().await;
                self.round(&mut kept).await
            };
            let ended = tokio::select! {
                () = stop.cancelled() => break,
                ended = round => ended,
            };
            if let Err(error) = ended {
                if !self.ledger.unrecalled().is_empty() {
                    self.readiness.waiting(error.to_string());
                }
                let pause = backoff.next(last_failure.elapsed(), rand::random());
                last_failure = Instant::now();
                tracing::warn!(reason = error.reason(), %error, "the watch over trade ids is delayed");
                ticks.reset_after(pause);
            }
        }
        self
    }

    /// Reviews and keeps the ledgers once more, after the last acknowledgement.
    pub async fn finish(mut self) {
        let farewell = async {
            let told = self.tell(0).await;
            let kept = self.journal.keep(&self.ledger).await;
            told?;
            kept
        };
        match tokio::time::timeout(FAREWELL, farewell).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "the ledgers of trade ids were not kept; the next life reads more");
            }
            Err(_) => {
                tracing::warn!("the ledgers of trade ids were not kept in time; the next life reads more");
            }
        }
    }

    async fn round(&mut self, kept: &mut Instant) -> Result<(), WatchError> {
        self.recall().await?;
        let mut looked_ms = 0;
        if self.ledger.is_overdue() {
            looked_ms = now_ms();
            let found = self.look.new_ones(&self.ledger.symbols()).await?;
            self.ledger.find(&found);
        }
        let news = self.tell(looked_ms).await?;
        if news || kept.elapsed() >= self.keep_every {
            self.metrics.show(&self.ledger.gaps());
            self.journal.keep(&self.ledger).await?;
            *kept = Instant::now();
        }
        Ok(())
    }

    /// Takes over what Kafka knows of symbols that are new to this process.
    async fn recall(&mut self) -> Result<(), WatchError> {
        let symbols = self.ledger.unrecalled();
        if symbols.is_empty() {
            return Ok(());
        }
        let memories = self.look.memories(&symbols).await?;
        let found = self.look.last(&symbols).await?;
        let nothing = IdIntervals::new();
        for symbol in &symbols {
            let memory = memories.get(symbol);
            let ids = found.get(symbol).unwrap_or(&nothing);
            // What this process has sent meanwhile is no earlier life's.
            let known = memory.is_some() || !self.ledger.has_heard(symbol, ids);
            let start = self.start(symbol, known).await?;
            self.ledger.recall(symbol, memory, ids, start);
        }
        tracing::info!(
            symbols = symbols.len(),
            kept = memories.len(),
            "recalled which trades are in kafka"
        );
        self.readiness.ready();
        Ok(())
    }

    /// The configured start of a symbol. A time only counts for a symbol of which nothing is known.
    async fn start(&self, symbol: &Symbol, known: bool) -> Result<Option<u64>, WatchError> {
        if let Some(id) = self.start_from.ids.get(symbol.as_str()) {
            return Ok(Some(*id));
        }
        match self.start_from.time_ms {
            Some(time_ms) if !known => Ok(self.history.first_since(symbol, time_ms).await?),
            _ => Ok(None),
        }
    }

    /// Reviews the gaps and tells the news of them; returns whether there are any.
    async fn tell(&mut self, looked_ms: i64) -> Result<bool, KafkaError> {
        let news = self.ledger.review(looked_ms);
        for gap in &news {
            tracing::warn!(
                ids = %gap,
                cause = gap.cause.as_str(),
                state = gap.state.as_str(),
                missing = gap.missing_ids,
                repaired = gap.repaired_ids,
                last_error = gap.last_error,
                "gap in the trade ids"
            );
        }
        self.metrics.count(&news);
        let any = !news.is_empty();
        self.journal.tell(news).await?;
        Ok(any)
    }
}
