//! The two ways of counting something per time.

use std::{collections::VecDeque, time::Duration};

/// At most `limit` events in any span of `length`: there is no moment at which a burst may be doubled.
#[derive(Debug)]
pub struct SlidingWindow {
    length: Duration,
    limit: usize,
    events: VecDeque<Duration>,
}

impl SlidingWindow {
    /// An empty window.
    pub const fn new(limit: usize, length: Duration) -> Self {
        Self {
            length,
            limit,
            events: VecDeque::new(),
        }
    }

    /// Counts an event at `now`. A refused one is not counted; the error is the time until there is room.
    pub fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        while self
            .events
            .front()
            .is_some_and(|event| *event + self.length <= now)
        {
            self.events.pop_front();
        }
        if self.events.len() < self.limit {
            self.events.push_back(now);
            return Ok(());
        }
        Err(self
            .events
            .front()
            .map_or(self.length, |event| (*event + self.length).saturating_sub(now)))
    }
}

/// A sum that starts again at every multiple of `length` on the exchange's clock, like Binance's request weight.
#[derive(Debug)]
pub struct FixedWindow {
    length: Duration,
    number: u128,
    used: u32,
}

impl FixedWindow {
    /// An unused window.
    pub const fn new(length: Duration) -> Self {
        Self {
            length,
            number: 0,
            used: 0,
        }
    }

    /// Adds `amount` at `now` (since the Unix epoch) and returns the sum of the current window.
    pub fn add(&mut self, now: Duration, amount: u32) -> u32 {
        let number = now.as_nanos() / self.length.as_nanos();
        if number != self.number {
            (self.number, self.used) = (number, 0);
        }
        self.used = self.used.saturating_add(amount);
        self.used
    }

    /// Time until the sum starts again.
    pub fn remaining(&self, now: Duration) -> Duration {
        let passed = now.as_nanos() % self.length.as_nanos();
        self.length
            .saturating_sub(Duration::from_nanos(u64::try_from(passed).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_sliding_window_has_room_again_when_its_oldest_event_leaves() {
        let mut window = SlidingWindow::new(2, ms(1000));
        assert_eq!(window.admit(ms(900)), Ok(()));
        assert_eq!(window.admit(ms(1100)), Ok(()));
        assert_eq!(window.admit(ms(1200)), Err(ms(700)));
        assert_eq!(window.admit(ms(1900)), Ok(()));
        assert_eq!(window.admit(ms(1950)), Err(ms(150)));
    }

    #[test]
    fn a_fixed_window_starts_again_at_the_minute() {
        let mut window = FixedWindow::new(ms(60_000));
        assert_eq!(window.add(ms(119_000), 25), 25);
        assert_eq!(window.add(ms(119_999), 25), 50);
        assert_eq!(window.remaining(ms(119_000)), ms(1000));
        assert_eq!(window.add(ms(120_000), 25), 25);
    }
}
