//! The lane of gaps: the compacted topic in which ingest tells of gaps, into the table `gaps`.
//!
//! A row is a function of the record, its write timestamp included, and the topic is small. So the lane keeps no place:
//! whoever gets the partition reads it from the beginning and writes every row again.

use std::{sync::Arc, time::Duration};

use crds::gap::GapRecord;
use tokio::time::Instant;

use super::{context::PartitionContext, lane::Lane};
use crate::{
    kafka::partition::{Flow, PartitionSource, ReadEnd},
    metrics::Reason,
    sink::hot::GapStore,
};

/// Records taken at a time.
const CHUNK: usize = 500;
/// How often the lane looks up.
const LOOK_UP: Duration = Duration::from_secs(1);

/// The lane.
pub struct GapLane<S> {
    store: Arc<S>,
}

impl<S> GapLane<S> {
    /// Writes to this store.
    pub const fn new(store: Arc<S>) -> Self {
        Self { store }
    }
}

impl<S: GapStore> Lane for GapLane<S> {
    async fn run(&self, source: &mut impl PartitionSource, context: &PartitionContext) {
        // `None` is the end in good order.
        let _stopped = self.copy(source, context).await;
    }
}

impl<S: GapStore> GapLane<S> {
    async fn copy(&self, source: &mut impl PartitionSource, context: &PartitionContext) -> Option<()> {
        // An offset of 0 is never beyond the end.
        context.seek(source, 0).await?.ok()?;
        loop {
            let (mut gaps, mut next) = (vec![], None);
            let end = source
                .read(Instant::now() + LOOK_UP, |record| {
                    next = Some(record.offset + 1);
                    match serde_json::from_slice::<GapRecord>(record.value) {
                        Ok(gap) => gaps.push(gap),
                        Err(error) => {
                            tracing::error!(offset = record.offset, %error, "record of a gap cannot be read");
                            let reason = "NotAGap";
                            context.metrics.unreadable.get_or_create(&Reason { reason }).inc();
                        }
                    }
                    if gaps.len() >= CHUNK {
                        Flow::Enough
                    } else {
                        Flow::More
                    }
                })
                .await;
            self.write(source, context, &gaps).await?;
            if let Some(next) = next {
                source.commit(next);
            }
            if end == ReadEnd::Stopped {
                return None;
            }
        }
    }

    async fn write(
        &self,
        source: &impl PartitionSource,
        context: &PartitionContext,
        gaps: &[GapRecord],
    ) -> Option<()> {
        if gaps.is_empty() {
            return Some(());
        }
        let mut patience = context.patience(source.stop());
        while let Err(error) = self.store.write_gaps(gaps).await {
            patience.after(error.reason(), &error).await?;
        }
        context.metrics.rows.inc_by(gaps.len() as u64);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::{Mutex, atomic::AtomicU32, atomic::Ordering},
    };

    use crds::{
        gap::{GapCause, GapState},
        spec::Exchange,
    };
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        processor::testing::{Log, LogSource, context},
        sink::hot::HotError,
    };

    /// Rows by key; the first request fails.
    #[derive(Default)]
    struct MemoryStore {
        rows: Mutex<BTreeMap<String, GapState>>,
        requests: AtomicU32,
    }

    impl GapStore for MemoryStore {
        async fn write_gaps(&self, gaps: &[GapRecord]) -> Result<(), HotError> {
            tokio::task::yield_now().await;
            if self.requests.fetch_add(1, Ordering::Relaxed) == 0 {
                return Err(HotError::new("CassandraUnavailable", "on purpose"));
            }
            let mut rows = self.rows.lock().unwrap();
            rows.extend(gaps.iter().map(|gap| (gap.key(), gap.state)));
            Ok(())
        }
    }

    fn record(from_id: u64, state: GapState) -> Vec<u8> {
        let gap = GapRecord {
            exchange: Exchange::Binance,
            symbol: "BTCUSDT".to_owned(),
            from_id,
            to_id: from_id + 9,
            cause: GapCause::Downtime,
            state,
            missing_ids: 0,
            repaired_ids: 0,
            detected_ms: 0,
            closed_ms: None,
            last_error: None,
            updated_ms: 0,
        };
        serde_json::to_vec(&gap).unwrap()
    }

    #[tokio::test]
    async fn the_last_word_on_each_gap_is_in_the_table() {
        let log: Log = Log::new(Mutex::new(vec![
            record(10, GapState::Open),
            b"not a gap".to_vec(),
            record(50, GapState::Open),
            record(10, GapState::Closed),
        ]));
        let stop = CancellationToken::new();
        let mut source = LogSource::new(&log, stop.clone());
        let committed = source.committed.clone();
        let store = Arc::new(MemoryStore::default());
        let lane = GapLane::new(store.clone());
        let context = context(0);
        let all_read = async {
            while *committed.lock().unwrap() < 4 {
                tokio::task::yield_now().await;
            }
            stop.cancel();
        };
        tokio::join!(lane.run(&mut source, &context), all_read);
        let rows = store.rows.lock().unwrap();
        assert_eq!(
            *rows,
            BTreeMap::from([
                ("binance:BTCUSDT:10".to_owned(), GapState::Closed),
                ("binance:BTCUSDT:50".to_owned(), GapState::Open),
            ])
        );
        assert_eq!(
            context
                .metrics
                .unreadable
                .get_or_create(&Reason { reason: "NotAGap" })
                .get(),
            1
        );
    }
}
