//! How far REST's source of old trades is behind the stream. No I/O: the caller brings the time.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// The trades that were issued and are not there yet.
#[derive(Debug, Default)]
pub struct Lag {
    by: Duration,
    /// When a trade was issued, and its place in the series; ascending.
    waiting: VecDeque<(Instant, u64)>,
}

impl Lag {
    /// From now on a trade is there so much later than it was issued.
    pub fn set(&mut self, by: Duration) {
        self.by = by;
        if by.is_zero() {
            self.waiting.clear();
        }
    }

    /// The trade at `index` is issued.
    pub fn issued(&mut self, now: Instant, index: u64) {
        if !self.by.is_zero() {
            self.waiting.push_back((now, index));
        }
    }

    /// Index behind the last trade that is there, when `next` is the index behind the last one issued.
    pub fn there(&mut self, now: Instant, next: u64) -> u64 {
        while self
            .waiting
            .front()
            .is_some_and(|(issued, _)| *issued + self.by <= now)
        {
            self.waiting.pop_front();
        }
        self.waiting.front().map_or(next, |(_, index)| *index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trades_are_there_after_the_lag_and_at_once_without_one() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut lag = Lag::default();
        lag.issued(at(0), 0);
        assert_eq!(lag.there(at(0), 1), 1);

        lag.set(Duration::from_secs(10));
        lag.issued(at(1), 1);
        lag.issued(at(5), 2);
        assert_eq!(lag.there(at(6), 3), 1, "what was there before stays there");
        assert_eq!(lag.there(at(11), 3), 2);
        assert_eq!(lag.there(at(15), 3), 3);

        lag.issued(at(16), 3);
        lag.set(Duration::ZERO);
        assert_eq!(lag.there(at(16), 4), 4);
    }
}
