//! How far a partition trails its topic, in seconds. Kafka tells an end as an offset and not as a time; the times come
//! from the records that were read and from when the end was looked at. Pure: the time is handed in.

/// A partition's place against its end. All times are milliseconds since 1970.
#[derive(Clone, Debug)]
pub struct Backlog {
    /// When the partition was taken.
    taken_ms: i64,
    /// After the last record read.
    position: i64,
    /// The topic's end as last seen.
    end: i64,
    /// When `end` was asked for.
    looked_ms: Option<i64>,
    /// Everything that was there then has been read.
    caught_up_ms: Option<i64>,
    /// When Kafka got the last record read.
    newest_ms: Option<i64>,
    /// When Kafka got the oldest record that was read and is not durable.
    pending_ms: Option<i64>,
}

impl Backlog {
    /// Of a partition of which nothing is known yet.
    pub const fn new(taken_ms: i64) -> Self {
        Self {
            taken_ms,
            position: 0,
            end: 0,
            looked_ms: None,
            caught_up_ms: None,
            newest_ms: None,
            pending_ms: None,
        }
    }

    /// The topic's end as far as it is known.
    pub const fn end(&self) -> i64 {
        self.end
    }

    /// The end as Kafka told it when it was asked at `asked_ms`.
    pub fn look(&mut self, end: i64, asked_ms: i64) {
        if self.position >= self.end {
            self.caught_up_ms = self.looked_ms;
        }
        self.end = end;
        self.looked_ms = Some(asked_ms);
    }

    /// Everything before `next` was read; `newest_ms` is of the last record, absent where none came.
    pub fn read(&mut self, next: i64, newest_ms: Option<i64>) {
        self.position = next;
        self.end = self.end.max(next);
        self.newest_ms = newest_ms.or(self.newest_ms);
    }

    /// When Kafka got the oldest record that was read and is not durable.
    pub const fn pending(&mut self, oldest_ms: Option<i64>) {
        self.pending_ms = oldest_ms;
    }

    /// Seconds since the oldest record that was not read yet was written; 0 at the end. At most some seconds too many:
    /// the end is looked at now and then.
    pub fn behind_seconds(&self, now_ms: i64) -> u64 {
        age(self.unread_since_ms(), now_ms)
    }

    /// Seconds since the oldest record that is not durable yet was written; 0 when there is none.
    pub fn lag_seconds(&self, now_ms: i64) -> u64 {
        age(self.pending_ms.or_else(|| self.unread_since_ms()), now_ms)
    }

    /// The next record was written neither before the last one that was read nor before the time at which everything had
    /// been read. Before either is known, it is taken to be as old as the ownership.
    fn unread_since_ms(&self) -> Option<i64> {
        (self.position < self.end).then(|| self.newest_ms.max(self.caught_up_ms).unwrap_or(self.taken_ms))
    }
}

fn age(since_ms: Option<i64>, now_ms: i64) -> u64 {
    let age_ms = since_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms));
    u64::try_from(age_ms / 1_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Taken at second 1000, with everything before offset 50 in the sink.
    fn taken() -> Backlog {
        let mut backlog = Backlog::new(1_000_000);
        backlog.read(50, None);
        backlog
    }

    fn figures(backlog: &Backlog, now_seconds: i64) -> (u64, u64) {
        let now_ms = now_seconds * 1_000;
        (backlog.behind_seconds(now_ms), backlog.lag_seconds(now_ms))
    }

    #[test]
    fn an_idle_partition_trails_nothing_for_ever() {
        let mut backlog = taken();
        assert_eq!(figures(&backlog, 9_000), (0, 0));
        backlog.look(50, 1_001_000);
        assert_eq!(figures(&backlog, 9_000), (0, 0));
    }

    #[test]
    fn a_backlog_is_as_old_as_its_records_and_not_as_the_ownership() {
        let mut backlog = taken();
        backlog.look(500, 1_001_000);
        assert_eq!(figures(&backlog, 1_007), (7, 7));
        backlog.read(60, Some(400_000));
        assert_eq!(figures(&backlog, 1_007), (607, 607));
        // That what was read becomes durable makes the rest no younger.
        backlog.pending(Some(390_000));
        assert_eq!(figures(&backlog, 1_007), (607, 617));
        backlog.pending(None);
        assert_eq!(figures(&backlog, 1_007), (607, 607));
    }

    #[test]
    fn what_waits_to_become_durable_makes_lag_and_nobody_behind() {
        let mut backlog = taken();
        backlog.look(60, 1_001_000);
        backlog.read(60, Some(1_000_500));
        backlog.pending(Some(1_000_100));
        assert_eq!(figures(&backlog, 1_300), (0, 299));
    }

    #[test]
    fn a_record_after_a_long_silence_is_no_older_than_the_last_look_that_found_nothing() {
        let mut backlog = taken();
        backlog.read(60, Some(1_000_500));
        backlog.look(60, 5_000_000);
        backlog.look(61, 5_005_000);
        assert_eq!(figures(&backlog, 5_006), (6, 6));
    }

    #[test]
    fn whoever_keeps_up_with_a_busy_topic_is_behind_by_no_more_than_the_looks_are_apart() {
        let mut backlog = taken();
        for second in 1..100 {
            // When Kafka is asked some records are always on their way.
            backlog.look(50 + second * 10 + 3, (1_000 + second) * 1_000);
            assert!(figures(&backlog, 1_000 + second).0 <= 1, "second {second}");
            backlog.read(50 + second * 10 + 5, None);
        }
    }

    #[test]
    fn a_lane_that_is_stuck_trails_more_every_second() {
        let mut backlog = taken();
        backlog.look(60, 1_001_000);
        backlog.read(60, Some(1_001_000));
        backlog.pending(Some(1_000_500));
        for second in 2..50 {
            backlog.look(60 + second * 10, (1_000 + second) * 1_000);
        }
        assert_eq!(figures(&backlog, 1_050), (49, 49));
    }

    #[test]
    fn a_clock_that_is_behind_makes_no_lag() {
        let mut backlog = taken();
        backlog.look(60, 1_001_000);
        backlog.read(55, Some(2_000_000));
        assert_eq!(figures(&backlog, 1_010), (0, 0));
    }
}
