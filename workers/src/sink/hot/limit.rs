//! How many requests may be in flight at Cassandra: one more after a good round, half after a bad one (AIMD, as TCP does
//! it). Pure.
//!
//! A round is as many answers as the limit. It is bad when Cassandra says that it has too much to do, and when the mean
//! latency of a round is more than half again what it is without a queue: then more requests only wait longer in one.

use std::{ops::RangeInclusive, time::Duration};

/// A round this much slower than without a queue is bad. Less than what a bad round divides by, so that after each the
/// queue is gone, and the latency without one is measured anew.
const SLOWER: f64 = 1.5;
/// How fast a latency is forgotten that the cluster no longer reaches, per round. Far slower than the limit rises, so that
/// a queue that builds up is not taken for a slower cluster.
const DRIFT: f64 = 1.001;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// It was carried out within this time.
    Served(Duration),
    /// Cassandra had too much to do.
    Congested,
    /// It failed for another reason, which says nothing of the load.
    Failed,
}

/// The limit and what it follows.
#[derive(Clone, Debug)]
pub struct Limit {
    now: usize,
    bounds: RangeInclusive<usize>,
    /// Answers of this round and the sum of their latencies, seconds.
    answers: u32,
    seconds: f64,
    /// Whether the limit was reached in this round; one that is not needed does not rise.
    reached: bool,
    /// Mean latency of a round without a queue, seconds.
    unloaded: Option<f64>,
    /// Answers still to come to requests of before the last decrease: they tell nothing of the new limit.
    stale: usize,
}

impl Limit {
    /// Begins at the lower of the bounds, which is at least 1: so that the first latency is one without a queue.
    pub fn new(bounds: RangeInclusive<usize>) -> Self {
        Self {
            now: *bounds.start(),
            bounds,
            answers: 0,
            seconds: 0.0,
            reached: false,
            unloaded: None,
            stale: 0,
        }
    }

    /// How many may be in flight now.
    pub const fn now(&self) -> usize {
        self.now
    }

    /// A request has ended, while so many were in flight, itself included.
    pub fn note(&mut self, outcome: Outcome, in_flight: usize) {
        if self.stale > 0 {
            self.stale -= 1;
            return;
        }
        match outcome {
            Outcome::Congested => self.halve(in_flight),
            Outcome::Served(latency) => {
                self.answers += 1;
                self.seconds += latency.as_secs_f64();
                self.reached |= in_flight >= self.now;
                if self.answers as usize >= self.now {
                    self.end_round(in_flight);
                }
            }
            Outcome::Failed => {}
        }
    }

    fn end_round(&mut self, in_flight: usize) {
        let mean = self.seconds / f64::from(self.answers);
        let unloaded = match self.unloaded {
            // With the fewest requests there is no queue of ours: the cluster itself is slower.
            Some(unloaded) if self.now > *self.bounds.start() => mean.min(unloaded * DRIFT),
            _ => mean,
        };
        self.unloaded = Some(unloaded);
        if mean > unloaded * SLOWER {
            self.halve(in_flight);
            return;
        }
        if self.reached {
            self.now = (self.now + 1).min(*self.bounds.end());
        }
        self.begin_round();
    }

    fn halve(&mut self, in_flight: usize) {
        self.now = (self.now / 2).max(*self.bounds.start());
        self.stale = in_flight.saturating_sub(1);
        self.begin_round();
    }

    fn begin_round(&mut self) {
        self.answers = 0;
        self.seconds = 0.0;
        self.reached = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAST: Outcome = Outcome::Served(Duration::from_millis(2));

    /// A limit that has risen so far.
    fn risen(to: usize, most: usize) -> Limit {
        let mut limit = Limit::new(1..=most);
        while limit.now() < to {
            round(&mut limit, FAST);
        }
        limit
    }

    /// A full round of answers.
    fn round(limit: &mut Limit, outcome: Outcome) {
        for _ in 0..limit.now() {
            limit.note(outcome, limit.now());
        }
    }

    #[test]
    fn a_good_round_adds_one() {
        let mut limit = risen(8, 10);
        for expected in [9, 10, 10] {
            round(&mut limit, FAST);
            assert_eq!(limit.now(), expected);
        }
    }

    #[test]
    fn a_limit_that_is_not_reached_does_not_rise() {
        let mut limit = risen(8, 256);
        for _ in 0..100 {
            limit.note(FAST, 7);
        }
        assert_eq!(limit.now(), 8);
    }

    #[test]
    fn too_much_to_do_halves_it_once_for_all_that_were_in_flight() {
        let mut limit = risen(32, 256);
        for left in (1..=32).rev() {
            limit.note(Outcome::Congested, left);
        }
        assert_eq!(limit.now(), 16);
        limit.note(Outcome::Congested, 16);
        assert_eq!(limit.now(), 8);
    }

    #[test]
    fn other_failures_say_nothing_of_the_load() {
        let mut limit = risen(32, 256);
        round(&mut limit, Outcome::Failed);
        assert_eq!(limit.now(), 32);
    }

    #[test]
    fn latency_that_rises_by_half_and_more_halves_it() {
        let mut limit = risen(32, 256);
        round(&mut limit, Outcome::Served(Duration::from_micros(3_200)));
        assert_eq!(limit.now(), 16);
    }

    #[test]
    fn a_cluster_that_has_become_slower_for_good_is_used_again() {
        let mut limit = risen(64, 256);
        let slower = Outcome::Served(Duration::from_millis(20));
        while limit.now() > 1 {
            round(&mut limit, slower);
        }
        for _ in 0..40 {
            round(&mut limit, slower);
        }
        assert!(limit.now() > 32, "{limit:?}");
    }

    /// The limits that a cluster sees which serves so many requests at a time and lets the others wait.
    fn settled(capacity: u32) -> Vec<usize> {
        let mut limit = Limit::new(1..=256);
        let mut seen = Vec::new();
        for answer in 0..100_000 {
            let in_flight = u32::try_from(limit.now()).unwrap();
            let queue = f64::from(in_flight.max(capacity)) / f64::from(capacity);
            limit.note(
                Outcome::Served(Duration::from_millis(2).mul_f64(queue)),
                limit.now(),
            );
            if answer > 50_000 {
                seen.push(limit.now());
            }
        }
        seen
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(
            least in 1_usize..4,
            most in 4_usize..300,
            outcomes in prop::collection::vec((0_u8..3, 0_u64..1_000, 0_usize..300), 0..2_000),
        ) {
            let mut limit = Limit::new(least..=most);
            for (kind, millis, in_flight) in outcomes {
                let before = limit.now();
                limit.note(
                    match kind {
                        0 => Outcome::Congested,
                        1 => Outcome::Failed,
                        _ => Outcome::Served(Duration::from_millis(millis)),
                    },
                    in_flight,
                );
                prop_assert!((least..=most).contains(&limit.now()));
                prop_assert!(limit.now() <= before + 1, "it rises by one at a time");
                prop_assert!(limit.now() >= before / 2, "it falls by half at a time");
            }
        }

        #[test]
        fn it_keeps_a_cluster_busy_and_its_queue_short(capacity in 2_u32..100) {
            let seen = settled(capacity);
            let capacity = usize::try_from(capacity).unwrap();
            let (least, most) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
            prop_assert!(*least * 4 / 3 + 2 >= capacity, "idle: {least} of {capacity}");
            prop_assert!(*most <= 2 * capacity, "a queue of {most} at {capacity}");
        }
    }
}
