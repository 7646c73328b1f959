//! The archive's promise under every failure: several writers of one partition, stopped between any two steps, with
//! refused operations and lost answers. At every moment no reader sees an id twice, and in the end each is there.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use arrow_array::{
    Array, Int64Array,
    cast::AsArray,
    types::{Decimal128Type, TimestampMicrosecondType},
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::{
    archive::ArchiveLane,
    lane::Lane,
    roll::RollPolicy,
    testing::{Log, LogSource, context, event, repaired_order, trade, until},
};
use crate::{
    audit::{archive::add_file, count::Counts},
    metrics::Reason,
    sink::archive::{
        layout::BatchId,
        memory::{Fault, MemoryStore},
        retry::Retrying,
        store::ArchiveStore,
    },
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
        if let Sent::Trade { symbol, id, .. } = record {
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

fn assert_no_copies(store: &MemoryStore) {
    let counts = counts(store);
    for symbol in counts.symbols() {
        assert!(
            counts.of(symbol).unwrap().repeated.is_empty(),
            "copies of {symbol}"
        );
    }
}

/// Symbol, id and hour by record; a poisoned record now and then.
#[derive(Clone, Debug)]
enum Sent {
    Trade {
        symbol: &'static str,
        id: u64,
        hour: i64,
    },
    Poison,
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let record = prop_oneof![
        12 => (prop_oneof![Just("BTCUSDT"), Just("ETHUSDT")], 0_u64..25, 0_i64..3)
            // The hour is a function of the trade: copies of a trade have the same time.
            .prop_map(|(symbol, id, _)| Sent::Trade { symbol, id, hour: i64::try_from(id).unwrap() % 3 }),
        1 => Just(Sent::Poison),
    ];
    prop::collection::vec(record, 1..60)
}

fn value(sent: &Sent) -> Vec<u8> {
    match sent {
        Sent::Trade { symbol, id, hour } => event(&trade(symbol, *id, hour * HOUR_US)),
        Sent::Poison => b"{\"e\":\"serverShutdown\"}".to_vec(),
    }
}

/// One step of the test.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Lets a writer go on to its next point of rest.
    Go(usize),
    /// Kills a writer where it is, and starts another in its place.
    Kill(usize),
    /// Asks a writer to hand over; one that has ended is replaced.
    Stop(usize),
}

const WRITERS: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        40 => (0..WRITERS).prop_map(Step::Go),
        1 => (0..WRITERS).prop_map(Step::Kill),
        1 => (0..WRITERS).prop_map(Step::Stop),
    ];
    // A writer mostly goes on for a while.
    prop::collection::vec((step, 1_usize..12), 0..250).prop_map(|steps| {
        steps
            .into_iter()
            .flat_map(|(step, times)| match step {
                Step::Go(_) => vec![step; times],
                once => vec![once],
            })
            .collect()
    })
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let fault = prop_oneof![8 => Just(Fault::None), 1 => Just(Fault::Refused), 2 => Just(Fault::AnswerLost)];
    prop::collection::vec(fault, 0..60)
}

struct Writer {
    task: Pin<Box<dyn Future<Output = ()>>>,
    stop: CancellationToken,
}

fn start(store: &Arc<MemoryStore>, log: &Log, name: String, rows: u64) -> Writer {
    let stop = CancellationToken::new();
    let mut source = LogSource::new(log, stop.clone());
    let lane = lane(store, &name, rows);
    let task = Box::pin(async move { lane.run(&mut source, &context(0)).await });
    Writer { task, stop }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn every_id_is_there_exactly_once(sent in sent(), steps in steps(), faults in faults(), rows in 1_u64..8) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _guard = runtime.enter();
        let store = Arc::new(MemoryStore::with_faults(faults));
        let log = log(sent.iter().map(value));
        let mut started = 0;
        let mut next = |rows| {
            started += 1;
            start(&store, &log, format!("writer-{started}"), rows)
        };
        // Each writer rolls at a size of its own, so that their batches differ.
        let mut writers: Vec<Writer> = (0..WRITERS as u64).map(|extra| next(rows + extra)).collect();
        let mut context = Context::from_waker(Waker::noop());
        let mut files = 0;
        for step in steps {
            match step {
                Step::Go(at) => {
                    if writers[at].task.as_mut().poll(&mut context).is_ready() {
                        writers[at] = next(rows);
                    }
                }
                Step::Kill(at) => writers[at] = next(rows),
                Step::Stop(at) => writers[at].stop.cancel(),
            }
            let now = store.finished().len();
            if now != files {
                files = now;
                assert_no_copies(&store);
            }
        }
        drop(writers);
        // A writer that is stopped gives up at a failure, and leaves the rest to the next.
        store.heal();
        runtime.block_on(archive_all(&store, &log, rows));
        assert_complete(&store, &sent);
    }

    #[test]
    fn no_failure_that_passes_within_a_minute_reaches_the_lane(sent in sent(), faults in faults(), rows in 1_u64..8) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        // Even if all of them came in a row, the pauses between so many attempts would be within the minute.
        let faults = faults.into_iter().take(30).collect();
        let store = Arc::new(Retrying::new(MemoryStore::with_faults(faults)));
        let reading = sent.len() * 20 + 600;
        let waited_out = async {
            for _ in 0..reading {
                tokio::time::advance(Duration::from_millis(100)).await;
            }
        };
        let log = log(sent.iter().map(value));
        let retries = runtime.block_on(archive_until(waited_out, &store, &log, rows));
        prop_assert_eq!(retries, 0);
        assert_complete(store.inner(), &sent);
    }
}

#[tokio::test]
async fn files_are_named_by_hour_and_first_offset_and_hold_the_fields_exactly() {
    let store = Arc::new(MemoryStore::default());
    let trades = [
        trade("ETHUSDT", 3, HOUR_US),
        trade("BTCUSDT", 9, HOUR_US),
        trade("BTCUSDT", 8, HOUR_US + 1),
        trade("BTCUSDT", 7, 0),
    ];
    let log = log(trades.iter().map(event));
    archive_all(&store, &log, 100).await;

    let files: BTreeMap<String, Bytes> = store.finished().into_iter().collect();
    let paths: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "dt=2021-01-01/hour=00/part-0-00000000000000000000.parquet",
            "dt=2021-01-01/hour=01/part-0-00000000000000000000.parquet",
        ]
    );
    let file = files[paths[1]].clone();
    let rows = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let texts = |name: &str| -> Vec<String> {
        let column = rows.column_by_name(name).unwrap();
        column
            .as_string::<i32>()
            .iter()
            .map(|text| text.unwrap().to_owned())
            .collect()
    };
    let numbers = |name: &str| {
        rows.column_by_name(name)
            .unwrap()
            .as_any()
            .downcast_ref::<Int64Array>()
            .unwrap()
            .values()
            .to_vec()
    };
    // Sorted by symbol and id.
    assert_eq!(texts("symbol"), ["BTCUSDT", "BTCUSDT", "ETHUSDT"]);
    assert_eq!(texts("exchange"), ["binance"; 3]);
    assert_eq!(texts("src"), ["ws"; 3]);
    assert_eq!(numbers("trade_id"), [8, 9, 3]);
    assert_eq!(numbers("kafka_offset"), [2, 1, 0]);
    let prices = rows
        .column_by_name("price")
        .unwrap()
        .as_primitive::<Decimal128Type>();
    assert_eq!(
        (prices.value_as_string(0), prices.precision()),
        ("39432.48000008".to_owned(), 18)
    );
    let times = rows
        .column_by_name("trade_time")
        .unwrap()
        .as_primitive::<TimestampMicrosecondType>();
    assert_eq!(
        times.values().to_vec(),
        [
            trades[2].trade_time_us,
            trades[1].trade_time_us,
            trades[0].trade_time_us
        ]
    );
    let received = rows
        .column_by_name("recv_time")
        .unwrap()
        .as_primitive::<TimestampMicrosecondType>();
    assert_eq!(received.values().to_vec(), [2, 1, 0]);
    assert_eq!(
        rows.schema().field_with_name("trade_time").unwrap().data_type(),
        times.data_type()
    );
}

#[rstest::rstest]
#[tokio::test]
async fn a_repaired_gap_is_archived_once_in_the_hours_of_its_trades(#[values(1, 4, 100)] rows: u64) {
    let store = Arc::new(MemoryStore::default());
    let of = |id: u64| trade("BTCUSDT", id, i64::try_from(id / 10).unwrap() * HOUR_US);
    let log = log(repaired_order().into_iter().map(|id| event(&of(id))));
    archive_all(&store, &log, rows).await;
    let counts = counts(&store);
    let ids = counts.of("BTCUSDT").unwrap();
    assert_eq!(ids.distinct, (0..40).collect());
    assert!(ids.repeated.is_empty());
    for (path, file) in store.finished() {
        let mut in_file = Counts::default();
        add_file(&mut in_file, file).unwrap();
        let ids = &in_file.of("BTCUSDT").unwrap().distinct;
        let hour = format!("hour={:02}/", ids.first().unwrap() / 10);
        assert!(
            path.contains(&hour) && ids.first().unwrap() / 10 == ids.last().unwrap() / 10,
            "{path}"
        );
    }
}

#[tokio::test]
async fn copies_alone_make_no_file() {
    let store = Arc::new(MemoryStore::default());
    let first = log([event(&trade("BTCUSDT", 1, 0))]);
    archive_all(&store, &first, 1).await;
    first
        .lock()
        .unwrap()
        .extend([event(&trade("BTCUSDT", 1, 0)), b"poison".to_vec()]);
    archive_all(&store, &first, 1).await;
    assert_eq!(store.finished().len(), 1);
    // The next batch begins where the last file ends, not after the copies.
    first.lock().unwrap().push(event(&trade("BTCUSDT", 2, 0)));
    archive_all(&store, &first, 1).await;
    let paths: Vec<String> = store.finished().into_iter().map(|(path, _)| path).collect();
    assert!(
        paths[1].ends_with("part-0-00000000000000000001.parquet"),
        "{paths:?}"
    );
}

#[tokio::test]
async fn a_topic_that_ends_before_the_archive_is_waited_for() {
    let store = Arc::new(MemoryStore::default());
    archive_all(&store, &log((0..3).map(|id| event(&trade("BTCUSDT", id, 0)))), 1).await;
    let before = store.finished();
    let new_topic = log([event(&trade("BTCUSDT", 100, 0))]);
    archive_all(&store, &new_topic, 1).await;
    assert_eq!(store.finished(), before);
}

#[tokio::test]
async fn what_retention_deletes_before_it_is_archived_is_counted() {
    let store = Arc::new(MemoryStore::default());
    let log = log((0..2).map(|id| event(&trade("BTCUSDT", id, 0))));
    let stop = CancellationToken::new();
    let mut source = LogSource::new(&log, stop.clone());
    let low = source.low.clone();
    let lane = lane(&store, "only", 1);
    let context = context(0);
    let watch = async {
        until("the first two are archived", || store.finished().len() == 2).await;
        // The partition stays assigned, and what comes next is gone before it is read.
        log.lock()
            .unwrap()
            .extend((2..8).map(|id| event(&trade("BTCUSDT", id, 0))));
        *low.lock().unwrap() = 6;
        until("the rest is archived", || store.finished().len() == 4).await;
        stop.cancel();
    };
    tokio::join!(lane.run(&mut source, &context), watch);
    assert_eq!(context.metrics.lost_to_retention.get(), 4);

    // The next owner finds the topic's oldest record behind the archive's end.
    log.lock()
        .unwrap()
        .extend((8..12).map(|id| event(&trade("BTCUSDT", id, 0))));
    let stop = CancellationToken::new();
    let mut source = LogSource::new(&log, stop.clone());
    *source.low.lock().unwrap() = 11;
    let watch = async {
        until("the last is archived", || store.finished().len() == 5).await;
        stop.cancel();
    };
    tokio::join!(lane.run(&mut source, &context), watch);
    assert_eq!(context.metrics.lost_to_retention.get(), 4 + 3);
}

#[tokio::test]
async fn a_topic_older_than_the_archive_has_lost_nothing() {
    let store = Arc::new(MemoryStore::default());
    let log = log((0..4).map(|id| event(&trade("BTCUSDT", id, 0))));
    let stop = CancellationToken::new();
    let mut source = LogSource::new(&log, stop.clone());
    *source.low.lock().unwrap() = 3;
    let context = context(0);
    let lane = lane(&store, "only", 1);
    let watch = async {
        until("the oldest record is archived", || store.finished().len() == 1).await;
        stop.cancel();
    };
    tokio::join!(lane.run(&mut source, &context), watch);
    assert_eq!(context.metrics.lost_to_retention.get(), 0);
}

#[tokio::test]
async fn the_same_id_of_two_exchanges_is_two_trades_and_of_an_unknown_one_none() {
    let store = Arc::new(MemoryStore::default());
    // A product of Coinbase, whose id Binance gave away too; a copy; and what nobody can place.
    let log = log([1, 1, 1, 2].map(|id| event(&trade("BTC-USD", id, 0))));
    let stop = CancellationToken::new();
    let mut source = LogSource::new(&log, stop.clone());
    source.exchange = |offset| [Some("coinbase"), None, Some("coinbase"), Some("mtgox")][offset];
    let read = async {
        for _ in 0..300 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (lane, context) = (lane(&store, "one", 100), context(0));
    tokio::join!(lane.run(&mut source, &context), read);

    let (_, file) = store.finished().into_iter().next().unwrap();
    let rows = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let exchanges = rows.column_by_name("exchange").unwrap().as_string::<i32>();
    assert_eq!(
        exchanges.iter().flatten().collect::<Vec<_>>(),
        ["binance", "coinbase"]
    );
}
