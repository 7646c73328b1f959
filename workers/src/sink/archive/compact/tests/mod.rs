//! Compaction under every failure: stopped before or after any change of the archive, with lost answers, beside writers
//! and beside another compactor. After every change an independent reader finds each row exactly once.

mod company;
mod damage;
mod failures;
mod outcome;
mod same_rows;
mod watched;

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use bytes::Bytes;
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::RowAccessor,
};
use rstest::rstest;

use self::watched::{NEVER, Stop, Watched};
use super::{
    super::{
        batch::{Checkpoint, ClosedBatch, OpenBatch},
        memory::MemoryStore,
        publish::{Publication, Published},
        recover::{Listing, recover},
        store::ArchiveStore,
    },
    *,
};
use crate::{kafka::Record, processor::testing::trade};

const HOUR_US: i64 = 3_600_000_000;

/// What a reader of the folders sees: how often each trade is there. It shares no code with compaction.
fn rows(store: &MemoryStore) -> BTreeMap<(String, i64), usize> {
    let mut rows = BTreeMap::new();
    for (path, bytes) in visible(store) {
        if let Ok(file) = SerializedFileReader::new(bytes) {
            for row in file
                .get_row_iter(None)
                .unwrap_or_else(|error| panic!("{path}: {error}"))
            {
                // A damaged page is for the test to know, not for the reader.
                let Ok(row) = row else { break };
                let key = (row.get_string(1).unwrap().clone(), row.get_long(2).unwrap());
                *rows.entry(key).or_default() += 1;
            }
        }
    }
    rows
}

fn visible(store: &MemoryStore) -> Vec<(String, Bytes)> {
    let hidden = |path: &str| path.split('/').any(|name| name.starts_with(['_', '.']));
    let mut files = store.finished();
    files.retain(|(path, _)| !hidden(path) && path.ends_with(".parquet"));
    files
}

fn paths(store: &MemoryStore) -> Vec<String> {
    visible(store).into_iter().map(|(path, _)| path).collect()
}

/// Puts a batch of trades (symbol, id, hour) behind a partition's last one.
async fn publish(store: &impl ArchiveStore, partition: i32, trades: &[(&str, u64, i64)]) {
    let listing = Listing::of(store).await.unwrap();
    let checkpoint = recover(store, &listing, partition).await.unwrap().checkpoint;
    let closed = batch(checkpoint, partition, trades);
    let known = SystemTime::now();
    let published = Publication::new(closed, known)
        .advance(store, |_| {})
        .await
        .unwrap();
    assert_eq!(published, Published::Complete);
}

fn batch(checkpoint: Checkpoint, partition: i32, trades: &[(&str, u64, i64)]) -> ClosedBatch {
    let first = checkpoint.next;
    let mut batch = OpenBatch::after(checkpoint, partition);
    for (offset, (symbol, id, hour)) in (first..).zip(trades) {
        let trade = trade(symbol, *id, hour * HOUR_US + i64::try_from(*id).unwrap());
        let record = Record {
            exchange: None,
            offset,
            timestamp_ms: None,
            key: None,
            value: &[],
            recv_us: id.is_multiple_of(3).then_some(trade.event_time_us + 5),
            src: (!id.is_multiple_of(4)).then_some("ws"),
        };
        assert!(batch.push(&trade, &record));
    }
    batch.close("writer").unwrap().0
}

/// Two hours of two partitions, and the two newest batches of each, which fall into the first hour too.
async fn archive() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::default());
    let odd = [
        [("BTCUSDT", 1, 0), ("ADAUSDT", 3, 0)],
        [("BTCUSDT", 2, 0), ("BTCUSDT", 4, 1)],
    ];
    let even = [
        [("ETHUSDT", 7, 0), ("ETHUSDT", 6, 0)],
        [("BNBUSDT", 1, 1), ("ETHUSDT", 8, 1)],
    ];
    for (partition, batches) in [(0, odd), (1, even)] {
        for trades in batches {
            publish(&*store, partition, &trades).await;
        }
    }
    for id in [20, 21] {
        publish(&*store, 0, &[("BTCUSDT", id, 0)]).await;
        publish(&*store, 1, &[("ETHUSDT", id, 0)]).await;
    }
    store
}

async fn compact<S: SwapStore>(store: &Arc<S>, name: &str) -> Result<Report, CompactError> {
    let now = SystemTime::now();
    Compactor::new(store.clone(), name, now).run(now).await
}

/// Everything that may be one file is one, sorted; nothing else is left.
fn assert_compacted(store: &MemoryStore) {
    let paths = paths(store);
    let of = |hour: &str, prefix: &str| {
        let start = format!("dt=2021-01-01/hour={hour}/{prefix}");
        paths.iter().filter(|path| path.starts_with(&start)).count()
    };
    assert_eq!(of("00", "compacted-"), 1, "{paths:?}");
    assert_eq!(of("00", "part-"), 4, "{paths:?}");
    assert_eq!(of("01", "compacted-"), 1, "{paths:?}");
    assert_eq!(of("01", "part-"), 0, "{paths:?}");
    for (path, bytes) in visible(store) {
        assert!(digest::Digest::of(bytes).unwrap().1, "{path} is sorted");
    }
    let hidden: Vec<_> = store
        .files()
        .keys()
        .filter(|path| path.contains("compact") && path.contains('_'))
        .cloned()
        .collect();
    assert!(
        hidden
            .iter()
            .all(|path| !path.starts_with("_tmp") && !path.contains("/_")),
        "{hidden:?}"
    );
}
