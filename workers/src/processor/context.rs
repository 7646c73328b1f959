//! What both lanes do alike with a partition: wait for what is down (for ever, visibly, with pauses that grow), find
//! the place to read from, and deliver dead letters.

use std::{fmt::Display, time::Duration};

use rand::Rng;
use tokio_util::sync::CancellationToken;

use super::{board::PartitionBoard, metrics::LaneMetrics};
use crate::{
    kafka::partition::{Extent, PartitionSource, SourceError},
    metrics::Reason,
    sink::dead_letter::{DeadLetter, DeadLetters},
};

/// Bounds of the pauses between attempts.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// The first one.
    pub first: Duration,
    /// Each next one is twice as long, up to this.
    pub longest: Duration,
}

impl Default for Pauses {
    /// Short enough that a sink's return is noticed within seconds.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(200),
            longest: Duration::from_secs(5),
        }
    }
}

/// What a partition's task has at hand besides its source.
#[derive(Debug)]
pub struct PartitionContext {
    /// `archive` or `hot`.
    pub lane: &'static str,
    /// Where it tells how far it is.
    pub board: PartitionBoard,
    /// What it counts.
    pub metrics: LaneMetrics,
    /// How it waits.
    pub pauses: Pauses,
}

impl PartitionContext {
    /// Begins an undertaking that may have to be tried again, until it succeeds or `stop` is cancelled.
    pub fn patience<'a>(&'a self, stop: &'a CancellationToken) -> Patience<'a> {
        Patience {
            context: self,
            stop,
            pause: self.pauses.first,
            waited: false,
        }
    }

    /// Goes to an offset as soon as Kafka answers. `Some(Err)` when the topic ends before it; `None` when stopped.
    pub async fn seek(
        &self,
        source: &mut impl PartitionSource,
        offset: i64,
    ) -> Option<Result<Extent, SourceError>> {
        let stop = source.stop().clone();
        let mut patience = self.patience(&stop);
        loop {
            match source.seek(offset).await {
                Err(error @ SourceError::Unavailable(_)) => patience.after(error.reason(), &error).await?,
                result => return Some(result),
            }
        }
    }

    /// Counts the records from `expected` up to the one that `came`. This topic's offsets have no holes of their own: it
    /// is not compacted (`cleanup.policy=delete`) and has no transaction markers (its producers are idempotent, not
    /// transactional). So what is passed over is what Kafka has deleted, be it before the partition was taken or while
    /// the lane waited: reading then goes on at the oldest record there is.
    pub fn count_lost(&self, partition: i32, expected: i64, came: i64) {
        let lost = u64::try_from(came - expected).unwrap_or(0);
        if lost == 0 {
            return;
        }
        self.metrics.lost_to_retention.inc_by(lost);
        tracing::error!(
            lane = self.lane,
            partition,
            from = expected,
            to = came,
            "Kafka has deleted records that this lane had not read; keep records longer (topics.trades.retention)"
        );
    }

    /// Counts records that could not be read and, where the lane has a dead-letter topic, delivers them. `None` when
    /// stopped before that.
    pub async fn bury(
        &self,
        dead_letters: Option<&DeadLetters>,
        letters: &[DeadLetter],
        stop: &CancellationToken,
    ) -> Option<()> {
        for letter in letters {
            let reason = letter.reason();
            self.metrics.unreadable.get_or_create(&Reason { reason }).inc();
        }
        let Some(dead_letters) = dead_letters.filter(|_| !letters.is_empty()) else {
            return Some(());
        };
        let mut patience = self.patience(stop);
        while let Err(error) = dead_letters.deliver(letters).await {
            patience.after("DeadLetterTopicUnavailable", &error).await?;
        }
        self.board.count_dead_letters(letters.len() as u64);
        Some(())
    }
}

/// One undertaking. While it waits, the reason is on the board; when it is dropped, the wait is over.
#[derive(Debug)]
pub struct Patience<'a> {
    context: &'a PartitionContext,
    stop: &'a CancellationToken,
    pause: Duration,
    waited: bool,
}

impl Patience<'_> {
    /// Pauses after a failure. `None` means: give up, the partition is wanted elsewhere.
    pub async fn after(&mut self, reason: &'static str, error: &(impl Display + Sync)) -> Option<()> {
        if self.stop.is_cancelled() {
            tracing::warn!(reason, %error, "giving up, because the partition is wanted elsewhere");
            return None;
        }
        if self.waited {
            tracing::debug!(reason, %error, "still waiting");
        } else {
            tracing::warn!(reason, %error, "waiting");
        }
        self.waited = true;
        self.context.board.waiting(Some(reason));
        self.context
            .metrics
            .retries
            .get_or_create(&Reason { reason })
            .inc();
        let pause = self.pause.mul_f64(rand::rng().random_range(0.5..1.0));
        self.pause = (self.pause * 2).min(self.context.pauses.longest);
        if pause.is_zero() {
            return Some(());
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => Some(()),
            () = self.stop.cancelled() => None,
        }
    }
}

impl Drop for Patience<'_> {
    fn drop(&mut self) {
        if self.waited {
            self.context.board.waiting(None);
            tracing::info!("no longer waiting");
        }
    }
}
