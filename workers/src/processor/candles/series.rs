//! The candles of one symbol and one interval. Pure.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::model::{CandleError, Figures, Fill, IdInterval, IdIntervals, Interval, Tally};

/// How often a candle that is not final is told at most.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Windows held at most. Those that wait for missing ids are the only ones that add up, two per gap.
const MOST_HELD: usize = 256;
/// Ranges of settled windows kept at most. Beyond, the windows between them are taken as settled too, which is not
/// wrong: they would only be read from the store.
const MOST_RANGES: usize = 1_024;

/// Windows with trades, and which other windows may have had some.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) interval: Interval,
    /// By start.
    held: BTreeMap<i64, Held>,
    /// Numbers of the windows that are no longer held, or were perhaps held by a former owner of the partition.
    settled: IdIntervals,
}

#[derive(Debug)]
struct Held {
    trades: Trades,
    /// Offset of the first trade; `None` when they came from the store.
    from: Option<i64>,
    /// Offset of the trade that came last.
    touched: i64,
    /// Whether there is more than was told.
    news: bool,
    told: Option<Instant>,
}

#[derive(Debug)]
enum Trades {
    /// They are in the store and must be read from there.
    Stored,
    /// All that have come.
    Counted(Tally),
    /// There is no telling their sum.
    Uncountable,
}

/// What is known of a symbol beside its candles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    /// All ids that have come.
    pub ids: &'a IdIntervals,
    /// Time of the newest trade, microseconds since 1970.
    pub newest_us: i64,
}

impl Known<'_> {
    /// Whether no trade of a window that ends there can be missing: trades of later windows have come, and every id
    /// from the one before the window's first to the one after its last. An id before the first one there is (0) is
    /// not waited for; where reading began later, the window in which it began has no id before its first.
    fn completes(&self, ids: &IdIntervals, end_us: i64) -> bool {
        let Some((first, last)) = ids.first().zip(ids.last()) else {
            return false;
        };
        self.newest_us >= end_us
            && IdInterval::new(first.saturating_sub(1), last.saturating_add(1))
                .is_some_and(|around| self.ids.covers(around))
    }
}

/// What is to be told of a window.
#[derive(Debug)]
pub(super) struct Told {
    pub open_us: i64,
    pub figures: Figures,
    pub is_final: bool,
}

impl Series {
    /// Every window up to `settled_until_us` that is not resumed may have had trades.
    pub(super) fn new(interval: Interval, settled_until_us: Option<i64>) -> Self {
        let range = settled_until_us.and_then(|until| IdInterval::new(0, interval.number(until)));
        Self {
            interval,
            held: BTreeMap::new(),
            settled: range.into_iter().collect::<Vec<_>>().into(),
        }
    }

    /// Holds a window that a former owner held. Its trades from that offset on are about to come again.
    pub(super) fn resume(&mut self, open_us: i64, from: Option<i64>) {
        let trades = match from {
            Some(_) => Trades::Counted(Tally::default()),
            None => Trades::Stored,
        };
        self.held.insert(open_us, Held::new(trades, from));
    }

    /// Takes a trade that is new.
    pub(super) fn add(&mut self, fill: &Fill, time_us: i64, offset: i64) -> Result<(), CandleError> {
        let open_us = self.interval.open_us(time_us);
        let held = self.held.entry(open_us).or_insert_with(|| {
            if self.settled.contains(self.interval.number(open_us)) {
                Held::new(Trades::Stored, None)
            } else {
                Held::new(Trades::Counted(Tally::default()), Some(offset))
            }
        });
        held.add(fill, offset)
    }

    /// Takes a trade that came before, if it belongs to a window that was resumed.
    pub(super) fn replay(&mut self, fill: &Fill, time_us: i64, offset: i64) -> Result<(), CandleError> {
        match self.held.get_mut(&self.interval.open_us(time_us)) {
            Some(held) if held.from.is_some_and(|from| from <= offset) => held.add(fill, offset),
            _ => Ok(()),
        }
    }

    /// Records before that offset do not come again: what needs them is to be read from the store.
    pub(super) fn lost(&mut self, before: i64) {
        for held in self.held.values_mut() {
            if held.from.is_some_and(|from| from < before) {
                held.trades = Trades::Stored;
                held.from = None;
            }
        }
    }

    /// Starts of the windows whose trades are to be read from the store.
    pub(super) fn stored(&self) -> impl Iterator<Item = i64> {
        let stored = |held: &Held| matches!(held.trades, Trades::Stored);
        self.held
            .iter()
            .filter(move |(_, held)| stored(held))
            .map(|(open_us, _)| *open_us)
    }

    /// Takes over what the store has of a window.
    pub(super) fn restore(&mut self, open_us: i64, read: Result<Tally, CandleError>) {
        if let Some(held) = self.held.get_mut(&open_us) {
            held.trades = read.map_or(Trades::Uncountable, Trades::Counted);
        }
    }

    /// What is to be told now. Windows that are final are let go, and those that wait longest when too many wait.
    /// Returns whether some have news that must wait.
    pub(super) fn due(
        &mut self,
        known: Known<'_>,
        now: Instant,
        mut tell: impl FnMut(Result<Told, CandleError>),
    ) -> bool {
        let mut waiting = false;
        let mut settled = vec![];
        let surplus = self.surplus();
        self.held.retain(|open_us, held| {
            let mut leaves = surplus.contains(open_us);
            if let Trades::Counted(tally) = &held.trades {
                let is_final = known.completes(tally.ids(), self.interval.end_us(*open_us));
                leaves |= is_final;
                if leaves || (held.news && held.rested(now)) {
                    let told = |figures| Told {
                        open_us: *open_us,
                        figures,
                        is_final,
                    };
                    if let Some(figures) = tally.figures().transpose() {
                        tell(figures.map(told));
                    }
                    held.news = false;
                    held.told = Some(now);
                }
                waiting |= held.news;
            }
            if leaves {
                settled.push(*open_us);
            }
            !leaves
        });
        for open_us in settled {
            self.settle(open_us);
        }
        waiting
    }

    /// Start of each window that is not final, and the offset of its first trade.
    pub(super) fn open(&self) -> impl Iterator<Item = (i64, Option<i64>)> {
        self.held
            .iter()
            .filter(|(_, held)| !matches!(held.trades, Trades::Uncountable))
            .map(|(open_us, held)| (*open_us, held.from))
    }

    /// Those touched longest ago, as many as there are too many.
    fn surplus(&self) -> Vec<i64> {
        let too_many = self.held.len().saturating_sub(MOST_HELD);
        if too_many == 0 {
            return vec![];
        }
        let mut by_touch: Vec<_> = self
            .held
            .iter()
            .map(|(open_us, held)| (held.touched, *open_us))
            .collect();
        by_touch.sort_unstable();
        by_touch
            .into_iter()
            .take(too_many)
            .map(|(_, open_us)| open_us)
            .collect()
    }

    fn settle(&mut self, open_us: i64) {
        self.settled.insert(self.interval.number(open_us));
        if self.settled.ranges().len() > MOST_RANGES
            && let Some((first, last)) = self.settled.first().zip(self.settled.last())
            && let Some(all) = IdInterval::new(first, last)
        {
            self.settled.insert_range(all);
        }
    }
}

impl Held {
    fn new(trades: Trades, from: Option<i64>) -> Self {
        Self {
            trades,
            touched: from.unwrap_or(0),
            from,
            news: true,
            told: None,
        }
    }

    /// Whether it was not told a moment ago.
    fn rested(&self, now: Instant) -> bool {
        self.told
            .is_none_or(|told| now.saturating_duration_since(told) >= TELL_EVERY)
    }

    fn add(&mut self, fill: &Fill, offset: i64) -> Result<(), CandleError> {
        self.touched = offset;
        self.news = true;
        if let Trades::Counted(tally) = &mut self.trades
            && let Err(error) = tally.add(fill)
        {
            self.trades = Trades::Uncountable;
            return Err(error);
        }
        Ok(())
    }
}
