//! What the lane does when the topic has lost records, or is another topic.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::processor::testing::until;

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
