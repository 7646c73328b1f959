//! The hot lane: one partition of the topic into rows and candles. A place in the topic is kept after the rows before it
//! are there, so that a restart repeats some writes, and a repeated write changes nothing.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    candles::{Candles, rebuild::rebuild, tell::tell_candles},
    context::PartitionContext,
    lane::Lane,
};
use crate::{
    kafka::{
        arrivals::Arrivals,
        partition::{Flow, PartitionSource, ReadEnd},
    },
    model::Interval,
    sink::{
        dead_letter::{DeadLetter, DeadLetters, Letters},
        hot::{HotRow, HotStore, Ledger},
    },
};

/// Records taken at a time.
const CHUNK: usize = 2_000;
/// How long a chunk may wait for more records after its first.
const LINGER: Duration = Duration::from_millis(10);
/// How often the lane looks up while nothing comes.
const IDLE: Duration = Duration::from_secs(1);
/// How often the place is kept. A restart repeats the writes of so long.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// The lane, shared by its partitions.
pub struct HotLane<S> {
    store: Arc<S>,
    dead_letters: Option<DeadLetters>,
    candles: Vec<Interval>,
}

/// What one look at the topic brought.
#[derive(Default)]
struct Chunk {
    rows: Vec<HotRow>,
    arrivals: Arrivals<1>,
    letters: Letters,
    records: usize,
    duplicates: u64,
    oldest_ms: Option<i64>,
    newest_ms: Option<i64>,
    /// The topic is not the one it was.
    went_back: bool,
}

impl<S: HotStore> Lane for HotLane<S> {
    /// Writes the partition's trades until its source is stopped.
    async fn run(&self, source: &mut impl PartitionSource, context: &PartitionContext) {
        while !source.stop().is_cancelled() {
            if self.session(source, context).await.is_none() {
                return;
            }
        }
    }
}

impl<S: HotStore> HotLane<S> {
    /// Without `dead_letters` records that cannot be read are only counted. `candles` are the lengths of candles, each
    /// once.
    pub fn new(store: Arc<S>, dead_letters: Option<DeadLetters>, candles: Vec<Interval>) -> Self {
        Self {
            store,
            dead_letters,
            candles,
        }
    }

    async fn session(&self, source: &mut impl PartitionSource, context: &PartitionContext) -> Option<()> {
        let mut ledger = self.load(source, context).await?;
        let mut candles = Candles::resume(&self.candles, &ledger);
        rebuild(source, context, &mut candles, ledger.next).await?;
        if context.seek(source, ledger.next).await?.is_err() {
            // Writes are idempotent and the ids seen are known, so that starting over is safe.
            tracing::error!(
                partition = source.partition(),
                next = ledger.next,
                "the topic ends before the place that was kept; reading it from its beginning"
            );
            ledger.next = 0;
            // Nor do the offsets that the candles began at mean anything in this topic.
            candles.lost(i64::MAX);
            context.seek(source, 0).await?.ok()?;
        }
        tell(context, &ledger);
        let mut saved_at = Instant::now();
        let mut saved = ledger.next;
        loop {
            let (chunk, end) = read(source, context, &mut ledger, &mut candles).await;
            if chunk.went_back {
                tracing::error!(
                    partition = source.partition(),
                    next = ledger.next,
                    "the topic went back; reading it from its beginning"
                );
                ledger.next = 0;
                candles.lost(i64::MAX);
            }
            context.board.read(ledger.next, chunk.newest_ms);
            context.board.pending(chunk.oldest_ms);
            context
                .bury(self.dead_letters.as_ref(), chunk.letters.all(), source.stop())
                .await?;
            self.write(source, context, &chunk.rows).await?;
            context.metrics.became_durable(&chunk.arrivals);
            tell_candles(&*self.store, context, source.stop(), &mut candles, &ledger.seen).await?;
            context.metrics.rows.inc_by(chunk.rows.len() as u64);
            context.metrics.duplicates.inc_by(chunk.duplicates);
            context.board.count_duplicates(chunk.duplicates);
            context.board.pending(None);
            if chunk.records > 0 {
                tell(context, &ledger);
            }
            let stopped = end == ReadEnd::Stopped;
            if ledger.next != saved && (stopped || chunk.went_back || saved_at.elapsed() >= SAVE_EVERY) {
                ledger.open = candles.open();
                self.save(source, context, &ledger).await?;
                source.commit(ledger.next);
                saved = ledger.next;
                saved_at = Instant::now();
            }
            if stopped {
                return None;
            }
            if chunk.went_back {
                return Some(());
            }
        }
    }

    async fn load(&self, source: &impl PartitionSource, context: &PartitionContext) -> Option<Ledger> {
        let mut patience = context.patience(source.stop());
        loop {
            match self.store.load(source.partition()).await {
                Ok(ledger) => return Some(ledger.unwrap_or_default()),
                Err(error) => patience.after(error.reason(), &error).await?,
            }
        }
    }

    async fn write(
        &self,
        source: &impl PartitionSource,
        context: &PartitionContext,
        rows: &[HotRow],
    ) -> Option<()> {
        if rows.is_empty() {
            return Some(());
        }
        let started = Instant::now();
        let mut patience = context.patience(source.stop());
        while let Err(error) = self.store.write(rows).await {
            patience.after(error.reason(), &error).await?;
        }
        context.metrics.wrote(started.elapsed());
        Some(())
    }

    async fn save(
        &self,
        source: &impl PartitionSource,
        context: &PartitionContext,
        ledger: &Ledger,
    ) -> Option<()> {
        let mut patience = context.patience(source.stop());
        while let Err(error) = self.store.save(source.partition(), ledger).await {
            patience.after(error.reason(), &error).await?;
        }
        Some(())
    }
}

/// Takes what is there; waits a little for the first record, and less for more.
async fn read(
    source: &mut impl PartitionSource,
    context: &PartitionContext,
    ledger: &mut Ledger,
    candles: &mut Candles,
) -> (Chunk, ReadEnd) {
    let partition = source.partition();
    let mut chunk = Chunk::default();
    let mut end = ReadEnd::Deadline;
    for (wait, most) in [(IDLE, 1), (LINGER, CHUNK)] {
        end = source
            .read(Instant::now() + wait, |record| {
                if record.offset < ledger.next {
                    chunk.went_back = true;
                    return Flow::Enough;
                }
                if ledger.next > 0 {
                    // A lane that has kept no place yet begins where the topic begins.
                    context.count_lost(partition, ledger.next, record.offset);
                }
                ledger.next = record.offset + 1;
                chunk.records += 1;
                chunk.oldest_ms = chunk.oldest_ms.or(record.timestamp_ms);
                chunk.newest_ms = record.timestamp_ms;
                match record.trade() {
                    Ok(trade) if ledger.seen.insert(&trade) => {
                        ledger.last_trade_time_us = ledger.last_trade_time_us.max(trade.trade_time_us);
                        candles.add(&trade, record.offset);
                        chunk.arrivals.push(record.timestamp_ms);
                        chunk.rows.push(HotRow::new(trade, record, partition));
                    }
                    Ok(_copy) => chunk.duplicates += 1,
                    Err(error) => chunk.letters.push(DeadLetter::new(record, partition, &error)),
                }
                if chunk.records >= most || chunk.letters.is_full() {
                    Flow::Enough
                } else {
                    Flow::More
                }
            })
            .await;
        if end != ReadEnd::Enough || chunk.went_back {
            break;
        }
    }
    (chunk, end)
}

fn tell(context: &PartitionContext, ledger: &Ledger) {
    context
        .board
        .durable(ledger.next, &ledger.seen, ledger.last_trade_time_us);
}
