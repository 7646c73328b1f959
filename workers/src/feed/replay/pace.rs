//! When an event is due. Pure.

use std::time::Duration;

use crds::speed::ReplaySpeed;
use tokio::time::Instant;

/// Measured from the first event on, so that no pause adds up to a drift.
#[derive(Debug)]
pub struct Pace {
    /// `None`: no pause.
    thousandths: Option<u32>,
    /// When the first event was, and its time.
    begin: Option<(Instant, i64)>,
}

impl Pace {
    /// Of this speed.
    pub const fn new(speed: &ReplaySpeed) -> Self {
        Self {
            thousandths: speed.thousandths(),
            begin: None,
        }
    }

    /// When the event of that time (microseconds since 1970) is to be sent; `None`: now.
    pub fn due(&mut self, time_us: i64) -> Option<Instant> {
        let thousandths = self.thousandths?;
        let (begin, begin_us) = *self.begin.get_or_insert_with(|| (Instant::now(), time_us));
        let since_us = u64::try_from(time_us.saturating_sub(begin_us)).ok()?;
        let wait = u128::from(since_us) * 1_000 / u128::from(thousandths.max(1));
        let wait = Duration::from_micros(u64::try_from(wait).ok()?);
        Some(begin + wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_runs_as_many_times_as_fast_as_asked_for() {
        let begin = Instant::now();
        for (speed, wait) in [
            ("1", Some(10_000)),
            ("100", Some(100)),
            ("0.5", Some(20_000)),
            ("max", None),
        ] {
            let mut pace = Pace::new(&speed.parse().unwrap());
            let _ = pace.due(1_610_064_000_000_000);
            let due = pace.due(1_610_064_010_000_000);
            assert_eq!(due, wait.map(|ms| begin + Duration::from_millis(ms)), "{speed}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_older_than_the_first_event_is_not_waited_for() {
        let mut pace = Pace::new(&"1".parse().unwrap());
        let _ = pace.due(1_610_064_010_000_000);
        assert_eq!(pace.due(1_610_064_000_000_000), None);
    }
}
