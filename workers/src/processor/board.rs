//! What each lane tells about its partitions: the source of `/status` and of the gauges.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crds::wire::{LaneStatus, NAMED_RANGES, PartitionStatus};

use super::{SeenIds, backlog::Backlog};
use crate::clock::now_ms;

/// One lane's board. Cloning gives another handle to the same.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<BTreeMap<i32, Entry>>>);

#[derive(Clone, Debug)]
struct Entry {
    status: PartitionStatus,
    /// Whether it is known how far the sink is: before that a figure would be made up.
    recovered: bool,
    waiting: Option<&'static str>,
    backlog: Backlog,
}

impl Board {
    /// Adds a partition. It leaves the board when the handle is dropped.
    pub fn partition(&self, number: i32) -> PartitionBoard {
        let entry = Entry {
            status: PartitionStatus::default(),
            recovered: false,
            waiting: None,
            backlog: Backlog::new(now_ms()),
        };
        self.entries().insert(number, entry);
        PartitionBoard {
            board: self.clone(),
            number,
        }
    }

    /// Number of partitions that are owned now.
    pub fn owned(&self) -> usize {
        self.entries().len()
    }

    /// Notes the end of a partition as Kafka told it when it was asked at `asked_ms`, milliseconds since 1970.
    pub fn end_offset(&self, number: i32, end: i64, asked_ms: i64) {
        if let Some(entry) = self.entries().get_mut(&number) {
            entry.backlog.look(end, asked_ms);
        }
    }

    /// The lane as it is now, without the partitions of which it is not known yet how far the sink is.
    pub fn status(&self) -> LaneStatus {
        let entries = self.entries();
        LaneStatus {
            waiting: entries
                .values()
                .find_map(|entry| entry.waiting)
                .map(str::to_owned),
            partitions: entries
                .iter()
                .filter(|(_, entry)| entry.recovered)
                .map(|(number, entry)| (*number, entry.status(now_ms())))
                .collect(),
        }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<i32, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn status(&self, now_ms: i64) -> PartitionStatus {
        PartitionStatus {
            end_offset: self.backlog.end(),
            lag_seconds: self.backlog.lag_seconds(now_ms),
            behind_seconds: self.backlog.behind_seconds(now_ms),
            ..self.status.clone()
        }
    }
}

/// One partition's place on the board.
#[derive(Debug)]
pub struct PartitionBoard {
    board: Board,
    number: i32,
}

impl PartitionBoard {
    /// What the partition waits for; `None` while it runs.
    pub fn waiting(&self, reason: Option<&'static str>) {
        self.update(|entry| entry.waiting = reason);
    }

    /// Everything before `next` is in the sink.
    pub fn durable(&self, next: i64, seen: &SeenIds, last_trade_time_us: i64) {
        self.update(|entry| {
            entry.recovered = true;
            entry.status.next_offset = next;
            entry.backlog.read(next, None);
            entry.status.trades = seen.trades();
            entry.status.missing_ids = seen.missing();
            entry.status.missing = seen.missing_ranges(NAMED_RANGES);
            entry.status.last_trade_time_ms = last_trade_time_us / 1_000;
        });
    }

    /// Everything before `next` was read; `newest_ms` is when Kafka got the last record, absent where none came.
    pub fn read(&self, next: i64, newest_ms: Option<i64>) {
        self.update(|entry| entry.backlog.read(next, newest_ms));
    }

    /// What was read before `next` needs no place in the sink that it does not have: copies, and letters that were
    /// delivered.
    pub fn passed(&self, next: i64) {
        self.update(|entry| entry.status.next_offset = next);
    }

    /// When Kafka got the oldest record that was read and is not durable, milliseconds since 1970.
    pub fn pending(&self, oldest_ms: Option<i64>) {
        self.update(|entry| entry.backlog.pending(oldest_ms));
    }

    /// Adds dropped copies.
    pub fn count_duplicates(&self, copies: u64) {
        self.update(|entry| entry.status.duplicates += copies);
    }

    /// Adds delivered dead letters.
    pub fn count_dead_letters(&self, letters: u64) {
        self.update(|entry| entry.status.dead_letters += letters);
    }

    /// Number of partitions that the lane owns now, this one included.
    pub fn owned(&self) -> usize {
        self.board.owned()
    }

    fn update(&self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.board.entries().get_mut(&self.number) {
            change(entry);
        }
    }
}

impl Drop for PartitionBoard {
    fn drop(&mut self) {
        self.board.entries().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_at_the_end_of_a_quiet_topic_leave_no_backlog() {
        let board = Board::default();
        let partition = board.partition(3);
        partition.durable(5, &SeenIds::default(), 0);
        board.end_offset(3, 7, 0);
        partition.read(7, Some(0));
        partition.pending(None);
        partition.passed(7);
        let known = &board.status().partitions[&3];
        assert_eq!((known.next_offset, known.end_offset), (7, 7));
        assert_eq!((known.lag_seconds, known.behind_seconds), (0, 0));
    }

    #[test]
    fn a_partition_leaves_with_its_handle_and_takes_its_reason_along() {
        let board = Board::default();
        let partition = board.partition(3);
        partition.durable(5, &SeenIds::default(), 0);
        partition.waiting(Some("HdfsSafeMode"));
        board.end_offset(3, 7, 0);
        let status = board.status();
        assert_eq!(status.waiting.as_deref(), Some("HdfsSafeMode"));
        assert_eq!(status.partitions[&3].end_offset, 7);
        drop(partition);
        assert_eq!(board.status(), LaneStatus::default());
    }

    #[test]
    fn a_partition_tells_no_figures_before_its_sink_has_told_them() {
        let board = Board::default();
        let partition = board.partition(3);
        partition.waiting(Some("HdfsUnavailable"));
        board.end_offset(3, 7, 0);
        let status = board.status();
        assert_eq!(status.waiting.as_deref(), Some("HdfsUnavailable"));
        assert_eq!(status.partitions, BTreeMap::new());
        assert_eq!(board.owned(), 1);

        partition.durable(5, &SeenIds::default(), 0);
        let known = &board.status().partitions[&3];
        assert_eq!((known.next_offset, known.end_offset), (5, 7));
    }
}
