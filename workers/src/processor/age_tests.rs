//! A trade's age is told once it is durable, and not before.

use std::sync::{Arc, Mutex};

use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use super::{
    archive::ArchiveLane,
    context::PartitionContext,
    hot::HotLane,
    lane::Lane,
    memory_store,
    metrics::LaneMetrics,
    roll::RollPolicy,
    testing::{Log, LogSource, context, event, trade, until},
};
use crate::{
    clock::now_ms,
    metrics::{self, Reason},
    sink::archive::memory::{Fault, MemoryStore},
};

const HOUR_US: i64 = 3_600_000_000;
const MINUTE_MS: i64 = 60_000;

/// A lane's metrics as Prometheus reads them.
struct Page(Registry);

impl Page {
    fn of(lane: &str, policy: Option<RollPolicy>) -> (Self, PartitionContext) {
        let mut registry = metrics::registry("processor");
        let promised = policy.map(|policy| policy.promised_ages());
        let metrics = LaneMetrics::register(&mut registry, lane, promised.as_ref().map_or(&[], |ages| ages));
        let context = PartitionContext {
            metrics,
            ..context(0)
        };
        (Self(registry), context)
    }

    /// Trades whose ages were told, up to this bound.
    fn aged(&self, lane: &str, bound: &str) -> u64 {
        let page = metrics::encode(&[&self.0]).unwrap();
        let start =
            format!("cryptopipeline_processor_{lane}_kafka_to_durable_seconds_bucket{{le=\"{bound}\"}} ");
        let count = page.lines().find_map(|line| line.strip_prefix(&start));
        count
            .unwrap_or_else(|| panic!("{start}: {page}"))
            .parse()
            .unwrap()
    }
}

/// A trade for each of these hours, ids from 0.
fn log(hours: &[i64]) -> Log {
    let events = hours.iter().enumerate().map(|(id, hour)| {
        let id = u64::try_from(id).unwrap();
        event(&trade("BTCUSDT", id, hour * HOUR_US))
    });
    Arc::new(Mutex::new(events.collect()))
}

fn old(_: usize) -> Option<i64> {
    Some(now_ms() - 45 * MINUTE_MS)
}

#[tokio::test]
async fn a_row_has_an_age_when_cassandra_has_acknowledged_it() {
    let store = Arc::new(memory_store::MemoryStore::default());
    // The place is read, and then no row is written.
    let mut failures = vec![true; 10_000];
    failures.push(false);
    *store.failures.lock().unwrap() = failures;
    let (page, context) = Page::of("hot", None);
    let log = log(&[0, 0, 0, 0]);
    // A copy, which is no new row.
    let copy = log.lock().unwrap()[0].clone();
    log.lock().unwrap().push(copy);
    let stop = CancellationToken::new();
    let mut source = LogSource::new(&log, stop.clone());
    source.timestamp_ms = |offset| match offset {
        2 => None,
        3 => Some(now_ms() + MINUTE_MS),
        _ => old(offset),
    };
    let lane = HotLane::new(store.clone(), None, vec![]);
    let watch = async {
        until("writes fail", || store.failures.lock().unwrap().len() < 9_990).await;
        assert_eq!(page.aged("hot", "+Inf"), 0);
        store.failures.lock().unwrap().clear();
        until("ages are told", || page.aged("hot", "+Inf") > 0).await;
        stop.cancel();
    };
    tokio::join!(lane.run(&mut source, &context), watch);
    // The one without a time has no age, and the one from a clock that is ahead is not old.
    let within = ["0.01", "1800.0", "3600.0", "+Inf"].map(|bound| page.aged("hot", bound));
    assert_eq!(within, [1, 1, 3, 3]);
}

#[tokio::test]
async fn a_trade_has_an_age_when_its_own_file_has_its_name() {
    let store = Arc::new(MemoryStore::default());
    // The first hour is written and named, and the second cannot be.
    let mut faults = vec![Fault::Refused; 10_000];
    faults.extend([Fault::None; 2]);
    store.fail(faults);
    let policy = RollPolicy {
        size: 4 * 16,
        interval: std::time::Duration::from_mins(40),
    };
    let (page, context) = Page::of("archive", Some(policy));
    let stop = CancellationToken::new();
    let log = log(&[0, 0, 1, 0]);
    let mut source = LogSource::new(&log, stop.clone());
    source.timestamp_ms = old;
    let lane = ArchiveLane::new(store.clone(), policy, "only".to_owned(), None);
    let refused = Reason {
        reason: "HdfsUnavailable",
    };
    let watch = async {
        until("the second file is refused", || {
            context.metrics.retries.get_or_create(&refused).get() > 2
        })
        .await;
        assert_eq!(page.aged("archive", "+Inf"), 3);
        store.heal();
        until("the second file has its name", || store.finished().len() == 2).await;
        stop.cancel();
    };
    tokio::join!(lane.run(&mut source, &context), watch);
    // What was asked for is a bound, and so is what is promised.
    let within = ["2400.0", "2402.0", "3600.0", "+Inf"].map(|bound| page.aged("archive", bound));
    assert_eq!(within, [0, 0, 4, 4]);
}
