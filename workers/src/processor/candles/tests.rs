//! Candles through the hot lane: whatever the order of the trades and whatever fails, they are what an independent
//! computation says.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    io::Read,
    sync::{Arc, Mutex},
    task::{Context, Waker},
    time::Duration,
};

use flate2::read::GzDecoder;
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::{
    model::{Decimal, Interval, Trade},
    processor::{
        hot::HotLane,
        lane::Lane,
        memory_store::MemoryStore,
        testing::{Log, LogSource, context, event, trade},
    },
};

const NAMES: [&str; 3] = ["1s", "7s", "1m"];

/// Interval, start in milliseconds, then the columns of the table from `open` on.
type Row = (String, i64, Vec<String>);

fn lane(store: &Arc<MemoryStore>, names: &[&str]) -> HotLane<MemoryStore> {
    let intervals: Vec<Interval> = names.iter().map(|name| name.parse().unwrap()).collect();
    HotLane::new(store.clone(), None, intervals)
}

/// Three trades a second, some of them with a time from before their predecessors'.
fn timed(id: u64) -> Trade {
    let back = if id % 17 == 5 { 1_700_000 } else { 0 };
    Trade {
        quantity: Decimal::from_mantissa(i128::from(id % 7 + 1) * 12_345_679).unwrap(),
        ..trade(
            "BTCUSDT",
            id,
            10_000_000 + i64::try_from(id).unwrap() * 330_000 - back,
        )
    }
}

fn log(ids: &[u64]) -> Log {
    Arc::new(Mutex::new(ids.iter().map(|id| event(&timed(*id))).collect()))
}

fn rows(store: &MemoryStore) -> BTreeSet<Row> {
    let candles = store.candles.lock().unwrap();
    let row = candles.values().map(|candle| {
        let figures = &candle.figures;
        let columns = vec![
            figures.open.to_string(),
            figures.high.to_string(),
            figures.low.to_string(),
            figures.close.to_string(),
            figures.volume.to_string(),
            figures.quote_volume.to_string(),
            figures.taker_buy_volume.to_string(),
            figures.trades.to_string(),
            figures.first_id.to_string(),
            figures.last_id.to_string(),
            figures.vwap.to_string(),
            candle.is_final.to_string(),
        ];
        (
            candle.window.interval.to_string(),
            candle.window.open_us / 1_000,
            columns,
        )
    });
    row.collect()
}

/// What the rows must be, told from nothing but the trades.
fn expected(ids: &BTreeSet<u64>, names: &[&str]) -> BTreeSet<Row> {
    let trades: Vec<Trade> = ids.iter().map(|id| timed(*id)).collect();
    let mut rows = BTreeSet::new();
    for name in names {
        let seconds = match name.split_at(name.len() - 1) {
            (number, "m") => number.parse::<i64>().unwrap() * 60,
            (number, _) => number.parse().unwrap(),
        };
        let mut windows: BTreeMap<i64, Vec<&Trade>> = BTreeMap::new();
        for trade in &trades {
            let start = trade.trade_time_us / (seconds * 1_000_000) * seconds * 1_000;
            windows.entry(start).or_default().push(trade);
        }
        for (start, trades_within) in windows {
            let (first, last) = (trades_within[0], trades_within[trades_within.len() - 1]);
            let prices = trades_within.iter().map(|trade| trade.price);
            let volume: i128 = trades_within.iter().map(|trade| trade.quantity.mantissa()).sum();
            let taker_buy: i128 = trades_within
                .iter()
                .map(|trade| {
                    if trade.buyer_is_maker {
                        0
                    } else {
                        trade.quantity.mantissa()
                    }
                })
                .sum();
            let quote: i128 = trades_within
                .iter()
                .map(|trade| trade.quantity.mantissa() * trade.price.mantissa())
                .sum();
            let (mut vwap, rest) = (quote * 100_000_000 / volume, quote * 100_000_000 % volume);
            vwap += i128::from(rest * 2 > volume || (rest * 2 == volume && vwap % 2 == 1));
            let before = first.trade_id.saturating_sub(1);
            let is_final = (before..=last.trade_id + 1).all(|id| ids.contains(&id))
                && trades
                    .iter()
                    .any(|trade| trade.trade_time_us / 1_000 >= start + seconds * 1_000);
            let decimal = |mantissa| Decimal::from_mantissa(mantissa).unwrap().to_string();
            let wide = |mantissa: i128| {
                format!(
                    "{}.{:016}",
                    mantissa / 10_i128.pow(16),
                    mantissa % 10_i128.pow(16)
                )
            };
            let columns = vec![
                first.price.to_string(),
                prices.clone().max().unwrap().to_string(),
                prices.min().unwrap().to_string(),
                last.price.to_string(),
                decimal(volume),
                wide(quote),
                decimal(taker_buy),
                trades_within.len().to_string(),
                first.trade_id.to_string(),
                last.trade_id.to_string(),
                wide(vwap),
                is_final.to_string(),
            ];
            rows.insert(((*name).to_owned(), start, columns));
        }
    }
    rows
}

/// Lets so many other tasks run, and candles be told that were told a moment ago.
async fn settle(turns: usize) {
    for _ in 0..3 {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(Duration::from_secs(2)).await;
    }
}

/// Runs lanes side by side until nothing is left to do: more than one when the group has lost sight of a former owner.
async fn run_to_the_end(store: &Arc<MemoryStore>, log: &Log, low: usize, owners: usize, names: &[&str]) {
    let stop = CancellationToken::new();
    let lane = lane(store, names);
    let turns = log.lock().unwrap().len() * 4 + 400;
    let owners = (0..owners).map(|_| async {
        let mut source = LogSource::new(log, stop.clone());
        *source.low.lock().unwrap() = low;
        lane.run(&mut source, &context(0)).await;
    });
    let watch = async {
        settle(turns).await;
        stop.cancel();
    };
    tokio::join!(futures::future::join_all(owners), watch);
}

fn next(store: &MemoryStore) -> usize {
    let ledger = store.ledger.lock().unwrap();
    ledger
        .as_ref()
        .map_or(0, |ledger| usize::try_from(ledger.next).unwrap())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn candles_are_what_the_trades_say_whatever_happens(
        ids in prop::collection::vec(0_u64..60, 1..150),
        failures in prop::collection::vec(prop::bool::weighted(0.1), 0..60),
        // So many polls until a lane is killed, and whether Kafka then deletes all that the place has left behind.
        kills in prop::collection::vec((1_usize..600, any::<bool>()), 0..6),
        owners in 1_usize..3,
    ) {
        let runtime = runtime();
        let _guard = runtime.enter();
        let store = Arc::new(MemoryStore { failures: Mutex::new(failures), ..MemoryStore::default() });
        let log = log(&ids);
        let mut low = 0;
        for (polls, deleted) in kills {
            let mut source = LogSource::new(&log, CancellationToken::new());
            *source.low.lock().unwrap() = low;
            let lane = lane(&store, &NAMES);
            let context = context(0);
            let mut run = Box::pin(lane.run(&mut source, &context));
            for _ in 0..polls {
                let _ = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
            if deleted {
                low = next(&store);
            }
        }
        store.failures.lock().unwrap().clear();
        runtime.block_on(run_to_the_end(&store, &log, low, owners, &NAMES));
        prop_assert_eq!(rows(&store), expected(&ids.iter().copied().collect(), &NAMES));
    }

    #[test]
    fn what_comes_while_a_lane_runs_corrects_what_was_told(
        first in prop::collection::vec(0_u64..60, 1..80),
        then in prop::collection::vec(0_u64..60, 1..80),
    ) {
        let store = Arc::new(MemoryStore::default());
        let log = log(&first);
        let told = runtime().block_on(async {
            let stop = CancellationToken::new();
            let mut source = LogSource::new(&log, stop.clone());
            let lane = lane(&store, &NAMES);
            let context = context(0);
            let watch = async {
                settle(first.len() * 4 + 300).await;
                let told = rows(&store);
                log.lock().unwrap().extend(then.iter().map(|id| event(&timed(*id))));
                settle(then.len() * 4 + 300).await;
                stop.cancel();
                told
            };
            tokio::join!(lane.run(&mut source, &context), watch).1
        });
        prop_assert_eq!(told, expected(&first.iter().copied().collect(), &NAMES));
        prop_assert_eq!(rows(&store), expected(&first.into_iter().chain(then).collect(), &NAMES));
    }
}

fn is_final(store: &MemoryStore, name: &str, start_s: i64) -> Option<(u64, bool)> {
    let open_us = trade("BTCUSDT", 0, start_s * 1_000_000).trade_time_us;
    let candles = store.candles.lock().unwrap();
    let candle = candles.get(&("BTCUSDT".to_owned(), name.to_owned(), open_us))?;
    Some((candle.figures.trades, candle.is_final))
}

fn log_of(trades: &[(u64, i64)]) -> Log {
    let events = trades
        .iter()
        .map(|(id, time_ms)| event(&trade("BTCUSDT", *id, time_ms * 1_000)));
    Arc::new(Mutex::new(events.collect()))
}

#[tokio::test(start_paused = true)]
async fn the_window_in_which_reading_began_is_never_final() {
    let store = Arc::new(MemoryStore::default());
    let log = log_of(&[(100, 500), (101, 1_200), (102, 2_100), (103, 3_000)]);
    run_to_the_end(&store, &log, 0, 1, &["1s"]).await;
    let told = [0, 1, 2, 3].map(|second| is_final(&store, "1s", second));
    assert_eq!(
        told,
        [
            Some((1, false)),
            Some((1, true)),
            Some((1, true)),
            Some((1, false))
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_id_on_either_side_keeps_a_window_open_until_it_is_repaired() {
    let store = Arc::new(MemoryStore::default());
    // 12 is missing: between the windows of 11 and 13.
    let log = log_of(&[(10, 500), (11, 1_200), (13, 2_100), (14, 3_000), (15, 4_000)]);
    run_to_the_end(&store, &log, 0, 1, &["1s"]).await;
    let told = || [1, 2, 3].map(|second| is_final(&store, "1s", second));
    assert_eq!(told(), [Some((1, false)), Some((1, false)), Some((1, true))]);
    // A new owner of the partition has the repaired trade.
    log.lock().unwrap().push(event(&trade("BTCUSDT", 12, 1_900_000)));
    run_to_the_end(&store, &log, 0, 1, &["1s"]).await;
    assert_eq!(told(), [Some((2, true)), Some((1, true)), Some((1, true))]);
    assert_eq!(*store.read.lock().unwrap(), 0, "Kafka still has all");
}

#[tokio::test(start_paused = true)]
async fn a_window_of_a_new_interval_is_read_from_the_table() {
    let store = Arc::new(MemoryStore::default());
    let log = log_of(&[(10, 500), (11, 1_200), (12, 2_100)]);
    run_to_the_end(&store, &log, 0, 1, &["1s"]).await;
    log.lock().unwrap().push(event(&trade("BTCUSDT", 13, 2_200_000)));
    run_to_the_end(&store, &log, 0, 1, &["1s", "1m"]).await;
    assert_eq!(is_final(&store, "1m", 0), Some((4, false)));
}

#[tokio::test(start_paused = true)]
async fn a_sum_that_cannot_be_kept_stops_nothing_and_is_counted() {
    let store = Arc::new(MemoryStore::default());
    let huge = |id, time_us| Trade {
        price: "9999999999.99999999".parse().unwrap(),
        quantity: "999999999999.99999999".parse().unwrap(),
        ..trade("BTCUSDT", id, time_us)
    };
    let trades = [
        huge(1, 0),
        huge(2, 1),
        trade("BTCUSDT", 3, 1_000_000),
        trade("BTCUSDT", 4, 2_000_000),
    ];
    let log: Log = Arc::new(Mutex::new(trades.iter().map(event).collect()));
    let stop = CancellationToken::new();
    let mut source = LogSource::new(&log, stop.clone());
    let (lane, context) = (lane(&store, &["1s"]), context(0));
    let watch = async {
        settle(500).await;
        stop.cancel();
    };
    tokio::join!(lane.run(&mut source, &context), watch);
    assert_eq!(context.metrics.candle_overflows.get(), 1);
    assert_eq!(store.rows.lock().unwrap().len(), 4);
    assert_eq!(
        [0, 1].map(|second| is_final(&store, "1s", second)),
        [None, Some((1, true))]
    );
}

#[tokio::test(start_paused = true)]
async fn windows_that_wait_for_ids_that_never_come_are_bounded_and_still_corrected() {
    let store = Arc::new(MemoryStore::default());
    // Every other id is missing, one trade a second.
    let mut trades: Vec<(u64, i64)> = (0..600)
        .map(|n| (2 * n, i64::try_from(n).unwrap() * 1_000))
        .collect();
    let log = log_of(&trades);
    run_to_the_end(&store, &log, 0, 1, &["1s"]).await;
    let open = store.ledger.lock().unwrap().as_ref().unwrap().open.iter().count();
    assert!(open <= 256, "{open} windows are held");
    assert_eq!(is_final(&store, "1s", 300), Some((1, false)));
    // Much later the ids around one of them come after all.
    trades.extend([(599, 299_900), (601, 300_500)]);
    log.lock().unwrap().clone_from(&log_of(&trades).lock().unwrap());
    run_to_the_end(&store, &log, 0, 1, &["1s"]).await;
    assert_eq!(is_final(&store, "1s", 300), Some((2, true)));
    assert!(*store.read.lock().unwrap() > 0);
}

#[tokio::test(start_paused = true)]
async fn candles_of_recorded_trades_are_those_that_python_computes() {
    const RECORDING: &str = "/../e2e/exchange-sim/data/BTCUSDT-trades-2021-01-08.jsonl.gz";
    const EXPECTED: &str = "/../e2e/candles/expected.csv";
    let file = |path: &str| std::fs::File::open(format!("{}{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (mut lines, mut table) = (String::new(), String::new());
    GzDecoder::new(file(RECORDING))
        .read_to_string(&mut lines)
        .unwrap();
    file(EXPECTED).read_to_string(&mut table).unwrap();
    let mut events: Vec<Vec<u8>> = lines.lines().map(|line| line.as_bytes().to_vec()).collect();
    // As if a gap had been repaired, with copies.
    events[300..1_500].reverse();
    events.extend_from_within(1_400..1_600);
    let store = Arc::new(MemoryStore::default());
    run_to_the_end(
        &store,
        &Arc::new(Mutex::new(events)),
        0,
        1,
        &["1s", "5s", "1m", "1h", "1d"],
    )
    .await;
    let expected = table.lines().skip(1).map(|line| {
        let mut fields = line.split(',').map(str::to_owned);
        let (interval, start) = (fields.next().unwrap(), fields.next().unwrap());
        (interval, start.parse().unwrap(), fields.collect())
    });
    assert_eq!(rows(&store), expected.collect::<BTreeSet<Row>>());
}
