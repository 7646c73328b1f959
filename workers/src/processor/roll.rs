//! When a batch is closed. Pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sink::archive::columns::Columns;

/// Memory for the rows of all open batches of the lane.
const BUFFER_BYTES: usize = 96 << 20;
/// However many partitions there are, a batch may grow to this many rows.
const LEAST_ROWS: usize = 10_000;
/// Trades of an hour's end arrive until so long after it.
const HOUR_SETTLES: Duration = Duration::from_secs(2);

/// A closed batch is visible within so much.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(2);

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub struct RollPolicy {
    /// Encoded size of a batch, bytes.
    pub size: u64,
    /// Age of its first row. A batch is also closed when the clock's hour ends, so that most batches are one file.
    pub interval: Duration,
}

impl RollPolicy {
    /// How many rows a batch may have, when an encoded row takes `row_bytes` and the lane's memory is shared by so many
    /// partitions.
    pub fn most_rows(&self, row_bytes: u64, partitions: usize) -> usize {
        let by_memory = (BUFFER_BYTES / Columns::ROW_BYTES / partitions.max(1)).max(LEAST_ROWS);
        let by_size = self.size / row_bytes.max(1);
        usize::try_from(by_size).unwrap_or(usize::MAX).clamp(1, by_memory)
    }

    /// The oldest that a trade may be when it becomes visible, without and with the time that publishing may take.
    pub fn promised_ages(&self) -> [Duration; 2] {
        [self.interval, self.interval + PUBLISHED_WITHIN]
    }

    /// How long a batch may stay open from now on.
    pub fn open_for(&self, now: SystemTime) -> Duration {
        self.interval.min(until_hour_settles(now))
    }
}

/// Time until the hour of the clock has ended and its last trades have arrived.
fn until_hour_settles(now: SystemTime) -> Duration {
    const HOUR: u64 = 3_600;
    let into_hour = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() % HOUR;
    Duration::from_secs(HOUR - into_hour) + HOUR_SETTLES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_ends_with_the_hour() {
        let at = |seconds| until_hour_settles(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(7_200), Duration::from_secs(3_602));
        assert_eq!(at(7_199), Duration::from_secs(3));
    }

    #[test]
    fn a_batch_is_bounded_by_the_asked_size_and_by_memory() {
        let policy = RollPolicy {
            size: 16_000,
            interval: Duration::ZERO,
        };
        assert_eq!(policy.most_rows(16, 1), 1_000);
        let large = RollPolicy {
            size: 128 << 20,
            ..policy
        };
        assert!(large.most_rows(16, 1) * Columns::ROW_BYTES <= BUFFER_BYTES);
        assert_eq!(large.most_rows(16, 1_000), LEAST_ROWS);
    }
}
