//! Which connections carry a group of symbols: make before break. A state machine; pure but for the random numbers it is
//! given.
//!
//! A line has a lead and, while the lead is to be replaced, a standby. The lead is closed only when the standby covers it
//! ([`Coverage`]); until then both deliver, and whoever takes the trades drops the copies by id. A lead that ends by itself
//! is succeeded by its standby at once, and without one by a new connection after a pause.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    coverage::{Coverage, Verdict},
    heard::Heard,
};
use crate::backoff::Backoff;

/// When connections are replaced.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Age at which a connection is replaced: before the exchange ends it.
    pub rotate_after: Duration,
    /// Up to this much earlier, at random, so that feeds of the same symbols do not change at the same time.
    pub rotate_spread: Duration,
    /// See [`Coverage::new`].
    pub patience: Duration,
    /// What lived this long is replaced at once; after what lived shorter there is a pause that grows each time.
    pub stable_after: Duration,
    /// Longest pause between two attempts to connect.
    pub longest_wait: Duration,
}

/// What is to be done. Connections have numbers, each used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make a connection and ask for the line's symbols.
    Open(u64),
    /// Close a connection.
    Close(u64),
}

/// A group of symbols and its connections.
#[derive(Debug)]
pub struct Line {
    policy: Policy,
    lead: Option<Runner>,
    standby: Option<Runner>,
    coverage: Coverage,
    backoff: Backoff,
    /// When the connection that is needed may be made.
    open_at: Instant,
    opened: u64,
}

/// A connection, or the attempt at one.
#[derive(Clone, Copy, Debug)]
struct Runner {
    number: u64,
    opened: Instant,
    rotate_at: Instant,
    /// Whether it is to be replaced.
    leaving: bool,
}

impl Line {
    /// Without a connection, which [`Line::tick`] asks for.
    pub fn new(policy: Policy, now: Instant) -> Self {
        Self {
            policy,
            lead: None,
            standby: None,
            coverage: Coverage::new(policy.patience),
            backoff: Backoff::new(policy.longest_wait).stable_after(policy.stable_after),
            open_at: now,
            opened: 0,
        }
    }

    /// Time has passed. `random` is in 0..1, here and below.
    pub fn tick(&mut self, now: Instant, random: f64) -> Option<Action> {
        if let Some(lead) = &mut self.lead
            && !lead.leaving
            && now >= lead.rotate_at
        {
            lead.leaving = true;
            self.open_at = now;
        }
        if !self.needs_connection() || now < self.open_at {
            return None;
        }
        self.opened += 1;
        let spread = self.policy.rotate_spread.mul_f64(random);
        let runner = Runner {
            number: self.opened,
            opened: now,
            rotate_at: now + self.policy.rotate_after.saturating_sub(spread),
            leaving: false,
        };
        if self.lead.is_none() {
            self.lead = Some(runner);
        } else {
            self.standby = Some(runner);
            self.coverage = Coverage::new(self.policy.patience);
        }
        Some(Action::Open(runner.number))
    }

    /// There is a reason to replace a connection that still lives.
    pub fn leave(&mut self, now: Instant, number: u64, random: f64) -> Option<Action> {
        if let Some(lead) = self.lead.filter(|lead| lead.number == number) {
            if !lead.leaving {
                self.lead = Some(Runner {
                    leaving: true,
                    ..lead
                });
                self.pause(now, lead, Duration::ZERO, random);
            }
            return None;
        }
        let standby = self.standby.take_if(|standby| standby.number == number)?;
        self.pause(now, standby, Duration::ZERO, random);
        Some(Action::Close(number))
    }

    /// A connection ended, or was not made; then the exchange may have asked for a pause of at least `least_wait`.
    pub fn ended(&mut self, now: Instant, number: u64, least_wait: Duration, random: f64) {
        if let Some(standby) = self.standby.take_if(|standby| standby.number == number) {
            self.pause(now, standby, least_wait, random);
        } else if let Some(lead) = self.lead.take_if(|lead| lead.number == number) {
            self.lead = self.standby.take();
            // A lead that was leaving has had its pause when it began to.
            if self.lead.is_none() && !lead.leaving {
                self.pause(now, lead, least_wait, random);
            }
        }
    }

    /// Compares what lead and standby ([`Line::pair`]) have delivered by now.
    pub fn compare(&mut self, now: Instant, lead: &Heard, standby: &Heard, random: f64) -> Option<Action> {
        let runner = self.standby.filter(|_| standby.is_complete())?;
        match self.coverage.compare(now, lead, standby) {
            Verdict::Waiting => None,
            Verdict::Deaf(symbol) => {
                tracing::warn!(%symbol, "a new connection does not hear what the old one hears");
                self.leave(now, runner.number, random)
            }
            Verdict::Covered => {
                self.standby = None;
                let old = self.lead.replace(runner)?;
                Some(Action::Close(old.number))
            }
        }
    }

    /// Lead and standby, while there are both.
    pub fn pair(&self) -> Option<(u64, u64)> {
        Some((self.lead?.number, self.standby?.number))
    }

    /// When [`Line::tick`] must be called at the latest; `None` when there is no such time.
    pub fn wake_at(&self) -> Option<Instant> {
        if self.needs_connection() {
            return Some(self.open_at);
        }
        self.lead.filter(|lead| !lead.leaving).map(|lead| lead.rotate_at)
    }

    fn needs_connection(&self) -> bool {
        self.standby.is_none() && self.lead.is_none_or(|lead| lead.leaving)
    }

    /// Sets the earliest time of the next attempt, by how long the last connection lived.
    fn pause(&mut self, now: Instant, last: Runner, least_wait: Duration, random: f64) {
        let lived = now.saturating_duration_since(last.opened);
        self.open_at = now + self.backoff.next(lived, random).max(least_wait);
    }
}
