//! One symbol's ids: which were heard, which Kafka has, and which are missing. Pure: time is handed in, in milliseconds
//! since 1970.
//!
//! An id is *heard* when it is on its way to Kafka or there already, and from then on a copy of it is dropped. It is
//! *acknowledged* when all in-sync replicas have it. From the start on, what was not heard and is not above the highest
//! id known to exist is a hole; a hole that lasts and that Kafka knows nothing of is a gap.

use crds::{
    gap::{GapCause, GapRecord},
    spec::Exchange,
    wire::RestartedIds,
};

pub use super::memory::Memory;
use super::{
    gap::{Gap, Outcome},
    numbering::{Mark, Numbering},
    rate::Rate,
};
use crate::{
    feed::Source,
    model::{IdInterval, IdIntervals, Symbol},
};

/// Most trades that one request may ask for.
pub const WINDOW: u64 = 1_000;

/// The ids of one symbol.
#[derive(Clone, Debug)]
pub struct SymbolLedger {
    exchange: Exchange,
    symbol: Symbol,
    /// Whether missing ids are looked for.
    looks: bool,
    /// The lowest id that must be there; not known before something is.
    start: Option<u64>,
    /// Whether what Kafka knew at the start of this process was taken over. Before that nothing is a gap.
    recalled: bool,
    /// Whether this process has heard an id from the live stream, or from the files played in its place.
    live: bool,
    /// The highest id known to exist, heard or not.
    highest: Option<u64>,
    /// When that became known.
    highest_ms: i64,
    heard: IdIntervals,
    acknowledged: IdIntervals,
    /// Fetched by REST, and maybe not heard yet: no need to ask for them again.
    fetched: IdIntervals,
    /// In rising order of ids.
    gaps: Vec<Gap>,
    late_ms: i64,
    last_trade_us: i64,
    numbering: Numbering,
    rate: Rate,
}

/// How an id was heard.
#[derive(Clone, Copy, Debug)]
pub struct Hearing {
    /// When it was read.
    pub at_ms: i64,
    /// From where.
    pub source: Source,
    /// When a connection to the exchange was last lost before; 0 when none was.
    pub lost_ms: i64,
}

impl SymbolLedger {
    /// Nothing heard yet.
    pub fn new(exchange: Exchange, symbol: Symbol) -> Self {
        Self {
            exchange,
            symbol,
            looks: true,
            start: None,
            recalled: false,
            live: false,
            highest: None,
            highest_ms: 0,
            heard: IdIntervals::new(),
            acknowledged: IdIntervals::new(),
            fetched: IdIntervals::new(),
            gaps: vec![],
            late_ms: 0,
            last_trade_us: 0,
            numbering: Numbering::default(),
            rate: Rate::default(),
        }
    }

    /// Looks for missing ids, or does not: then nothing is ever a gap, and copies are told apart all the same.
    #[must_use]
    pub fn looks(self, looks: bool) -> Self {
        Self { looks, ..self }
    }

    /// Notes a trade that was read, and returns whether its id is of a numbering that began again: then it is another trade
    /// than the one that this ledger knows by the id, and not to be heard.
    pub fn restarts(&mut self, trade: Mark, source: Source) -> bool {
        self.numbering.restarts(trade, source, self.heard.last())
    }

    /// What is told of a numbering that began again.
    pub const fn restarted(&self) -> Option<&RestartedIds> {
        self.numbering.restarted()
    }

    /// Notes that an id was read, and returns whether it is to be sent: a copy is not.
    pub fn hear(&mut self, id: u64, hearing: Hearing) -> bool {
        let overtaken = self.heard.last().is_some_and(|last| id < last);
        if !self.heard.insert(id) {
            return false;
        }
        if self.highest.is_none_or(|highest| highest < id) {
            if let Some(last) = id.checked_sub(1) {
                self.suspect_up_to(last, hearing.at_ms, hearing.lost_ms);
            }
            self.highest = Some(id);
            self.highest_ms = hearing.at_ms;
        } else if let Some(gap) = self.gap_of(id) {
            gap.filled(hearing.source == Source::Rest, hearing.at_ms);
        }
        if self.recalled {
            self.start.get_or_insert(id);
        }
        if overtaken && self.start.is_none_or(|start| start <= id) {
            self.late_ms = hearing.at_ms;
        }
        self.live |= hearing.source != Source::Rest;
        true
    }

    /// Notes that the exchange says that this id exists. Without anything to count from it says nothing.
    pub fn exists(&mut self, id: u64, now_ms: i64, lost_ms: i64) {
        let known = self.recalled && (self.start.is_some() || self.highest.is_some());
        if known && self.highest.is_none_or(|highest| highest < id) {
            self.suspect_up_to(id, now_ms, lost_ms);
            self.highest = Some(id);
            self.highest_ms = now_ms;
        }
    }

    /// Suspects the ids from the highest one known (without one, from the start) to `last`, if there are any.
    fn suspect_up_to(&mut self, last: u64, now_ms: i64, lost_ms: i64) {
        if !self.looks {
            return;
        }
        let (first, cause) = match self.highest {
            None => (self.start, GapCause::Backfill),
            Some(highest) if !self.live => (highest.checked_add(1), GapCause::Downtime),
            Some(highest) if lost_ms >= self.highest_ms => (highest.checked_add(1), GapCause::Disconnect),
            Some(highest) => (highest.checked_add(1), GapCause::NotDelivered),
        };
        let first = first.map(|first| first.max(self.start.unwrap_or(0)));
        if let Some(ids) = first.and_then(|first| IdInterval::new(first, last)) {
            self.gaps.push(Gap::suspected(ids, cause, now_ms));
        }
    }

    fn gap_of(&mut self, id: u64) -> Option<&mut Gap> {
        let at = self.gaps.partition_point(|gap| gap.ids().last() < id);
        self.gaps.get_mut(at).filter(|gap| gap.ids().first() <= id)
    }

    /// All in-sync replicas have the id, of a trade that happened then (microseconds since 1970).
    pub fn acknowledge(&mut self, id: u64, trade_time_us: i64, now_ms: i64) {
        self.acknowledged.insert(id);
        self.last_trade_us = self.last_trade_us.max(trade_time_us);
        self.rate.count(now_ms);
    }

    /// Takes over what an earlier life left in Kafka: its memory, and the ids of the topic's last records. `configured`
    /// is an id to start from; it only ever moves the start back.
    pub fn recall(
        &mut self,
        memory: Option<&Memory>,
        found: &IdIntervals,
        configured: Option<u64>,
        now_ms: i64,
    ) {
        let known = match memory {
            Some(memory) => Some(memory.start),
            None => found.first().into_iter().chain(self.heard.first()).min(),
        };
        self.start = known.into_iter().chain(configured).min();
        if let Some(memory) = memory {
            self.heard.union(&memory.ids);
            self.acknowledged.union(&memory.ids);
            self.late_ms = self.late_ms.max(memory.late_ms);
            self.last_trade_us = self.last_trade_us.max(memory.last_trade_us);
            self.numbering.recall(memory.mark);
            let mut gaps: Vec<Gap> = memory
                .gaps
                .iter()
                .filter(|_| self.looks)
                .filter_map(|record| Gap::resumed(record, now_ms))
                .collect();
            let told: IdIntervals = gaps.iter().map(Gap::ids).collect::<Vec<_>>().into();
            // What is suspected in this life keeps its own cause, unless the earlier one has told of it.
            gaps.extend(
                std::mem::take(&mut self.gaps)
                    .into_iter()
                    .filter(|gap| told.missing_in(gap.ids()) == [gap.ids()]),
            );
            self.gaps = gaps;
        }
        self.recalled = true;
        self.find(found, now_ms);
    }

    /// Whether [`Self::recall`] has been called.
    pub const fn is_recalled(&self) -> bool {
        self.recalled
    }

    /// Ids that are in the topic, whoever sent them.
    pub fn find(&mut self, found: &IdIntervals, now_ms: i64) {
        self.heard.union(found);
        self.acknowledged.union(found);
        let told = self.gaps.last().map(|gap| gap.ids().last());
        self.highest = self.highest.max(self.heard.last()).max(told);
        let (true, Some(start), Some(highest)) = (self.looks, self.start, self.highest) else {
            return;
        };
        let suspected: IdIntervals = self.gaps.iter().map(Gap::ids).collect::<Vec<_>>().into();
        let lowest = self.heard.first().unwrap_or(highest);
        let holes = IdInterval::new(start, highest).map(|all| self.heard.missing_in(all));
        for hole in holes.into_iter().flatten() {
            for ids in suspected.missing_in(hole) {
                let cause = if ids.last() < lowest {
                    GapCause::Backfill
                } else {
                    GapCause::Downtime
                };
                self.gaps.push(Gap::suspected(ids, cause, now_ms));
            }
        }
        self.gaps.sort_by_key(|gap| gap.ids().first());
    }

    /// Whether Kafka should be looked into, because a suspicion has outlived any change of order.
    pub fn is_overdue(&self, now_ms: i64) -> bool {
        self.recalled && self.gaps.iter().any(|gap| gap.is_overdue(now_ms))
    }

    /// Confirms, closes and forgets gaps, and returns what is new to be told. `looked_ms` is when the newest look into
    /// Kafka began whose finds were handed to [`Self::find`].
    pub fn review(&mut self, looked_ms: i64, now_ms: i64) -> Vec<GapRecord> {
        if !self.recalled || self.gaps.is_empty() {
            return vec![];
        }
        let mut told = vec![];
        for mut gap in std::mem::take(&mut self.gaps) {
            let outcome = gap.review(&self.heard, &self.acknowledged, looked_ms, now_ms);
            if matches!(outcome, Outcome::Tell | Outcome::Close) {
                told.push(gap.record(self.exchange, &self.symbol, &self.acknowledged, now_ms));
            }
            if matches!(outcome, Outcome::Keep | Outcome::Tell) {
                self.gaps.push(gap);
            }
        }
        if self.gaps.is_empty() {
            self.fetched = IdIntervals::new();
        }
        told
    }

    /// What to ask for now: the newest missing ids of the newest gap that is due, without those that were just asked for in vain,
    /// at most [`WINDOW`] from the lowest to the highest, and when that gap was found.
    pub fn wanted(&self, now_ms: i64) -> Option<(i64, IdInterval)> {
        if !self.gaps.iter().any(|gap| gap.is_due(now_ms)) {
            return None;
        }
        let mut have = self.heard.clone();
        have.union(&self.fetched);
        let mut due = self.gaps.iter().rev().filter(|gap| gap.is_due(now_ms));
        let newest = |gap: &Gap| Some((gap.detected_ms(), gap.newest_missing(&have)?));
        let (detected_ms, last) = due.find_map(newest)?;
        let first = last.saturating_sub(WINDOW - 1).max(self.start.unwrap_or(0));
        let first = have.missing_in(IdInterval::new(first, last)?).first()?.first();
        Some((detected_ms, IdInterval::new(first, last)?))
    }

    /// Whether all of these ids were heard.
    pub fn has_heard(&self, ids: &IdIntervals) -> bool {
        ids.ranges()
            .iter()
            .all(|range| self.heard.missing_in(*range).is_empty())
    }

    /// Whether the id is neither heard nor fetched.
    pub fn lacks(&self, id: u64) -> bool {
        !self.heard.contains(id) && !self.fetched.contains(id)
    }

    /// A request for `asked` brought these ids, which will be heard; or it failed for this reason.
    pub fn answered(&mut self, asked: IdInterval, brought: Result<&[u64], &'static str>, now_ms: i64) {
        for id in brought.unwrap_or_default() {
            self.fetched.insert(*id);
        }
        let Some(gap) = self.gap_of(asked.last()) else {
            return;
        };
        match brought {
            Ok([]) => gap.in_vain(asked, now_ms),
            Ok(_) => gap.brought(asked, now_ms),
            Err(reason) => gap.failed(reason, now_ms),
        }
    }

    /// Nobody can be asked for the newest of these ids, for this reason.
    pub fn given_up(&mut self, asked: IdInterval, reason: &'static str) {
        if let Some(gap) = self.gap_of(asked.last()) {
            gap.given_up(reason);
        }
    }

    /// Ids of confirmed gaps that Kafka does not have.
    pub fn missing(&self) -> u64 {
        let confirmed = self.gaps.iter().filter(|gap| gap.is_confirmed());
        confirmed.fold(0, |sum, gap| sum.saturating_add(gap.missing(&self.acknowledged)))
    }

    /// The confirmed gaps.
    pub fn gaps(&self, now_ms: i64) -> Vec<GapRecord> {
        let confirmed = self.gaps.iter().filter(|gap| gap.is_confirmed());
        confirmed
            .map(|gap| gap.record(self.exchange, &self.symbol, &self.acknowledged, now_ms))
            .collect()
    }

    /// What must outlive this process; `None` while there is nothing.
    pub fn memory(&self, now_ms: i64) -> Option<Memory> {
        let start = self
            .start
            .filter(|_| self.recalled && !self.acknowledged.is_empty())?;
        Some(Memory {
            start,
            ids: self.acknowledged.clone(),
            gaps: self.gaps(now_ms),
            late_ms: self.late_ms,
            last_trade_us: self.last_trade_us,
            mark: self.numbering.mark(),
        })
    }

    /// The ids that were heard and that Kafka does not have.
    pub fn unacknowledged(&self) -> Vec<IdInterval> {
        let heard = self.heard.ranges().iter();
        heard.flat_map(|ids| self.acknowledged.missing_in(*ids)).collect()
    }

    /// The ids that Kafka has.
    pub const fn acknowledged(&self) -> &IdIntervals {
        &self.acknowledged
    }

    /// When the newest acknowledged trade happened, microseconds since 1970; 0 when there is none.
    pub const fn last_trade_us(&self) -> i64 {
        self.last_trade_us
    }

    /// When an id last arrived after a higher one; 0 when none did.
    pub const fn late_ms(&self) -> i64 {
        self.late_ms
    }

    /// Trades acknowledged in the last whole minute.
    pub fn per_minute(&self, now_ms: i64) -> u64 {
        self.rate.per_minute(now_ms)
    }
}
