//! What each lane tells about its partitions: the source of `/status` and of the gauges.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crds::wire::{LaneStatus, PartitionStatus};

use super::SeenIds;
use crate::clock::now_ms;

/// One lane's board. Cloning gives another handle to the same.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<BTreeMap<i32, Entry>>>);

#[derive(Clone, Debug, Default)]
struct Entry {
    status: PartitionStatus,
    /// Whether it is known how far the sink is: before that a figure would be made up.
    recovered: bool,
    waiting: Option<&'static str>,
    /// When Kafka got the oldest record that was read and is not durable, milliseconds since 1970.
    oldest_pending_ms: Option<i64>,
    /// Since when the topic has had more than is durable, milliseconds since 1970.
    behind_since_ms: Option<i64>,
}

impl Board {
    /// Adds a partition. It leaves the board when the handle is dropped.
    pub fn partition(&self, number: i32) -> PartitionBoard {
        self.entries().insert(number, Entry::default());
        PartitionBoard {
            board: self.clone(),
            number,
        }
    }

    /// Number of partitions that are owned now.
    pub fn owned(&self) -> usize {
        self.entries().len()
    }

    /// Notes the end of a partition as Kafka told it.
    pub fn end_offset(&self, number: i32, end: i64) {
        if let Some(entry) = self.entries().get_mut(&number) {
            entry.status.end_offset = end;
            entry.note_backlog();
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
    fn note_backlog(&mut self) {
        if self.status.next_offset >= self.status.end_offset {
            self.behind_since_ms = None;
        } else if self.behind_since_ms.is_none() {
            self.behind_since_ms = Some(now_ms());
        }
    }

    fn status(&self, now_ms: i64) -> PartitionStatus {
        let since = self.oldest_pending_ms.or(self.behind_since_ms);
        let lag_ms = since.map_or(0, |since| now_ms.saturating_sub(since));
        PartitionStatus {
            lag_seconds: u64::try_from(lag_ms / 1_000).unwrap_or(0),
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
            entry.status.end_offset = entry.status.end_offset.max(next);
            entry.status.trades = seen.trades();
            entry.status.missing_ids = seen.missing();
            entry.status.last_trade_time_ms = last_trade_time_us / 1_000;
            entry.note_backlog();
        });
    }

    /// When Kafka got the oldest record that was read and is not durable, milliseconds since 1970.
    pub fn pending(&self, oldest_ms: Option<i64>) {
        self.update(|entry| entry.oldest_pending_ms = oldest_ms);
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
    fn lag_is_the_age_of_the_oldest_record_that_is_not_durable() {
        let entry = Entry {
            oldest_pending_ms: Some(10_000),
            behind_since_ms: Some(12_000),
            ..Entry::default()
        };
        assert_eq!(entry.status(17_500).lag_seconds, 7);
        let unread = Entry {
            oldest_pending_ms: None,
            ..entry
        };
        assert_eq!(unread.status(17_500).lag_seconds, 5);
        assert_eq!(Entry::default().status(17_500).lag_seconds, 0);
    }

    #[test]
    fn a_partition_leaves_with_its_handle_and_takes_its_reason_along() {
        let board = Board::default();
        let partition = board.partition(3);
        partition.durable(5, &SeenIds::default(), 0);
        partition.waiting(Some("HdfsSafeMode"));
        board.end_offset(3, 7);
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
        board.end_offset(3, 7);
        let status = board.status();
        assert_eq!(status.waiting.as_deref(), Some("HdfsUnavailable"));
        assert_eq!(status.partitions, BTreeMap::new());
        assert_eq!(board.owned(), 1);

        partition.durable(5, &SeenIds::default(), 0);
        let known = &board.status().partitions[&3];
        assert_eq!((known.next_offset, known.end_offset), (5, 7));
    }
}
