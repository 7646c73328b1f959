//! How long to wait before trying again what failed. Pure.

use std::time::Duration;

/// What lived this long was good, unless told otherwise.
const STABLE: Duration = Duration::from_mins(1);
/// Longest wait after something good.
const AT_ONCE: Duration = Duration::from_millis(250);

/// Exponential and jittered: at once after something that lived, then up to 1, 2, 4 … seconds.
#[derive(Debug)]
pub struct Backoff {
    failures: u32,
    longest: Duration,
    stable: Duration,
}

impl Backoff {
    /// Waits no longer than `longest`.
    pub const fn new(longest: Duration) -> Self {
        Self {
            failures: 0,
            longest,
            stable: STABLE,
        }
    }

    /// What lives for `stable` is good.
    #[must_use]
    pub const fn stable_after(self, stable: Duration) -> Self {
        Self { stable, ..self }
    }

    /// The wait after something (or an attempt at it) that lived for `lived`. `random` is in 0..1.
    pub fn next(&mut self, lived: Duration, random: f64) -> Duration {
        if lived >= self.stable {
            self.failures = 0;
        }
        let wait = match self.failures.checked_sub(1) {
            None => AT_ONCE.mul_f64(random),
            Some(doublings) => {
                let full = Duration::from_secs(1 << doublings.min(16)).min(self.longest);
                full.mul_f64(0.5 + random / 2.0)
            }
        };
        self.failures = self.failures.saturating_add(1);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: Duration = Duration::ZERO;
    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn failures_double_the_wait_up_to_a_minute_and_a_good_life_resets_it() {
        let mut backoff = Backoff::new(MINUTE);
        let mut wait = |lived| backoff.next(lived, 1.0).as_millis();
        assert_eq!(
            [(); 9].map(|()| wait(BROKEN)),
            [250, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]
        );
        assert_eq!(wait(STABLE), 250);
        assert_eq!(wait(BROKEN), 1000);
    }

    #[test]
    fn jitter_halves_the_wait_at_most() {
        let mut backoff = Backoff {
            failures: 3,
            ..Backoff::new(MINUTE)
        };
        assert_eq!(backoff.next(BROKEN, 0.0), Duration::from_secs(2));
    }
}
