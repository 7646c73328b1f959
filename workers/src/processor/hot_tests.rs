//! The hot lane's promise: each trade is in the store, whatever fails, and its place is never ahead of its rows.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    task::{Context, Waker},
};

use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::{
    hot::HotLane,
    lane::Lane,
    memory_store::MemoryStore,
    testing::{Log, LogSource, context, event, repaired_order, trade, until},
};

fn events(ids: &[u64]) -> Log {
    Arc::new(Mutex::new(
        ids.iter().map(|id| event(&trade("BTCUSDT", *id, 0))).collect(),
    ))
}

async fn run_to_the_end(store: &Arc<MemoryStore>, log: &Log) {
    let stop = CancellationToken::new();
    let mut source = LogSource::new(log, stop.clone());
    let lane = HotLane::new(store.clone(), None, vec![]);
    let context = context(0);
    let end = log.lock().unwrap().len();
    let watch = async {
        for _ in 0..end * 20 + 500 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    tokio::join!(lane.run(&mut source, &context), watch);
}

proptest! {
    #[test]
    fn every_trade_is_there_in_the_end(
        ids in prop::collection::vec(0_u64..40, 1..80),
        failures in prop::collection::vec(prop::bool::weighted(0.2), 0..60),
        kills in prop::collection::vec(1_usize..200, 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _guard = runtime.enter();
        let store = Arc::new(MemoryStore { failures: Mutex::new(failures), ..MemoryStore::default() });
        let log = events(&ids);
        for polls in kills {
            let mut source = LogSource::new(&log, CancellationToken::new());
            let lane = HotLane::new(store.clone(), None, vec![]);
            let context = context(0);
            let mut run = Box::pin(lane.run(&mut source, &context));
            for _ in 0..polls {
                let _ = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
        }
        // A lane that is stopped gives up at a failure, and leaves the rest to the next.
        store.failures.lock().unwrap().clear();
        runtime.block_on(run_to_the_end(&store, &log));
        let mut expected = ids.clone();
        expected.sort_unstable();
        expected.dedup();
        let found: Vec<u64> = store.rows.lock().unwrap().keys().map(|(_, id)| *id).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(store.ledger.lock().unwrap().clone().unwrap().next, i64::try_from(ids.len()).unwrap());
    }
}

#[tokio::test]
async fn a_repaired_gap_leaves_nothing_missing_and_nothing_twice() {
    let store = Arc::new(MemoryStore::default());
    run_to_the_end(&store, &events(&repaired_order())).await;
    assert_eq!(store.rows.lock().unwrap().len(), 40);
    let ledger = store.ledger.lock().unwrap().clone().unwrap();
    assert_eq!((ledger.seen.trades(), ledger.seen.missing()), (40, 0));
}

#[tokio::test]
async fn a_topic_made_anew_is_read_from_its_beginning() {
    let store = Arc::new(MemoryStore::default());
    run_to_the_end(&store, &events(&[1, 2, 3])).await;
    run_to_the_end(&store, &events(&[3, 4])).await;
    assert_eq!(store.rows.lock().unwrap().len(), 4);
    assert_eq!(store.ledger.lock().unwrap().as_ref().unwrap().next, 2);
}

#[tokio::test]
async fn what_retention_deletes_before_it_is_written_is_counted() {
    let store = Arc::new(MemoryStore::default());
    let rows = |store: &MemoryStore| store.rows.lock().unwrap().len();
    let log = events(&[0, 1]);
    let stop = CancellationToken::new();
    let mut source = LogSource::new(&log, stop.clone());
    let low = source.low.clone();
    let lane = HotLane::new(store.clone(), None, vec![]);
    let context = context(0);
    let watch = async {
        until("the first two are written", || rows(&store) == 2).await;
        // The partition stays assigned, and what comes next is gone before it is read.
        log.lock()
            .unwrap()
            .extend(events(&[2, 3, 4, 5, 6, 7]).lock().unwrap().drain(..));
        *low.lock().unwrap() = 6;
        until("the rest is written", || rows(&store) == 4).await;
        stop.cancel();
    };
    tokio::join!(lane.run(&mut source, &context), watch);
    assert_eq!(context.metrics.lost_to_retention.get(), 4);

    // The next owner finds the topic's oldest record behind the place that was kept.
    log.lock()
        .unwrap()
        .extend(events(&[8, 9, 10, 11]).lock().unwrap().drain(..));
    let stop = CancellationToken::new();
    let mut source = LogSource::new(&log, stop.clone());
    *source.low.lock().unwrap() = 11;
    let watch = async {
        until("the last is written", || rows(&store) == 5).await;
        stop.cancel();
    };
    tokio::join!(lane.run(&mut source, &context), watch);
    assert_eq!(context.metrics.lost_to_retention.get(), 4 + 3);
}
