//! Plays files instead of reading an exchange (docs/decisions/0020): recordings of its frames, or its public dumps.
//!
//! [`files`] finds them and says which belong together, [`unpack`] and [`zip`] open them, [`lane`] reads the files of one
//! lane one after the other, [`frames`] the frames of an exchange by the code that reads its live feed, [`merge`] makes one
//! stream of all lanes, [`pace`] says when an event is due, [`progress`] tells how far it is.

mod files;
mod frames;
mod lane;
mod merge;
mod no_history;
mod pace;
mod progress;
mod unpack;
mod zip;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crds::{spec::Exchange, wire::ReplayConfig};
use tokio::{
    sync::mpsc,
    task::{JoinError, spawn_blocking},
    time::{sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use self::{lane::Event, merge::Merge, pace::Pace};
pub use self::{no_history::NoHistory, progress::Progress};
use super::{Feed, Intake, Monitor, Received, handover::Wanted, stream::Told};
use crate::{
    clock::now_us,
    model::{Symbol, Trade},
};

/// The only line of this feed.
const LINE: usize = 0;
/// Events between the thread that reads and the queue.
const AHEAD: usize = 1024;
/// Time to the next look for files where none was found.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// What is in Kafka already.
pub trait Known: Send + Sync + 'static {
    /// Returns once it is known what earlier lives brought of every symbol.
    fn recalled(&self) -> impl Future<Output = ()> + Send;

    /// Whether nobody has brought the id, and it is not on its way.
    fn lacks(&self, symbol: &Symbol, id: u64) -> bool;
}

/// The trades of files. It never lags, so that it waits for room in the queue as long as it takes.
#[derive(Debug)]
pub struct ReplayFeed<K> {
    exchange: Exchange,
    config: ReplayConfig,
    known: Arc<K>,
    progress: Progress,
}

impl<K: Known> ReplayFeed<K> {
    /// Of files of the exchange. Touches nothing before it runs. What Kafka has by then is passed over without a pause.
    pub const fn new(exchange: Exchange, config: ReplayConfig, known: Arc<K>, progress: Progress) -> Self {
        Self {
            exchange,
            config,
            known,
            progress,
        }
    }

    /// Plays all files from the first to the last.
    async fn pass(
        &self,
        wanted: Arc<BTreeSet<Symbol>>,
        interrupt: &mut Interrupt<'_>,
        sink: &Sink,
    ) -> Result<(), Next> {
        sink.monitor
            .line(LINE, Some("waiting to know which trades Kafka has"));
        interrupt.or(self.known.recalled()).await?;
        let lanes = self.lanes(&wanted, interrupt, sink).await?;
        sink.monitor.line(LINE, None);
        let (sender, mut events) = mpsc::channel(AHEAD);
        let (exchange, progress) = (self.exchange, self.progress.clone());
        let reading = spawn_blocking(move || {
            let lanes = lanes
                .into_iter()
                .map(|lane| lane::read(lane, exchange, progress.clone()));
            for event in Merge::new(lanes) {
                if sender.blocking_send(event).is_err() {
                    return;
                }
            }
        });
        let mut pace = Pace::new(&self.config.speed);
        while let Some(event) = interrupt.or(events.recv()).await? {
            let trade = match &event.told {
                Told::Trade(_, trade) => Some(trade),
                _ => None,
            };
            if trade.is_some_and(|trade| !self.is_news(trade, &wanted)) {
                continue;
            }
            if let Some(due) = pace.due(event.time_us) {
                interrupt.or(sleep_until(due)).await?;
            }
            sink.pass_on(event).await?;
        }
        match reading.await.map_err(JoinError::try_into_panic) {
            Ok(()) => self.progress.ended(),
            // Ends the worker, as a panic of any other task does.
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            Err(Err(error)) => tracing::info!(%error, "the reading of files was stopped"),
        }
        Ok(())
    }

    /// The files, once there are any.
    async fn lanes(
        &self,
        wanted: &Arc<BTreeSet<Symbol>>,
        interrupt: &mut Interrupt<'_>,
        sink: &Sink,
    ) -> Result<Vec<files::Lane>, Next> {
        loop {
            let (config, symbols) = (self.config.clone(), wanted.clone());
            let found = interrupt
                .or(spawn_blocking(move || {
                    files::find(config.folder.as_ref(), config.format, &symbols)
                }))
                .await?;
            let waiting = match found {
                Ok(Ok(lanes)) if !lanes.is_empty() => {
                    self.progress
                        .begins(lanes.iter().map(|lane| lane.files.len() as u64).sum());
                    return Ok(lanes);
                }
                Ok(Ok(_)) => format!("no file to play in {}", self.config.folder),
                Ok(Err(error)) => format!("cannot list {}: {error}", self.config.folder),
                Err(error) => error.to_string(),
            };
            tracing::warn!(waiting, "the replay waits for its files");
            sink.monitor.line(LINE, Some(&waiting));
            self.progress.waits(waiting);
            interrupt.or(sleep(LOOK_AGAIN)).await?;
        }
    }

    /// Whether the trade is wanted and not in Kafka; it counts as read either way.
    fn is_news(&self, trade: &Trade, wanted: &BTreeSet<Symbol>) -> bool {
        if !wanted.contains(&trade.symbol) {
            return false;
        }
        self.progress.trade();
        self.known.lacks(&trade.symbol, trade.trade_id)
    }
}

impl<K: Known> Feed for ReplayFeed<K> {
    async fn run(self, mut symbols: Wanted, intake: Intake, monitor: Arc<Monitor>, stop: CancellationToken) {
        let sink = Sink { intake, monitor };
        loop {
            let wanted = symbols.borrow_and_update().clone();
            let mut interrupt = Interrupt {
                symbols: &mut symbols,
                stop: &stop,
            };
            let next = match self.pass(wanted, &mut interrupt, &sink).await {
                Ok(()) => interrupt.happens().await,
                Err(next) => next,
            };
            if next == Next::End {
                return;
            }
        }
    }
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The symbols have changed: everything is read again, and what Kafka has is passed over.
    Again,
    /// Nothing.
    End,
}

/// What may interrupt a pass, between two events.
struct Interrupt<'a> {
    symbols: &'a mut Wanted,
    stop: &'a CancellationToken,
}

impl Interrupt<'_> {
    async fn happens(&mut self) -> Next {
        tokio::select! {
            () = self.stop.cancelled() => Next::End,
            Ok(()) = self.symbols.changed() => Next::Again,
        }
    }

    /// What the work comes to, unless it is interrupted.
    async fn or<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Next> {
        tokio::select! {
            biased;
            next = self.happens() => Err(next),
            done = work => Ok(done),
        }
    }
}

/// Where events go.
struct Sink {
    intake: Intake,
    monitor: Arc<Monitor>,
}

impl Sink {
    /// Never cut short, so that what counts as read is on its way.
    async fn pass_on(&self, event: Event) -> Result<(), Next> {
        let (bytes, content) = match event.told {
            Told::Trade(bytes, trade) => {
                self.monitor.replayed();
                (bytes, Ok(trade))
            }
            Told::Unreadable(bytes, reason) => {
                self.monitor.rejected(reason);
                (bytes, Err(reason.into()))
            }
            Told::Unknown => {
                self.monitor.rejected("UnknownEvent");
                return Ok(());
            }
            // A word on a connection that is gone.
            Told::Nothing | Told::Complete | Told::Exists(..) | Told::Leave(_) => return Ok(()),
        };
        let wall_us = event.wall_us.unwrap_or_else(now_us);
        let received = Received::replayed(bytes, content, wall_us);
        self.intake.push(received).await.map_err(|_| Next::End)
    }
}
