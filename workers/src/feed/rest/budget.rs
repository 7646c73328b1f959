//! How much request weight may be used. Pure: time is handed in.
//!
//! Binance counts weight per address and minute, allows 6,000, answers 429 above that, and bans who goes on (418). Every
//! answer tells the weight that the address has used in the running minute. Coinbase counts requests per address and second:
//! there requests keep a distance.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

const MINUTE: Duration = Duration::from_mins(1);
/// Above this use of the address by all its users together nothing is asked before the next minute: 90 % of what
/// Binance allows.
const CEILING: u32 = 5_400;

/// One worker's share of the weight.
#[derive(Debug)]
pub struct Budget {
    per_minute: u32,
    apart: Duration,
    /// What was spent when, within the last minute.
    spent: VecDeque<(Instant, u32)>,
    /// Nothing may be spent before.
    closed_until: Option<Instant>,
}

impl Budget {
    /// At most so much weight in any 60 seconds.
    pub const fn new(per_minute: u32) -> Self {
        Self {
            per_minute,
            apart: Duration::ZERO,
            spent: VecDeque::new(),
            closed_until: None,
        }
    }

    /// And no two requests closer together than `apart`.
    #[must_use]
    pub fn apart(self, apart: Duration) -> Self {
        Self { apart, ..self }
    }

    /// Spends weight, or says how long to wait before trying again. A request of more weight than the budget is let
    /// through when nothing else was spent.
    pub fn spend(&mut self, weight: u32, now: Instant) -> Result<(), Duration> {
        if let Some(until) = self.closed_until
            && now < until
        {
            return Err(until - now);
        }
        if let Some((last, _)) = self.spent.back()
            && now < *last + self.apart
        {
            return Err(*last + self.apart - now);
        }
        while self.spent.front().is_some_and(|(at, _)| *at + MINUTE <= now) {
            self.spent.pop_front();
        }
        let used: u32 = self.spent.iter().map(|(_, weight)| weight).sum();
        match self.spent.front() {
            Some((oldest, _)) if used.saturating_add(weight) > self.per_minute => Err(*oldest + MINUTE - now),
            _ => {
                self.spent.push_back((now, weight));
                Ok(())
            }
        }
    }

    /// The exchange says that the address has used so much weight in the running minute, which ends after `rest`.
    pub fn told(&mut self, used: u32, rest: Duration, now: Instant) {
        if used >= CEILING {
            self.close(rest, now);
        }
    }

    /// Nothing may be spent for so long.
    pub fn close(&mut self, wait: Duration, now: Instant) {
        self.closed_until = self.closed_until.max(now.checked_add(wait));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn when_the_minute_is_used_up_the_wait_is_until_the_oldest_request_is_a_minute_old() {
        let begin = Instant::now();
        let mut budget = Budget::new(100);
        for second in 0..4 {
            budget.spend(25, begin + second * SECOND).unwrap();
        }
        assert_eq!(budget.spend(25, begin + 10 * SECOND), Err(50 * SECOND));
        assert_eq!(budget.spend(25, begin + 60 * SECOND), Ok(()));
        assert_eq!(budget.spend(25, begin + 60 * SECOND), Err(SECOND));
    }

    #[test]
    fn requests_keep_their_distance() {
        let begin = Instant::now();
        let mut budget = Budget::new(100).apart(2 * SECOND);
        budget.spend(1, begin).unwrap();
        assert_eq!(budget.spend(1, begin + SECOND), Err(SECOND));
        assert_eq!(budget.spend(1, begin + 2 * SECOND), Ok(()));
    }

    #[test]
    fn nothing_is_asked_while_the_exchange_says_wait() {
        let begin = Instant::now();
        let mut budget = Budget::new(100);
        budget.close(30 * SECOND, begin);
        budget.close(10 * SECOND, begin);
        assert_eq!(budget.spend(1, begin + 20 * SECOND), Err(10 * SECOND));
        assert_eq!(budget.spend(1, begin + 30 * SECOND), Ok(()));
    }

    #[test]
    fn others_at_the_same_address_are_left_the_rest_of_the_minute() {
        let begin = Instant::now();
        let mut budget = Budget::new(100);
        budget.told(CEILING - 1, 40 * SECOND, begin);
        assert_eq!(budget.spend(1, begin), Ok(()));
        budget.told(CEILING, 40 * SECOND, begin);
        assert_eq!(budget.spend(1, begin), Err(40 * SECOND));
    }

    #[test]
    fn a_request_larger_than_the_budget_waits_until_it_is_alone() {
        let begin = Instant::now();
        let mut budget = Budget::new(50);
        budget.spend(25, begin).unwrap();
        assert_eq!(budget.spend(80, begin + SECOND), Err(59 * SECOND));
        assert_eq!(budget.spend(80, begin + 60 * SECOND), Ok(()));
    }

    proptest! {
        #[test]
        fn no_minute_sees_more_than_the_budget_and_waiting_as_told_always_helps(
            requests in prop::collection::vec((1_u32..=50, 0_u64..20_000), 1..100),
        ) {
            let mut budget = Budget::new(100);
            let mut now = Instant::now();
            let mut spent: Vec<(Instant, u32)> = vec![];
            for (weight, pause_ms) in requests {
                now += Duration::from_millis(pause_ms);
                let mut waits = 0;
                while let Err(wait) = budget.spend(weight, now) {
                    now += wait;
                    waits += 1;
                    prop_assert!(waits <= 100);
                }
                spent.push((now, weight));
                let minute: u32 = spent.iter().filter(|(at, _)| *at + MINUTE > now).map(|(_, weight)| weight).sum();
                prop_assert!(minute <= 100);
            }
        }
    }
}
