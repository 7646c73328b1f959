//! What a lane tells of how far it trails.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    archive::ArchiveLane,
    board::Board,
    context::PartitionContext,
    lane::Lane,
    roll::RollPolicy,
    testing::{Log, LogSource, context, event, trade, until},
};
use crate::sink::archive::memory::MemoryStore;

#[tokio::test]
async fn copies_after_the_last_file_of_the_archive_are_no_backlog() {
    let store = Arc::new(MemoryStore::default());
    let copies = [0, 0].map(|id| event(&trade("BTCUSDT", id, 0)));
    let log: Log = Arc::new(Mutex::new(copies.into()));
    let stop = CancellationToken::new();
    let mut source = LogSource::new(&log, stop.clone());
    let one_row = RollPolicy {
        size: 16,
        interval: Duration::from_hours(1),
    };
    let lane = ArchiveLane::new(store.clone(), one_row, "only".to_owned(), None);
    let board = Board::default();
    let context = PartitionContext {
        board: board.partition(0),
        ..context(0)
    };
    let watch = async {
        until("the copy is passed", || {
            let partitions = board.status().partitions;
            let told = partitions.get(&0).map(|told| (told.next_offset, told.end_offset));
            told == Some((2, 2))
        })
        .await;
        stop.cancel();
    };
    tokio::join!(lane.run(&mut source, &context), watch);
    assert_eq!(store.finished().len(), 1);
}
