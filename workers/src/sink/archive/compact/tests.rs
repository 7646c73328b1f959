//! Compaction under every failure: stopped before or after any change of the archive, with lost answers, beside writers
//! and beside another compactor. After every change an independent reader finds each row exactly once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use bytes::Bytes;
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::RowAccessor,
};
use rstest::rstest;

use super::{
    super::{
        batch::{Checkpoint, OpenBatch},
        memory::{Fault, MemoryStore},
        publish::{Publication, Published},
        recover::{Listing, recover},
        retry::Retrying,
        store::{ArchiveStore, StoreError, StoredFile, Tail},
    },
    *,
};
use crate::{kafka::Record, processor::testing::trade};

const HOUR_US: i64 = 3_600_000_000;
/// Number of the change before or after which everything stops.
const NEVER: usize = usize::MAX;

/// What happens at the change after which everything stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Before,
    After,
}

/// An archive whose compactor is killed at one of its changes, and that is read after every one.
struct Watched {
    inner: Arc<MemoryStore>,
    changes: AtomicUsize,
    at: usize,
    stop: Stop,
    expected: Mutex<BTreeMap<(String, i64), usize>>,
    /// Done after the change of this number.
    meanwhile: Mutex<Vec<(usize, Meanwhile)>>,
}

type Meanwhile = Box<dyn FnOnce(&Watched) + Send>;

impl Watched {
    fn new(inner: &Arc<MemoryStore>, at: usize, stop: Stop) -> Arc<Self> {
        Arc::new(Self {
            inner: inner.clone(),
            changes: AtomicUsize::new(0),
            at,
            stop,
            expected: Mutex::new(rows(inner)),
            meanwhile: Mutex::default(),
        })
    }

    fn changes(&self) -> usize {
        self.changes.load(Ordering::Relaxed)
    }

    async fn change(&self, change: impl Future<Output = Result<(), StoreError>>) -> Result<(), StoreError> {
        let killed = || StoreError::Refused {
            reason: "Killed",
            message: String::new(),
        };
        let number = self.changes.fetch_add(1, Ordering::Relaxed);
        if number > self.at || (number == self.at && self.stop == Stop::Before) {
            return Err(killed());
        }
        let answer = change.await;
        let due = {
            let mut meanwhile = self.meanwhile.lock().unwrap();
            let at = meanwhile.iter().position(|(at, _)| *at == number);
            at.map(|at| meanwhile.remove(at).1)
        };
        if let Some(due) = due {
            due(self);
        }
        assert_eq!(
            rows(&self.inner),
            *self.expected.lock().unwrap(),
            "after change {number}"
        );
        if number == self.at { Err(killed()) } else { answer }
    }
}

impl ArchiveStore for Watched {
    async fn list(&self, folder: &str) -> Result<Vec<StoredFile>, StoreError> {
        self.inner.list(folder).await
    }

    async fn write(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.change(self.inner.write(path, bytes)).await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.change(self.inner.rename(from, to)).await
    }

    async fn read_tail(&self, path: &str, length: u64) -> Result<Tail, StoreError> {
        self.inner.read_tail(path, length).await
    }

    async fn delete(&self, path: &str) -> Result<(), StoreError> {
        self.change(self.inner.delete(path)).await
    }
}

impl SwapStore for Watched {
    async fn write_within(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.change(self.inner.write_within(path, bytes)).await
    }

    async fn concat(&self, target: &str, sources: &[String]) -> Result<(), StoreError> {
        self.change(self.inner.concat(target, sources)).await
    }

    async fn replace(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.change(self.inner.replace(from, to)).await
    }
}

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

fn batch(
    checkpoint: Checkpoint,
    partition: i32,
    trades: &[(&str, u64, i64)],
) -> super::super::batch::ClosedBatch {
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

#[tokio::test]
async fn a_closed_day_becomes_one_sorted_file_an_hour_and_then_stays_as_it_is() {
    let store = archive().await;
    let watched = Watched::new(&store, NEVER, Stop::After);
    let report = compact(&watched, "a").await.unwrap();
    assert_compacted(&store);
    assert_eq!(
        (report.hours, report.merged, report.made, report.rows),
        (2, 5, 2, 8)
    );
    assert!(report.failed.is_empty());

    let before = store.files().clone();
    let again = compact(&store, "b").await.unwrap();
    assert_eq!((again.merged, again.made), (0, 0));
    assert_eq!(*store.files(), before);
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_merged_and_changes_nothing() {
    let store = archive().await;
    let before = store.files().clone();
    let now = SystemTime::now();
    let watched = Watched::new(&store, 0, Stop::Before);
    let report = Compactor::new(watched, "a", now).dry_run(now).await.unwrap();
    assert_eq!((report.hours, report.merged, report.made), (2, 5, 2));
    assert_eq!(*store.files(), before);
}

/// All fields survive, also those that no reader above looks at.
#[tokio::test]
async fn a_compacted_file_holds_every_column_of_its_originals() {
    let store = archive().await;
    let all = |store: &MemoryStore| {
        let mut rows = Vec::new();
        for (_, bytes) in visible(store) {
            let file = SerializedFileReader::new(bytes).unwrap();
            rows.extend(
                file.get_row_iter(None)
                    .unwrap()
                    .map(|row| row.unwrap().to_string()),
            );
        }
        rows.sort();
        rows
    };
    let before = all(&store);
    compact(&store, "a").await.unwrap();
    assert_eq!(all(&store), before);
}

#[rstest]
#[tokio::test]
async fn killed_at_any_change_it_shows_each_row_once_and_the_next_run_finishes(
    #[values(Stop::Before, Stop::After)] stop: Stop,
) {
    let whole = Watched::new(&archive().await, NEVER, stop);
    compact(&whole, "a").await.unwrap();
    assert!(whole.changes() > 15);
    for at in 0..whole.changes() {
        let store = archive().await;
        let killed = Watched::new(&store, at, stop);
        let ended = compact(&killed, "a").await;
        assert!(killed.changes() > at, "{ended:?}");
        let second = Watched::new(&store, NEVER, stop);
        let report = compact(&second, "b").await.unwrap();
        assert!(report.failed.is_empty(), "killed {stop:?} {at}: {report:?}");
        assert_compacted(&store);
    }
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_or_a_refusal_that_passes_is_ridden_out(
    #[values(Fault::AnswerLost, Fault::Refused)] fault: Fault,
) {
    for at in 0..25 {
        let store = archive().await;
        let mut faults = vec![Fault::None; at];
        faults.insert(0, fault);
        store.fail(faults);
        let before = rows(&store);
        let inner = Watched::new(&store, NEVER, Stop::After);
        let report = compact(&Arc::new(Retrying::new(Shared(inner))), "a")
            .await
            .unwrap();
        assert!(report.failed.is_empty(), "{fault:?} at {at}: {report:?}");
        assert_compacted(&store);
        assert_eq!(rows(&store), before);
    }
}

/// A watched archive behind something that owns its store.
struct Shared(Arc<Watched>);

impl ArchiveStore for Shared {
    async fn list(&self, folder: &str) -> Result<Vec<StoredFile>, StoreError> {
        self.0.list(folder).await
    }
    async fn write(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.0.write(path, bytes).await
    }
    async fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.0.rename(from, to).await
    }
    async fn read_tail(&self, path: &str, length: u64) -> Result<Tail, StoreError> {
        self.0.read_tail(path, length).await
    }
    async fn delete(&self, path: &str) -> Result<(), StoreError> {
        self.0.delete(path).await
    }
}

impl SwapStore for Shared {
    async fn write_within(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.0.write_within(path, bytes).await
    }
    async fn concat(&self, target: &str, sources: &[String]) -> Result<(), StoreError> {
        self.0.concat(target, sources).await
    }
    async fn replace(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.0.replace(from, to).await
    }
}

/// Puts a file with one late trade into the first hour, as a writer does between any two changes.
fn late(watched: &Watched, number: u64) {
    let checkpoint = Checkpoint {
        next: i64::try_from(1_000 + number).unwrap(),
        ..Checkpoint::default()
    };
    let closed = batch(checkpoint, 5, &[("LTCUSDT", number, 0)]);
    for file in closed.files {
        watched
            .inner
            .files()
            .insert(closed.id.path(file.hour), file.bytes);
    }
    *watched
        .expected
        .lock()
        .unwrap()
        .entry(("LTCUSDT".to_owned(), i64::try_from(number).unwrap()))
        .or_default() += 1;
}

#[tokio::test]
async fn what_writers_add_meanwhile_and_later_is_kept_and_merged_by_the_next_run() {
    let whole = Watched::new(&archive().await, NEVER, Stop::After);
    compact(&whole, "a").await.unwrap();
    for at in 0..whole.changes() {
        let store = archive().await;
        let watched = Watched::new(&store, NEVER, Stop::After);
        for number in 0..4 {
            let put = move |watched: &Watched| late(watched, number);
            let put: Meanwhile = Box::new(put);
            watched
                .meanwhile
                .lock()
                .unwrap()
                .push((at + usize::try_from(number).unwrap(), put));
        }
        assert!(compact(&watched, "a").await.unwrap().failed.is_empty());
        let again = Watched::new(&store, NEVER, Stop::After);
        compact(&again, "b").await.unwrap();
        let late = paths(&store)
            .iter()
            .filter(|path| path.contains("part-5-"))
            .count();
        assert!(late <= 2, "all but the two newest batches are merged");
        assert_eq!(
            paths(&store)
                .iter()
                .filter(|path| path.contains("hour=00/compacted"))
                .count(),
            1
        );
    }
}

#[tokio::test]
async fn a_compactor_that_is_overtaken_at_any_change_harms_nothing() {
    let whole = Watched::new(&archive().await, NEVER, Stop::After);
    compact(&whole, "a").await.unwrap();
    for at in 0..whole.changes() {
        let store = archive().await;
        let watched = Watched::new(&store, NEVER, Stop::After);
        // Another compactor begins and ends between two changes of this one.
        let overtake = move |watched: &Watched| {
            let inner = Watched::new(&watched.inner, NEVER, Stop::After);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            std::thread::scope(|scope| {
                scope.spawn(move || runtime.block_on(compact(&inner, "z")).unwrap());
            });
        };
        watched.meanwhile.lock().unwrap().push((at, Box::new(overtake)));
        // It may fail, having lost its files; what matters is what readers see.
        let _ = compact(&watched, "a").await;
        assert_compacted_or_stray(&store);
        compact(&Watched::new(&store, NEVER, Stop::After), "last")
            .await
            .unwrap();
        assert_compacted(&store);
    }
}

fn assert_compacted_or_stray(store: &MemoryStore) {
    let expected: usize = rows(store).values().sum();
    assert_eq!(expected, 12);
}

#[tokio::test]
async fn of_two_that_begin_together_the_later_stays() {
    let store = archive().await;
    let now = SystemTime::now();
    let earlier = Compactor::new(store.clone(), "a", now);
    // The other's folder comes after this one has deleted what was there.
    let watched = Watched::new(&store, NEVER, Stop::After);
    let come = |watched: &Watched| {
        watched
            .inner
            .files()
            .insert(format!("{FOLDER}/99999999999999999-z/run"), Bytes::new());
    };
    watched.meanwhile.lock().unwrap().push((0, Box::new(come)));
    let earlier = Compactor {
        store: watched,
        run: earlier.run,
        number: 0,
        report: Report::default(),
    };
    assert_eq!(
        earlier.run(now).await.unwrap_err().reason(),
        "CompactionSuperseded"
    );
}

#[rstest]
#[case::damaged(true)]
#[case::no_parquet(false)]
#[tokio::test]
async fn a_damaged_original_refuses_its_hour_and_no_other(#[case] page: bool) {
    let store = archive().await;
    let path = paths(&store)
        .into_iter()
        .find(|path| path.contains("hour=00/part-0"))
        .unwrap();
    let mut bytes = store.files()[&path].to_vec();
    if page {
        // Within the pages of the first columns.
        for byte in &mut bytes[8..120] {
            *byte ^= 0x5a;
        }
    } else {
        bytes.truncate(40);
    }
    store.files().insert(path.clone(), bytes.into());
    let before: Vec<_> = visible(&store)
        .into_iter()
        .filter(|(path, _)| path.contains("hour=00"))
        .collect();
    let report = compact(&store, "a").await.unwrap();
    assert_eq!(report.failed.len(), 1);
    assert_eq!(report.failed[0].reason, "ArchiveFileUnreadable");
    assert!(report.failed[0].message.contains(&path), "{report:?}");
    assert_eq!(report.made, 1);
    let after: Vec<_> = visible(&store)
        .into_iter()
        .filter(|(path, _)| path.contains("hour=00"))
        .collect();
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_writer_goes_on_from_where_it_was() {
    let store = archive().await;
    let mut before = Vec::new();
    for partition in 0..2 {
        let listing = Listing::of(&*store).await.unwrap();
        before.push(recover(&*store, &listing, partition).await.unwrap());
    }
    compact(&store, "a").await.unwrap();
    let listing = Listing::of(&*store).await.unwrap();
    for (partition, before) in (0..2).zip(before) {
        assert_eq!(recover(&*store, &listing, partition).await.unwrap(), before);
    }
    // Also one whose newest batch lacks a file, which is made from what the one before has seen.
    publish(&*store, 0, &[("BTCUSDT", 30, 0), ("BTCUSDT", 31, 1)]).await;
    let newest = paths(&store)
        .into_iter()
        .rfind(|path| path.contains("hour=01/part-0"))
        .unwrap();
    store.files().remove(&newest);
    let listing = Listing::of(&*store).await.unwrap();
    let incomplete = recover(&*store, &listing, 0).await.unwrap();
    assert!(incomplete.incomplete.is_some());
    compact(&store, "b").await.unwrap();
    let listing = Listing::of(&*store).await.unwrap();
    assert_eq!(recover(&*store, &listing, 0).await.unwrap(), incomplete);
}

#[tokio::test]
async fn a_refused_concat_leaves_no_file_behind() {
    let store = archive().await;
    let before = store.files().clone();
    // HDFS refuses a source without bytes; this one is said to have some.
    let group: Vec<Candidate> = before
        .keys()
        .filter(|path| path.contains("hour=01"))
        .map(|path| Candidate {
            path: path.clone(),
            length: 1,
            compacted: false,
        })
        .collect();
    let originals: Vec<Original> = group
        .iter()
        .map(|file| Original {
            path: file.path.clone(),
            bytes: before[&file.path].clone(),
        })
        .collect();
    let prepared = files::prepare(&originals, "r").unwrap();
    store.files().insert(format!("{FOLDER}/r/run"), Bytes::new());
    store.files().insert(group[0].path.clone(), Bytes::new());
    let hour = Hour::parse("dt=2021-01-01/hour=01").unwrap();
    let swap = Swap {
        store: &*store,
        run: "r",
        number: 0,
        hour,
    };
    let paths: Vec<String> = group.iter().map(|file| file.path.clone()).collect();
    assert_eq!(
        swap.many(&paths, &prepared).await.unwrap_err().reason(),
        "HdfsRequestFailed"
    );
    store
        .files()
        .insert(group[0].path.clone(), before[&group[0].path].clone());
    let visible: Vec<_> = store.finished();
    assert_eq!(
        visible,
        before
            .into_iter()
            .filter(|(path, _)| !path.starts_with('_'))
            .collect::<Vec<_>>()
    );
}
