//! How many requests may be in flight at Cassandra: one more after a good round, half after a bad one (AIMD, as TCP does
//! it). Pure.
//!
//! A round is as many answers as the limit. It is bad when Cassandra says that it has too much to do, and when its answers
//! took more than half again what they take without a queue: then more requests only wait longer in one. What they take
//! without a queue is known for requests of like size: one row is written far sooner than two hundred.

use std::{ops::RangeInclusive, time::Duration};

/// A round this much slower than without a queue is bad. Less than what a bad round divides by, so that after each the
/// queue is gone, and the latency without one is measured anew.
const SLOWER: f64 = 1.5;
/// How fast a latency is forgotten that the cluster no longer reaches, per round. Far slower than the limit rises, so that
/// a queue that builds up is not taken for a slower cluster.
const DRIFT: f64 = 1.001;
/// Sizes of requests: from 1, 4, 16 and 64 rows on.
const SIZES: usize = 4;
/// Up to this limit the queue is short enough for a size's first latency to count as one without a queue.
const LOW: usize = 8;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// It was carried out.
    Served {
        /// Rows written or read.
        rows: usize,
        /// How long it took.
        latency: Duration,
    },
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
    sizes: [Size; SIZES],
    /// Whether the limit was reached in this round; one that is not needed does not rise.
    reached: bool,
    /// Answers still to come to requests of before the last decrease: they tell nothing of the new limit.
    stale: usize,
}

/// Requests of like size.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    /// Answers of this round.
    answers: u32,
    /// The sum of their latencies, seconds.
    seconds: f64,
    /// Mean latency of a round without a queue, seconds.
    unloaded: Option<f64>,
    /// That was before the limit last fell to its lowest.
    outdated: bool,
}

impl Size {
    /// What the answers of this round would have taken without a queue, seconds. What is first seen at a high limit may have
    /// waited, so half of it is assumed: should that be too little the limit falls, and all is measured anew.
    fn expected(&mut self, low: bool) -> f64 {
        if self.answers == 0 {
            return 0.0;
        }
        let answers = f64::from(self.answers);
        let mean = self.seconds / answers;
        let unloaded = match self.unloaded {
            Some(unloaded) if !(self.outdated && low) => mean.min(unloaded * DRIFT),
            None if !low => mean / 2.0,
            _ => mean,
        };
        self.outdated &= !low;
        self.unloaded = Some(unloaded);
        unloaded * answers
    }
}

impl Limit {
    /// Begins at the lower of the bounds, which is at least 1: so that the first latency is one without a queue.
    pub fn new(bounds: RangeInclusive<usize>) -> Self {
        Self {
            now: *bounds.start(),
            bounds,
            sizes: [Size::default(); SIZES],
            reached: false,
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
            Outcome::Served { rows, latency } => {
                let size = &mut self.sizes[size(rows)];
                size.answers += 1;
                size.seconds += latency.as_secs_f64();
                self.reached |= in_flight >= self.now;
                let answers: u32 = self.sizes.iter().map(|size| size.answers).sum();
                if answers as usize >= self.now {
                    self.end_round(in_flight);
                }
            }
            Outcome::Failed => {}
        }
    }

    fn end_round(&mut self, in_flight: usize) {
        let low = self.now <= LOW;
        let took: f64 = self.sizes.iter().map(|size| size.seconds).sum();
        let expected: f64 = self.sizes.iter_mut().map(|size| size.expected(low)).sum();
        if took > expected * SLOWER {
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
        if self.now == *self.bounds.start() {
            // With the fewest requests there is no queue of ours: the cluster itself is slower than it was.
            for size in &mut self.sizes {
                size.outdated = true;
            }
        }
        self.stale = in_flight.saturating_sub(1);
        self.begin_round();
    }

    fn begin_round(&mut self) {
        for size in &mut self.sizes {
            size.answers = 0;
            size.seconds = 0.0;
        }
        self.reached = false;
    }
}

/// The place of a request's size among [`SIZES`].
fn size(rows: usize) -> usize {
    ((rows.max(1).ilog2() / 2) as usize).min(SIZES - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAST: Outcome = served(1, 2_000);

    const fn served(rows: usize, micros: u64) -> Outcome {
        Outcome::Served {
            rows,
            latency: Duration::from_micros(micros),
        }
    }

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
        round(&mut limit, served(1, 3_200));
        assert_eq!(limit.now(), 16);
    }

    #[test]
    fn a_cluster_that_has_become_slower_for_good_is_used_again() {
        let mut limit = Limit::new(1..=256);
        // The lowest limit meanwhile, and the last.
        let mut serve = |times_slower: u64| {
            let mut least = usize::MAX;
            for (rows, micros) in [(1, 2_000), (100, 9_000)].into_iter().cycle().take(4_000) {
                limit.note(served(rows, micros * times_slower), limit.now());
                least = least.min(limit.now());
            }
            (least, limit.now())
        };
        assert!(serve(1).1 > 64);
        let (least, after) = serve(10);
        assert!(least == 1 && after > 64, "{least}, {after}");
    }

    #[test]
    fn requests_of_unlike_size_are_not_held_against_each_other() {
        let mut limit = Limit::new(1..=256);
        let mut serve = |rows, micros| {
            for _ in 0..1_000 {
                limit.note(served(rows, micros), limit.now());
            }
            limit.now()
        };
        serve(1, 2_000);
        let both_known = serve(200, 20_000);
        assert!(serve(1, 2_000) > both_known);
        assert!(serve(200, 20_000) > both_known);
    }

    #[test]
    fn a_queue_that_requests_of_a_new_size_find_is_not_taken_for_their_latency() {
        let mut limit = risen(256, 256);
        for _ in 0..200_000 {
            let queue = f64::from(u32::try_from(limit.now().max(20)).unwrap()) / 20.0;
            let latency = Duration::from_millis(10).mul_f64(queue);
            limit.note(Outcome::Served { rows: 200, latency }, limit.now());
        }
        assert!(limit.now() <= 40, "{limit:?}");
    }

    /// The limits that a cluster sees which serves so many requests at a time and lets the others wait, when the requests are of
    /// these sizes in turn. Each fourfold size takes twice as long.
    fn settled(capacity: u32, sizes: &[usize]) -> Vec<usize> {
        let mut limit = Limit::new(1..=256);
        let mut seen = Vec::new();
        for (answer, rows) in sizes.iter().cycle().take(100_000).enumerate() {
            let in_flight = u32::try_from(limit.now()).unwrap();
            let queue = f64::from(in_flight.max(capacity)) / f64::from(capacity);
            let alone = Duration::from_millis(2 << size(*rows));
            let outcome = Outcome::Served {
                rows: *rows,
                latency: alone.mul_f64(queue),
            };
            limit.note(outcome, limit.now());
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
                        _ => served(in_flight, millis * 1_000),
                    },
                    in_flight,
                );
                prop_assert!((least..=most).contains(&limit.now()));
                prop_assert!(limit.now() <= before + 1, "it rises by one at a time");
                prop_assert!(limit.now() >= before / 2, "it falls by half at a time");
            }
        }

        #[test]
        fn it_keeps_a_cluster_busy_and_its_queue_short_whatever_the_sizes(
            capacity in 2_u32..100,
            sizes in prop::collection::vec(1_usize..=200, 1..20),
        ) {
            let seen = settled(capacity, &sizes);
            let capacity = usize::try_from(capacity).unwrap();
            let (least, most) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
            prop_assert!(*least * 4 / 3 + 2 >= capacity, "idle: {least} of {capacity}");
            // Up to `LOW` a queue is not told from none.
            prop_assert!(*most <= (2 * capacity).max(LOW), "a queue of {most} at {capacity}");
        }
    }
}
