//! The archive lane on an archive and a topic in memory.
//!
//! [`every_point`] and [`rebalances`] hold its promise under every failure: at every moment no reader sees a trade twice,
//! and in the end each is there. The rest says what the files look like and what is done about a topic that changed.

mod every_point;
mod files;
mod outage;
mod reader;
mod rebalances;
mod retention;
mod world;

use std::{future::Future, sync::Arc, time::Duration};

use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::{
    archive::ArchiveLane,
    lane::Lane,
    roll::RollPolicy,
    testing::{Log, LogSource, context, event, trade},
};
use crate::{
    audit::{archive::add_file, count::Counts},
    metrics::Reason,
    sink::archive::{layout::BatchId, memory::MemoryStore, store::ArchiveStore},
};

const HOUR_US: i64 = 3_600_000_000;

/// Closes a batch after `rows` rows.
fn rolling_every(rows: u64) -> RollPolicy {
    RollPolicy {
        size: rows * 16,
        interval: Duration::from_hours(1),
    }
}

fn lane<S: ArchiveStore>(store: &Arc<S>, writer: &str, rows: u64) -> ArchiveLane<S> {
    ArchiveLane::new(store.clone(), rolling_every(rows), writer.to_owned(), None)
}

fn log(events: impl IntoIterator<Item = Vec<u8>>) -> Log {
    Log::new(std::sync::Mutex::new(events.into_iter().collect()))
}

/// Archives a whole log with one writer that nothing disturbs.
async fn archive_all(store: &Arc<MemoryStore>, log: &Log, rows: u64) {
    let reading = log.lock().unwrap().len() * 20 + 200;
    let read = async {
        for _ in 0..reading {
            tokio::task::yield_now().await;
        }
    };
    archive_until(read, store, log, rows).await;
}

/// Archives a log with one writer that is stopped then, and returns how often the lane had to try again.
async fn archive_until<S: ArchiveStore>(
    read: impl Future<Output = ()>,
    store: &Arc<S>,
    log: &Log,
    rows: u64,
) -> u64 {
    let stop = CancellationToken::new();
    let mut source = LogSource::new(log, stop.clone());
    let end = i64::try_from(log.lock().unwrap().len()).unwrap();
    let committed = source.committed.clone();
    let lane = lane(store, "last", rows);
    let context = context(0);
    let run = lane.run(&mut source, &context);
    let watch = async {
        read.await;
        // What is read and not yet rolled is closed by the stop.
        stop.cancel();
    };
    tokio::join!(run, watch);
    assert!(*committed.lock().unwrap() <= end);
    ["HdfsUnavailable", "ArchiveFileMissing", "ArchiveFileExists"]
        .map(|reason| context.metrics.retries.get_or_create(&Reason { reason }).get())
        .iter()
        .sum()
}

fn counts(store: &MemoryStore) -> Counts {
    let mut counts = Counts::default();
    for (path, bytes) in store.finished() {
        assert!(BatchId::parse(&path).is_some(), "{path}");
        add_file(&mut counts, bytes).unwrap();
    }
    counts
}

/// Every id that was sent is there, and once.
fn assert_complete(store: &MemoryStore, sent: &[Sent]) {
    let mut expected = Counts::default();
    for record in sent {
        if let Sent::Trade(symbol, id) = record {
            expected.add(symbol, *id);
        }
    }
    let found = counts(store);
    assert_eq!(
        found.symbols().collect::<Vec<_>>(),
        expected.symbols().collect::<Vec<_>>()
    );
    for symbol in expected.symbols() {
        let found = found.of(symbol).unwrap();
        assert!(found.repeated.is_empty());
        assert_eq!(found.distinct, expected.of(symbol).unwrap().distinct);
    }
}

/// A record of the topic.
#[derive(Clone, Debug)]
enum Sent {
    /// Symbol and id. The hour is a function of the id: copies of a trade have the same time.
    Trade(&'static str, u64),
    /// What cannot be read.
    Poison,
}

/// Few ids, so that many records are copies.
fn sent(symbols: &'static [&'static str]) -> impl Strategy<Value = Vec<Sent>> {
    let record = prop_oneof![
        12 => (prop::sample::select(symbols), 0_u64..25).prop_map(|(symbol, id)| Sent::Trade(symbol, id)),
        1 => Just(Sent::Poison),
    ];
    prop::collection::vec(record, 1..60)
}

fn value(sent: &Sent) -> Vec<u8> {
    match sent {
        Sent::Trade(symbol, id) => event(&trade(symbol, *id, i64::try_from(id % 3).unwrap() * HOUR_US)),
        Sent::Poison => b"{\"e\":\"serverShutdown\"}".to_vec(),
    }
}
