//! How many trades a minute has. Pure: time is handed in, in milliseconds since 1970.

/// Length of a slot.
const SLOT_MS: i64 = 10_000;
/// Slots of a minute.
const SLOTS: usize = 6;

/// Counts of the last whole slots and of the one that runs.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    /// Number of the running slot since 1970.
    slot: i64,
    running: u64,
    /// The whole slots before it, the newest first.
    whole: [u64; SLOTS],
}

impl Rate {
    /// Counts one trade.
    pub fn count(&mut self, now_ms: i64) {
        self.advance(now_ms);
        self.running += 1;
    }

    /// Trades of the last whole minute, which ended at most 10 s ago.
    pub fn per_minute(&self, now_ms: i64) -> u64 {
        let mut rate = self.clone();
        rate.advance(now_ms);
        rate.whole.iter().sum()
    }

    /// A clock that was set back changes nothing.
    fn advance(&mut self, now_ms: i64) {
        let slot = now_ms.div_euclid(SLOT_MS);
        let passed = usize::try_from(slot - self.slot).unwrap_or(0).min(SLOTS + 1);
        for _ in 0..passed {
            self.whole.rotate_right(1);
            self.whole[0] = std::mem::take(&mut self.running);
        }
        self.slot = self.slot.max(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_last_whole_minute() {
        let mut rate = Rate::default();
        let begin = 1_610_064_000_000;
        for second in 0..60 {
            rate.count(begin + second * 1_000);
        }
        assert_eq!(
            rate.per_minute(begin + 59_999),
            50,
            "the running slot is not whole"
        );
        assert_eq!(rate.per_minute(begin + 60_000), 60);
        assert_eq!(rate.per_minute(begin + 90_000), 30);
        assert_eq!(rate.per_minute(begin + 1_000_000), 0);
    }

    #[test]
    fn a_clock_set_back_changes_nothing() {
        let mut rate = Rate::default();
        rate.count(1_000_000);
        rate.count(900_000);
        assert_eq!(rate.per_minute(1_010_000), 2);
    }
}
