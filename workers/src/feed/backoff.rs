//! How long to wait before connecting again. Pure.

use std::time::Duration;

/// A connection that lived this long was a good one.
const STABLE: Duration = Duration::from_secs(60);
/// Longest wait.
const LONGEST: Duration = Duration::from_secs(60);
/// Longest wait after a good connection. Every millisecond is trades that nobody hears.
const AT_ONCE: Duration = Duration::from_millis(250);

/// Exponential and jittered: at once after a connection that lived, then up to 1, 2, 4 … 60 s. That is at most 16
/// attempts in any 5 minutes of failures, far below Binance's limit of 300, which an address may share with others.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after a connection (or an attempt at one) that lived for `lived`. `random` is in 0..1.
    pub fn next(&mut self, lived: Duration, random: f64) -> Duration {
        if lived >= STABLE {
            self.failures = 0;
        }
        let wait = match self.failures.checked_sub(1) {
            None => AT_ONCE.mul_f64(random),
            Some(doublings) => {
                let full = Duration::from_secs(1 << doublings.min(16)).min(LONGEST);
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

    const BROKEN: Duration = Duration::from_secs(0);

    #[test]
    fn failures_double_the_wait_up_to_a_minute_and_a_good_connection_resets_it() {
        let mut backoff = Backoff::default();
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
        let mut backoff = Backoff { failures: 3 };
        assert_eq!(backoff.next(BROKEN, 0.0), Duration::from_secs(2));
    }

    #[test]
    fn five_minutes_of_failures_stay_far_below_the_exchanges_limit() {
        let mut backoff = Backoff::default();
        let mut elapsed = Duration::ZERO;
        let mut attempts = 0;
        while elapsed < Duration::from_secs(300) {
            elapsed += backoff.next(BROKEN, 0.0);
            attempts += 1;
        }
        assert!(attempts <= 16, "{attempts} attempts");
    }
}
