//! The hot lane's promise: each trade is in the store, whatever fails, and its place is never ahead of its rows.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex},
    task::{Context, Waker},
};

use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::{
    hot::HotLane,
    lane::Lane,
    testing::{Log, LogSource, context, event, repaired_order, trade, until},
};
use crate::{
    model::{Candle, Fill, Interval, Trade, Window},
    sink::hot::{HotError, HotRow, HotStore, Ledger},
};

/// Rows by key, and the place.
#[derive(Default)]
struct MemoryStore {
    rows: Mutex<BTreeMap<(String, u64), Trade>>,
    candles: Mutex<BTreeMap<(String, String, i64), Candle>>,
    /// Windows whose trades were read.
    read: Mutex<usize>,
    ledger: Mutex<Option<Ledger>>,
    /// Whether the next requests fail, the last one first. A failed write may have written some rows.
    failures: Mutex<Vec<bool>>,
}

impl MemoryStore {
    async fn request(&self) -> Result<(), HotError> {
        tokio::task::yield_now().await;
        match self.failures.lock().unwrap().pop() {
            Some(true) => Err(HotError::new("CassandraUnavailable", "on purpose")),
            _ => Ok(()),
        }
    }
}

impl HotStore for MemoryStore {
    async fn load(&self, _: i32) -> Result<Option<Ledger>, HotError> {
        self.request().await?;
        Ok(self.ledger.lock().unwrap().clone())
    }

    async fn write(&self, rows: &[HotRow]) -> Result<(), HotError> {
        for row in rows {
            self.request().await?;
            let trade = row.trade().clone();
            self.rows
                .lock()
                .unwrap()
                .insert((trade.symbol.to_string(), trade.trade_id), trade);
        }
        Ok(())
    }

    async fn read(&self, window: &Window, mut take: impl FnMut(Fill) + Send) -> Result<(), HotError> {
        self.request().await?;
        *self.read.lock().unwrap() += 1;
        for trade in self.rows.lock().unwrap().values() {
            let open_us = window.interval.open_us(trade.trade_time_us);
            if trade.symbol == window.symbol && open_us == window.open_us {
                take(Fill::from(trade));
            }
        }
        Ok(())
    }

    async fn write_candles(&self, candles: &[Candle]) -> Result<(), HotError> {
        for candle in candles {
            self.request().await?;
            let window = &candle.window;
            let key = (
                window.symbol.to_string(),
                window.interval.to_string(),
                window.open_us,
            );
            let mut table = self.candles.lock().unwrap();
            let old = table.entry(key).or_insert_with(|| candle.clone());
            // As Cassandra does by write timestamps.
            if candle.version() > old.version() {
                *old = candle.clone();
            }
        }
        Ok(())
    }

    async fn save(&self, _: i32, ledger: &Ledger) -> Result<(), HotError> {
        self.request().await?;
        let covered = ledger.seen.trades();
        assert!(
            covered <= self.rows.lock().unwrap().len() as u64,
            "the place is ahead of the rows"
        );
        *self.ledger.lock().unwrap() = Some(ledger.clone());
        Ok(())
    }
}

fn intervals() -> Vec<Interval> {
    ["1s", "1m"].map(|name| name.parse().unwrap()).to_vec()
}

fn events(ids: &[u64]) -> Log {
    Arc::new(Mutex::new(
        ids.iter().map(|id| event(&trade("BTCUSDT", *id, 0))).collect(),
    ))
}

async fn run_to_the_end(store: &Arc<MemoryStore>, log: &Log) {
    let stop = CancellationToken::new();
    let mut source = LogSource::new(log, stop.clone());
    let lane = HotLane::new(store.clone(), None, intervals());
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
            let lane = HotLane::new(store.clone(), None, intervals());
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
    let lane = HotLane::new(store.clone(), None, intervals());
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
