//! Whether a symbol has been silent for longer than can be expected of it. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// Seconds are counted, not trades: one large order makes a hundred trades in a millisecond, and says nothing about the
/// pauses to come.
const SECOND: Duration = Duration::from_secs(1);

/// How long a symbol may be silent. The rule: so many times the longest pause that it has made so far on the same
/// connection, and that pause is taken to be at least [`Expectation::least_pause`].
#[derive(Clone, Copy, Debug)]
pub struct Expectation {
    /// Nothing is expected of a symbol that has traded in fewer seconds than these.
    pub seconds: u32,
    /// Shorter pauses count as this long.
    pub least_pause: Duration,
    /// How much longer than the longest pause a silence may be.
    pub factor: u32,
}

impl Default for Expectation {
    /// Two and a half minutes of silence of a symbol that trades all the time, an hour of one that pauses for 12 minutes.
    fn default() -> Self {
        Self {
            seconds: 50,
            least_pause: Duration::from_secs(30),
            factor: 5,
        }
    }
}

/// The rhythm of a symbol's trades on one connection.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    last: Option<Instant>,
    longest_pause: Duration,
    counted_at: Option<Instant>,
    seconds: u32,
}

impl Pulse {
    /// A trade came.
    pub fn beat(&mut self, now: Instant) {
        if let Some(last) = self.last {
            self.longest_pause = self.longest_pause.max(now.saturating_duration_since(last));
        }
        self.last = Some(now);
        if self.counted_at.is_none_or(|at| now >= at + SECOND) {
            self.counted_at = Some(now);
            self.seconds = self.seconds.saturating_add(1);
        }
    }

    /// Whether the next trade should have come by now.
    pub fn overdue(&self, now: Instant, expectation: &Expectation) -> bool {
        let limit = expectation.factor * self.longest_pause.max(expectation.least_pause);
        self.seconds >= expectation.seconds && self.last.is_some_and(|last| now > last + limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a symbol that traded at these seconds is overdue at another.
    fn overdue(trades: impl IntoIterator<Item = u64>, at: u64) -> bool {
        let start = Instant::now();
        let mut pulse = Pulse::default();
        for second in trades {
            pulse.beat(start + Duration::from_secs(second));
        }
        pulse.overdue(start + Duration::from_secs(at), &Expectation::default())
    }

    #[test]
    fn a_steady_symbol_is_overdue_after_five_times_the_least_pause() {
        assert!(!overdue(0..100, 99 + 150));
        assert!(overdue(0..100, 99 + 151));
    }

    #[test]
    fn a_symbol_that_pauses_may_pause_five_times_as_long() {
        let with_a_pause = || (0..100).chain(700..800);
        assert!(!overdue(with_a_pause(), 799 + 5 * 601));
        assert!(overdue(with_a_pause(), 799 + 5 * 601 + 1));
    }

    #[test]
    fn nothing_is_expected_of_a_symbol_that_has_hardly_traded() {
        assert!(!overdue(0..49, 1_000_000));
        assert!(
            !overdue(std::iter::repeat_n(0, 1000), 1_000_000),
            "one large order"
        );
    }
}
