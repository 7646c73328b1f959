//! The archive lane: one partition of the topic into files, exactly once (`sink::archive` says how and why).

use std::{
    num::NonZero,
    sync::Arc,
    thread::available_parallelism,
    time::{Duration, SystemTime},
};

use parquet::errors::ParquetError;
use tokio::{
    sync::{Mutex, Semaphore},
    time::Instant,
};

use super::{context::PartitionContext, lane::Lane, roll::RollPolicy};
use crate::{
    kafka::{
        fetch::Wait,
        partition::{Extent, Flow, PartitionSource, ReadEnd},
    },
    sink::{
        archive::{
            batch::{Checkpoint, ClosedBatch, ClosedFile, OpenBatch},
            encode::EncodeError,
            publish::{Publication, Published, is_fresh},
            recover::{Incomplete, Listing, Recovery, recover},
            store::{ArchiveStore, StoreError},
        },
        dead_letter::{DeadLetter, DeadLetters, Letters},
    },
};

/// Encoded size of a row until the first file tells better.
const GUESSED_ROW_BYTES: u64 = 16;
/// How often the lane looks up from reading.
const SLICE: Duration = Duration::from_secs(1);
/// Encoding fewer rows takes less than a few milliseconds, not worth another thread.
const FEW_ROWS: usize = 5_000;

/// The lane, shared by its partitions.
pub struct ArchiveLane<S> {
    store: Arc<S>,
    policy: RollPolicy,
    writer: String,
    dead_letters: Option<DeadLetters>,
    cores: Semaphore,
    /// The newest look at the archive, and when it began. Partitions that arrive together share one.
    listing: Mutex<Option<(Instant, Arc<Listing>)>>,
}

/// Why a batch stopped growing.
enum Filled {
    Roll,
    Stop,
    /// The topic is not the one it was.
    Restart,
}

impl<S: ArchiveStore> Lane for ArchiveLane<S> {
    /// Its files are far apart: what comes in a quarter of a second may come at once.
    const WAIT: Wait = Wait {
        least_bytes: 64 << 10,
        most: Duration::from_millis(250),
    };

    /// Archives the partition until its source is stopped. What is open then is closed; what cannot be closed at the
    /// first attempt is left to the next owner, who reads it again.
    async fn run(&self, source: &mut impl PartitionSource, context: &PartitionContext) {
        while !source.stop().is_cancelled() {
            if self.session(source, context).await.is_none() {
                return;
            }
        }
    }
}

impl<S: ArchiveStore> ArchiveLane<S> {
    /// `writer` is a name that no other living writer has.
    pub fn new(store: Arc<S>, policy: RollPolicy, writer: String, dead_letters: Option<DeadLetters>) -> Self {
        Self {
            store,
            policy,
            writer,
            dead_letters,
            cores: Semaphore::new(available_parallelism().map_or(1, NonZero::get)),
            listing: Mutex::new(None),
        }
    }

    /// From recovery until the batch at hand turns out to be another writer's (`Some`) or the source is stopped (`None`).
    async fn session(&self, source: &mut impl PartitionSource, context: &PartitionContext) -> Option<()> {
        let (recovery, mut known) = self.recover(source, context).await?;
        let checkpoint = match recovery.incomplete {
            Some(incomplete) => {
                let completed = self.complete(source, context, recovery.checkpoint, incomplete, known);
                match completed.await? {
                    Some(checkpoint) => checkpoint,
                    None => return Some(()),
                }
            }
            None => recovery.checkpoint,
        };
        context
            .board
            .durable(checkpoint.next, &checkpoint.seen, checkpoint.last_trade_time_us);
        seek(source, context, checkpoint.next).await?;
        let mut batch = OpenBatch::after(checkpoint, source.partition());
        let mut row_bytes = GUESSED_ROW_BYTES;
        loop {
            let most_rows = self.policy.most_rows(row_bytes, context.board.owned());
            let filled = self.fill(source, context, &mut batch, most_rows).await?;
            if matches!(filled, Filled::Restart) {
                return Some(());
            }
            if batch.rows() > 0 {
                let started = Instant::now();
                let (closed, checkpoint) = match self.close(batch).await {
                    Ok(closed) => closed,
                    Err(error) => {
                        // The rows are read again; a defect that stays is visible on the board.
                        return context
                            .patience(source.stop())
                            .after("ArchiveEncodingFailed", &error)
                            .await;
                    }
                };
                if !is_fresh(known) {
                    let (recovery, now) = self.recover(source, context).await?;
                    if recovery.checkpoint.next != closed.id.first || recovery.incomplete.is_some() {
                        return Some(());
                    }
                    known = now;
                }
                let rows = closed.rows;
                let mut publication = Publication::new(closed, known);
                known = SystemTime::now();
                if self.publish(source, context, &mut publication).await? == Published::Lost {
                    context.metrics.lost_races.inc();
                    tracing::info!(
                        partition = source.partition(),
                        "another writer was first, or may have been; starting from what the archive holds"
                    );
                    return Some(());
                }
                context.metrics.wrote(started.elapsed());
                context.metrics.rows.inc_by(rows as u64);
                row_bytes = (publication.bytes() as u64).div_ceil(rows as u64);
                source.commit(checkpoint.next);
                context
                    .board
                    .durable(checkpoint.next, &checkpoint.seen, checkpoint.last_trade_time_us);
                context.board.pending(None);
                batch = OpenBatch::after(checkpoint, source.partition());
            }
            if matches!(filled, Filled::Stop) {
                return None;
            }
        }
    }

    /// Where the archive ends, and a time at which it did.
    async fn recover(
        &self,
        source: &impl PartitionSource,
        context: &PartitionContext,
    ) -> Option<(Recovery, SystemTime)> {
        let mut patience = context.patience(source.stop());
        loop {
            let known = SystemTime::now();
            let listing = match self.listing(Instant::now()).await {
                Ok(listing) => listing,
                Err(error) => {
                    patience.after(error.reason(), &error).await?;
                    continue;
                }
            };
            match recover(&*self.store, &listing, source.partition()).await {
                Ok(recovery) => return Some((recovery, known)),
                Err(error) => patience.after(error.reason(), &error).await?,
            }
        }
    }

    /// A look at the archive that began after `since`.
    async fn listing(&self, since: Instant) -> Result<Arc<Listing>, StoreError> {
        let mut newest = self.listing.lock().await;
        if let Some((began, listing)) = newest.as_ref()
            && *began >= since
        {
            return Ok(listing.clone());
        }
        let began = Instant::now();
        let listing = Arc::new(Listing::of(&*self.store).await?);
        *newest = Some((began, listing.clone()));
        Ok(listing)
    }

    /// Makes the files that a batch lacks, from the same offsets and the same ids seen before. No checkpoint when that took
    /// so long that the archive must be looked at again.
    async fn complete(
        &self,
        source: &mut impl PartitionSource,
        context: &PartitionContext,
        before: Checkpoint,
        Incomplete { footer, missing }: Incomplete,
        known: SystemTime,
    ) -> Option<Option<Checkpoint>> {
        let partition = source.partition();
        tracing::info!(
            partition,
            first = footer.first,
            next = footer.next,
            files = missing.len(),
            "completing a batch that its writer left"
        );
        let extent = seek(source, context, footer.first).await?;
        let mut batch = OpenBatch::after(before, partition);
        let mut expected = footer.first;
        let mut done = extent.low >= footer.next;
        if done {
            context.count_lost(partition, expected, footer.next);
        }
        while !done {
            let end = source
                .read(Instant::now() + SLICE, |record| {
                    // What is missing behind the batch is counted when it is read on from there.
                    context.count_lost(partition, expected, record.offset.min(footer.next));
                    expected = record.offset + 1;
                    if record.offset < footer.next
                        && let Ok(trade) = record.trade()
                    {
                        batch.push(&trade, record);
                    }
                    done = record.offset + 1 >= footer.next;
                    if done { Flow::Enough } else { Flow::More }
                })
                .await;
            if end == ReadEnd::Stopped {
                return None;
            }
        }
        let closed = match batch.rebuild(footer, &missing, &self.writer) {
            Ok(closed) => closed,
            Err(error) => {
                context
                    .patience(source.stop())
                    .after("ArchiveEncodingFailed", &error)
                    .await?;
                return None;
            }
        };
        let checkpoint = Checkpoint {
            next: closed.footer.next,
            seen: closed.footer.seen.clone(),
            last_trade_time_us: closed.footer.last_trade_time_us,
        };
        let mut publication = Publication::completing(closed, known);
        let published = self.publish(source, context, &mut publication).await?;
        Some((published == Published::Complete).then_some(checkpoint))
    }

    /// Reads until the batch is to be closed. Its dead letters are delivered before.
    async fn fill(
        &self,
        source: &mut impl PartitionSource,
        context: &PartitionContext,
        batch: &mut OpenBatch,
        most_rows: usize,
    ) -> Option<Filled> {
        let partition = source.partition();
        let mut roll_at: Option<Instant> = None;
        let (mut oldest_ms, mut newest_ms) = (None, None);
        let mut told = batch.next();
        loop {
            let now = Instant::now();
            let look_up = now + SLICE;
            let deadline = roll_at.map_or(look_up, |roll_at| roll_at.min(look_up));
            let had_rows = batch.rows() > 0;
            let (mut letters, mut duplicates, mut restart) = (Letters::default(), 0, false);
            let end = source
                .read(deadline, |record| {
                    if record.offset < batch.next() {
                        restart = true;
                        return Flow::Enough;
                    }
                    if batch.next() > 0 {
                        // An archive without a file begins where the topic begins.
                        context.count_lost(partition, batch.next(), record.offset);
                    }
                    oldest_ms = oldest_ms.or(record.timestamp_ms);
                    newest_ms = record.timestamp_ms;
                    match record.trade() {
                        Ok(trade) => duplicates += u64::from(!batch.push(&trade, record)),
                        Err(error) => {
                            batch.skip(record.offset);
                            letters.push(DeadLetter::new(record, partition, &error));
                        }
                    }
                    let look_up = batch.rows() >= most_rows
                        || letters.is_full()
                        // The first row starts the clock.
                        || (!had_rows && batch.rows() > 0);
                    if look_up { Flow::Enough } else { Flow::More }
                })
                .await;
            context.board.read(batch.next(), newest_ms);
            context.board.pending(oldest_ms);
            context
                .bury(self.dead_letters.as_ref(), letters.all(), source.stop())
                .await?;
            context.metrics.duplicates.inc_by(duplicates);
            context.board.count_duplicates(duplicates);
            if restart {
                tracing::error!(
                    partition,
                    next = batch.next(),
                    "the topic went back; looking where the archive ends"
                );
                return Some(Filled::Restart);
            }
            if batch.rows() == 0 {
                // Copies and dead letters only: nothing waits to become durable.
                oldest_ms = None;
                context.board.pending(None);
                if batch.next() > told {
                    told = batch.next();
                    source.commit(told);
                    context.board.passed(told);
                }
            } else if roll_at.is_none() {
                roll_at = Some(Instant::now() + self.policy.open_for(SystemTime::now()));
            }
            if end == ReadEnd::Stopped {
                return Some(Filled::Stop);
            }
            if batch.rows() >= most_rows || roll_at.is_some_and(|roll_at| roll_at <= Instant::now()) {
                return Some(Filled::Roll);
            }
        }
    }

    /// Sorts and encodes on a thread of its own; as many batches at a time as there are cores to do it, because each needs its
    /// rows twice meanwhile.
    async fn close(&self, batch: OpenBatch) -> Result<(ClosedBatch, Checkpoint), EncodeError> {
        if batch.rows() <= FEW_ROWS {
            return batch.close(&self.writer);
        }
        // Never closed.
        let _core = self.cores.acquire().await;
        let writer = self.writer.clone();
        match tokio::task::spawn_blocking(move || batch.close(&writer)).await {
            Ok(closed) => closed,
            Err(error) => Err(EncodeError::from(ParquetError::External(error.into()))),
        }
    }

    async fn publish(
        &self,
        source: &impl PartitionSource,
        context: &PartitionContext,
        publication: &mut Publication,
    ) -> Option<Published> {
        let mut patience = context.patience(source.stop());
        loop {
            let in_place = |file: &ClosedFile| context.metrics.became_durable(&file.arrivals);
            match publication.advance(&*self.store, in_place).await {
                Ok(published) => {
                    context
                        .metrics
                        .files
                        .inc_by(publication.batch().files.len() as u64);
                    context.metrics.bytes.inc_by(publication.bytes() as u64);
                    return Some(published);
                }
                Err(error) => patience.after(error.reason(), &error).await?,
            }
        }
    }
}

/// Goes to an offset. A topic that ends before it stays a reason to wait: its offsets name the archive's files.
async fn seek(source: &mut impl PartitionSource, context: &PartitionContext, offset: i64) -> Option<Extent> {
    let stop = source.stop().clone();
    let mut patience = context.patience(&stop);
    loop {
        match context.seek(source, offset).await? {
            Ok(extent) => return Some(extent),
            Err(error) => patience.after(error.reason(), &error).await?,
        }
    }
}
