//! Whether a standby connection has caught up with the one that it is to replace. Pure.
//!
//! A symbol is covered when what the standby delivers joins what the lead has delivered without a hole, and the standby
//! has come to the id that was the lead's newest when the two were first compared. From then on the standby alone has
//! everything. A symbol that is quiet has nothing to compare: it is covered when the lead delivers nothing of it for as
//! long as a trade may be under way.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use tokio::time::Instant;

use super::heard::{Heard, Span};
use crate::model::Symbol;

/// How far a standby has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not far enough yet.
    Waiting,
    /// Nothing is lost when the lead is closed.
    Covered,
    /// It does not hear a symbol that the lead hears.
    Deaf(Symbol),
}

/// The comparison of one standby with its lead.
#[derive(Debug)]
pub struct Coverage {
    patience: Duration,
    covered: HashSet<Symbol>,
    uncovered: HashMap<Symbol, Watch>,
}

/// A symbol that the standby does not cover yet.
#[derive(Debug)]
struct Watch {
    /// When it was first compared, and the lead's newest id then.
    begun: Instant,
    mark: Option<u64>,
    /// The lead's newest id, and since when it is that.
    latest: Option<u64>,
    since: Instant,
    /// Since when the lead hears what the standby should hear too, and does not.
    deaf_since: Option<Instant>,
}

/// How a symbol stands. A quiet one may wake up, a covered one stays so.
enum Look {
    Waiting,
    Quiet,
    Covered,
    Deaf,
}

impl Coverage {
    /// Nothing is compared yet. `patience` is longer than a trade may be under way.
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            covered: HashSet::new(),
            uncovered: HashMap::new(),
        }
    }

    /// Compares what both have delivered by now. Call it only while every subscription of the standby is confirmed.
    pub fn compare(&mut self, now: Instant, lead: &Heard, standby: &Heard) -> Verdict {
        let mut waiting = false;
        for (symbol, old) in lead.spans() {
            if self.covered.contains(symbol) {
                continue;
            }
            let watch = self
                .uncovered
                .entry(symbol.clone())
                .or_insert_with(|| Watch::new(now, old));
            match watch.look(now, self.patience, old, standby.span(symbol)) {
                Look::Waiting => waiting = true,
                Look::Quiet => {}
                Look::Covered => {
                    self.uncovered.remove(symbol);
                    self.covered.insert(symbol.clone());
                }
                Look::Deaf => return Verdict::Deaf(symbol.clone()),
            }
        }
        if waiting {
            Verdict::Waiting
        } else {
            Verdict::Covered
        }
    }
}

impl Watch {
    fn new(now: Instant, old: Option<Span>) -> Self {
        let latest = old.map(|old| old.latest);
        Self {
            begun: now,
            mark: latest,
            latest,
            since: now,
            deaf_since: None,
        }
    }

    fn look(&mut self, now: Instant, patience: Duration, old: Option<Span>, new: Option<Span>) -> Look {
        let reached = new.is_some_and(|new| Some(new.latest) >= self.mark);
        if reached && new.zip(old).is_some_and(|(new, old)| new.joins(old)) {
            return Look::Covered;
        }
        let latest = old.map(|old| old.latest);
        let moved = latest != self.latest;
        if moved {
            (self.latest, self.since) = (latest, now);
        }
        if reached {
            self.deaf_since = None;
        } else if moved && now >= self.begun + patience {
            // What was under way when the standby began to listen has arrived long since.
            self.deaf_since.get_or_insert(now);
        }
        match self.deaf_since {
            Some(since) if now >= since + patience => Look::Deaf,
            None if now >= self.since + patience => Look::Quiet,
            _ => Look::Waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn bitcoin() -> Symbol {
        "BTCUSDT".parse().unwrap()
    }

    /// A connection that wants BTCUSDT, and has delivered these ids of it.
    fn heard(ids: &[u64]) -> Heard {
        let mut heard = Heard::default();
        heard.want(&[bitcoin()].into());
        hear(&mut heard, ids);
        heard
    }

    fn hear(heard: &mut Heard, ids: &[u64]) {
        for id in ids {
            heard.trade(&bitcoin(), *id, Instant::now());
        }
    }

    #[test]
    fn covered_when_the_standby_has_come_to_the_leads_newest_id() {
        let now = Instant::now();
        let mut coverage = Coverage::new(PATIENCE);
        let (mut lead, mut standby) = (heard(&[6, 7]), heard(&[]));
        assert_eq!(coverage.compare(now, &lead, &standby), Verdict::Waiting);
        hear(&mut lead, &[8]);
        hear(&mut standby, &[6]);
        assert_eq!(coverage.compare(now, &lead, &standby), Verdict::Waiting);
        hear(&mut standby, &[7]);
        assert_eq!(
            coverage.compare(now, &lead, &standby),
            Verdict::Covered,
            "although the lead is ahead again for a moment"
        );
    }

    #[test]
    fn every_symbol_must_be_covered() {
        let now = Instant::now();
        let mut coverage = Coverage::new(PATIENCE);
        let ether: Symbol = "ETHUSDT".parse().unwrap();
        let (mut lead, mut standby) = (heard(&[]), heard(&[]));
        for one in [&mut lead, &mut standby] {
            one.want(&[bitcoin(), ether.clone()].into());
            one.trade(&bitcoin(), 7, now);
        }
        assert_eq!(coverage.compare(now, &lead, &standby), Verdict::Waiting);
        for one in [&mut lead, &mut standby] {
            one.trade(&ether, 100, now);
        }
        assert_eq!(coverage.compare(now, &lead, &standby), Verdict::Covered);
    }

    #[test]
    fn a_lead_that_is_behind_must_close_the_hole_first() {
        let now = Instant::now();
        let mut coverage = Coverage::new(PATIENCE);
        let (mut lead, standby) = (heard(&[7]), heard(&[10, 11]));
        assert_eq!(coverage.compare(now, &lead, &standby), Verdict::Waiting);
        hear(&mut lead, &[8, 9]);
        assert_eq!(coverage.compare(now, &lead, &standby), Verdict::Covered);
    }

    #[test]
    fn a_lead_that_is_slow_is_waited_for() {
        let now = Instant::now();
        let mut coverage = Coverage::new(PATIENCE);
        let (mut lead, standby) = (heard(&[1]), heard(&[10]));
        for (step, id) in (2..=8).enumerate() {
            hear(&mut lead, &[id]);
            let now = now + PATIENCE * u32::try_from(step).unwrap();
            assert_eq!(
                coverage.compare(now, &lead, &standby),
                Verdict::Waiting,
                "at {id}"
            );
        }
        hear(&mut lead, &[9]);
        assert_eq!(coverage.compare(now, &lead, &standby), Verdict::Covered);
    }

    #[test]
    fn a_symbol_that_is_quiet_on_the_lead_needs_no_trade() {
        for ids in [&[7][..], &[]] {
            let now = Instant::now();
            let mut coverage = Coverage::new(PATIENCE);
            let (lead, standby) = (heard(ids), heard(&[]));
            assert_eq!(coverage.compare(now, &lead, &standby), Verdict::Waiting);
            assert_eq!(
                coverage.compare(now + PATIENCE, &lead, &standby),
                Verdict::Covered
            );
        }
    }

    #[test]
    fn a_standby_that_does_not_hear_what_the_lead_hears_is_deaf() {
        let now = Instant::now();
        let mut coverage = Coverage::new(PATIENCE);
        let (mut lead, standby) = (heard(&[7]), heard(&[]));
        coverage.compare(now, &lead, &standby);
        let later = now + PATIENCE;
        hear(&mut lead, &[8]);
        assert_eq!(
            coverage.compare(later, &lead, &standby),
            Verdict::Waiting,
            "it may be under way"
        );
        assert_eq!(
            coverage.compare(later + PATIENCE, &lead, &standby),
            Verdict::Deaf(bitcoin())
        );
    }
}
