//! What this process remembers of its bootstraps, so that a converged pipeline is not compared every few seconds.
//! Lost with the process; then everything is compared once more.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Outcome, Unavailable, Wanted};
use crate::{
    plan::{Bootstrap, Part},
    reconcile::fill::Samples,
};

/// After so long a good result is compared again, in case someone changed the engine by hand.
const COMPARE_AGAIN: Duration = Duration::from_mins(10);

/// What is known of one pipeline.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    good: HashMap<Part, Good>,
    errors: HashMap<Part, Unavailable>,
    /// When the workers were last asked, less the part of a second that [`Self::ask`] has not told yet.
    asked: Option<Instant>,
    /// What was measured of volumes.
    pub disks: Samples,
    /// Reconciliations that failed in a row.
    pub failures: u32,
}

/// What the status says of a part, as an earlier process may have found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It was not good yet.
    Never,
    /// It was good for an earlier spec.
    OfAnEarlierSpec,
    /// It was good for the spec of now, which holds until it is compared again.
    OfThisSpec,
}

#[derive(Clone, Debug)]
struct Good {
    wanted: Wanted,
    at: Instant,
    outcome: Outcome,
}

impl Remembered {
    /// How a part stands, given what is wanted now.
    pub fn state(&self, part: Part, wanted: &Wanted, recorded: Recorded, now: Instant) -> Bootstrap {
        let good = self.good.get(&part);
        Bootstrap {
            exists: recorded != Recorded::Never || good.is_some(),
            done: good.map_or(recorded == Recorded::OfThisSpec, |good| {
                part.same(&good.wanted, wanted)
            }),
            due: good.is_none_or(|good| {
                !part.same(&good.wanted, wanted) || now.duration_since(good.at) > COMPARE_AGAIN
            }),
            error: self
                .errors
                .get(&part)
                .map(|error| (error.reason(), error.to_string())),
        }
    }

    /// What the last good comparison left as it is.
    pub fn outcome(&self, part: Part) -> Option<&Outcome> {
        self.good.get(&part).map(|good| &good.outcome)
    }

    /// Notes that the workers are asked now. Returns the whole seconds since they last were, and leaves the rest of a
    /// second to the next time; 0 at the first.
    pub fn ask(&mut self, now: Instant) -> i64 {
        let last = self.asked.unwrap_or(now);
        let seconds = now.saturating_duration_since(last).as_secs();
        self.asked = Some(last + Duration::from_secs(seconds));
        i64::try_from(seconds).unwrap_or(i64::MAX)
    }

    /// Takes a result in. A failure leaves the last good result standing.
    pub fn record(
        &mut self,
        part: Part,
        wanted: &Wanted,
        now: Instant,
        result: Result<Outcome, Unavailable>,
    ) {
        match result {
            Ok(outcome) => {
                let wanted = wanted.clone();
                self.good.insert(
                    part,
                    Good {
                        wanted,
                        at: now,
                        outcome,
                    },
                );
                self.errors.remove(&part);
            }
            Err(error) => {
                self.errors.insert(part, error);
            }
        }
    }
}

impl Part {
    fn same(self, left: &Wanted, right: &Wanted) -> bool {
        match self {
            Self::Topics => left.topics == right.topics,
            Self::Schema => left.schema == right.schema,
            Self::Archive => left.archive == right.archive,
        }
    }
}

/// What is known of every pipeline, by uid.
#[derive(Debug, Default)]
pub struct Memories(Mutex<HashMap<String, Remembered>>);

impl Memories {
    /// What is known of a pipeline.
    pub fn get(&self, uid: &str) -> Remembered {
        self.lock().get(uid).cloned().unwrap_or_default()
    }

    /// Changes what is known of a pipeline.
    pub fn with<T>(&self, uid: &str, change: impl FnOnce(&mut Remembered) -> T) -> T {
        change(self.lock().entry(uid.to_owned()).or_default())
    }

    /// Forgets a pipeline that is gone.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_between_two_askings_lose_nothing_to_rounding() {
        let start = Instant::now();
        let mut memory = Remembered::default();
        let seconds = [0, 2_600, 5_200, 7_800].map(|ms| memory.ask(start + Duration::from_millis(ms)));
        assert_eq!(seconds, [0, 2, 3, 2]);
    }
}
