//! Whether the ids of a symbol have begun again at a lower number. Pure.
//!
//! An exchange numbers a symbol's trades in the order in which they happen. So whatever comes late, twice or out of order, an
//! id that is not above another one is never of a trade that happened well after the other's: where it is, it belongs to
//! another trade than before (docs/decisions/0025).

use crds::wire::RestartedIds;
use serde::{Deserialize, Serialize};

use crate::feed::Source;

/// How much later a trade must have happened than one whose id is not below its own, in microseconds. Within one numbering
/// only a step back of the exchange's clock brings that about, by a second at most; and no exchange begins to count again
/// without a break that is longer than this.
const MARGIN_US: i64 = 10_000_000;

/// An id, and when its trade happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// The id.
    pub id: u64,
    /// Microseconds since 1970.
    pub time_us: i64,
}

/// What the ids of one symbol are held against.
#[derive(Clone, Debug, Default)]
pub struct Numbering {
    /// The highest id of which the time is known. It judges nothing before another one is above it: a single false id must
    /// not make all that follow strangers.
    top: Option<Mark>,
    /// The highest one below it, which judges.
    mark: Option<Mark>,
    /// The last of a numbering that ended, and a time at which it still went on.
    old: Option<Mark>,
    restarted: Option<RestartedIds>,
}

impl Numbering {
    /// Notes a trade, and returns whether its id is of a numbering that began again. What was fetched never is: it was asked
    /// for by its id. `heard` is the highest id heard, of whatever time.
    pub fn restarts(&mut self, trade: Mark, source: Source, heard: Option<u64>) -> bool {
        let is_anew = |known: &Mark| {
            source != Source::Rest
                && trade.id <= known.id
                && trade.time_us > known.time_us.saturating_add(MARGIN_US)
        };
        let Some(ended) = self.old.into_iter().chain(self.mark).find(is_anew) else {
            self.note(trade);
            return false;
        };
        let restarted = self.restarted.get_or_insert_default();
        restarted.trades += 1;
        if self.old != Some(ended) {
            // What was heard beyond the mark was given by the old numbering too.
            let old_id = ended.id.max(heard.unwrap_or(0));
            self.old = Some(Mark { id: old_id, ..ended });
            (restarted.old_id, restarted.new_id) = (old_id, trade.id);
        }
        true
    }

    fn note(&mut self, trade: Mark) {
        let below = match self.top {
            Some(top) if trade.id == top.id => return,
            Some(top) if trade.id < top.id => Some(trade),
            top => {
                self.top = Some(trade);
                top
            }
        };
        self.mark = highest(self.mark, below);
    }

    /// Takes over what an earlier life knew.
    pub fn recall(&mut self, mark: Option<Mark>) {
        self.mark = highest(self.mark, mark);
    }

    /// What must outlive this process.
    pub fn mark(&self) -> Option<Mark> {
        highest(self.mark, self.old)
    }

    /// What is told of a numbering that began again.
    pub const fn restarted(&self) -> Option<&RestartedIds> {
        self.restarted.as_ref()
    }
}

fn highest(one: Option<Mark>, other: Option<Mark>) -> Option<Mark> {
    // Of equal ids the first.
    one.into_iter().chain(other).rev().max_by_key(|mark| mark.id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEGIN: i64 = 1_610_064_000_000_000;
    const SECOND: i64 = 1_000_000;

    fn at(id: u64, second: i64) -> Mark {
        Mark {
            id,
            time_us: BEGIN + second * SECOND,
        }
    }

    fn live(numbering: &mut Numbering, trade: Mark) -> bool {
        let heard = numbering.top.map(|top| top.id).max(Some(trade.id));
        numbering.restarts(trade, Source::Live, heard)
    }

    #[test]
    fn only_what_happened_later_than_the_margin_belongs_to_another_numbering() {
        let mut numbering = Numbering::default();
        assert!(!live(&mut numbering, at(499, 0)));
        assert!(!live(&mut numbering, at(500, 0)));
        assert!(!live(&mut numbering, at(7, 10)), "a clock may have been set back");
        assert!(live(&mut numbering, at(8, 11)));
        assert!(live(&mut numbering, at(500, 12)));
        let told = RestartedIds {
            old_id: 500,
            new_id: 8,
            trades: 2,
        };
        assert_eq!(numbering.restarted(), Some(&told));

        // What is above is nobody else's; what is overtaken by it is still another trade than the old one.
        assert!(!live(&mut numbering, at(501, 13)));
        assert!(live(&mut numbering, at(300, 13)));
        assert!(!live(&mut numbering, at(502, 14)));

        assert!(live(&mut numbering, at(501, 60)), "once more");
        let told = numbering.restarted().unwrap();
        assert_eq!((told.old_id, told.new_id, told.trades), (502, 501, 4));
    }

    #[test]
    fn a_single_false_id_makes_no_other_a_stranger() {
        let mut numbering = Numbering::default();
        for (id, second) in [
            (499, 0),
            (500, 1),
            (u64::MAX, 2),
            (501, 3),
            (502, 30),
            (501, 31),
            (503, 60),
        ] {
            assert!(!live(&mut numbering, at(id, second)), "{id}");
        }
        assert_eq!(numbering.restarted(), None);
    }

    #[test]
    fn what_was_fetched_is_the_trade_that_was_asked_for() {
        let mut numbering = Numbering::default();
        live(&mut numbering, at(500, 0));
        live(&mut numbering, at(501, 0));
        assert!(!numbering.restarts(at(7, 60), Source::Rest, Some(500)));
        assert!(numbering.restarts(at(7, 60), Source::Replay, Some(500)));
    }

    #[test]
    fn ids_in_kafka_without_a_known_time_belong_to_the_old_numbering_once_another_has_begun() {
        let mut numbering = Numbering::default();
        numbering.recall(Some(at(500, 0)));
        let heard = Some(520);
        assert!(
            !numbering.restarts(at(510, 60), Source::Live, heard),
            "nothing speaks for it"
        );

        let mut numbering = Numbering::default();
        numbering.recall(Some(at(500, 0)));
        assert!(numbering.restarts(at(499, 60), Source::Live, heard));
        assert!(numbering.restarts(at(520, 61), Source::Live, heard));
        assert!(!numbering.restarts(at(521, 62), Source::Live, heard));
    }

    #[test]
    fn what_came_before_the_recall_does_not_hide_a_restart() {
        let mut numbering = Numbering::default();
        assert!(!live(&mut numbering, at(7, 60)));
        numbering.recall(Some(at(500, 0)));
        assert!(live(&mut numbering, at(8, 61)));
        numbering.recall(None);
        assert_eq!(numbering.mark(), Some(at(500, 0)));
    }

    /// Ids from 100 on without a hole: the pauses between their times, and by how much the exchange's clock was off at each,
    /// in microseconds.
    fn series() -> impl Strategy<Value = Vec<Mark>> {
        let trade = (0..100 * SECOND, 0..=MARGIN_US);
        prop::collection::vec(trade, 2..40).prop_map(|trades| {
            let mut time_us = BEGIN;
            let marks = (100_u64..).zip(trades).map(|(id, (pause, off))| {
                time_us += pause;
                Mark {
                    id,
                    time_us: time_us + off,
                }
            });
            marks.collect()
        })
    }

    /// Which trade comes next, and from where; or the process dies, and the next one recalls what was kept at some time.
    #[derive(Clone, Debug)]
    enum Step {
        Read(prop::sample::Index, Source),
        Keep,
        Die,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let source = prop::sample::select(vec![Source::Live, Source::Rest, Source::Replay]);
        let step = prop_oneof![
            20 => (any::<prop::sample::Index>(), source).prop_map(|(trade, source)| Step::Read(trade, source)),
            2 => Just(Step::Keep),
            1 => Just(Step::Die),
        ];
        prop::collection::vec(step, 0..120)
    }

    /// Lets it all happen, and returns how many trades were taken for another numbering's.
    fn run(numbering: &mut Numbering, series: &[Mark], steps: &[Step]) -> usize {
        let (mut kept, mut heard, mut restarts) = (None, None, 0);
        for step in steps {
            match step {
                Step::Read(trade, source) => {
                    let trade = *trade.get(series);
                    restarts += usize::from(numbering.restarts(trade, *source, heard));
                    heard = heard.max(Some(trade.id));
                }
                Step::Keep => kept = numbering.mark(),
                Step::Die => {
                    *numbering = Numbering::default();
                    numbering.recall(kept);
                }
            }
        }
        restarts
    }

    proptest! {
        #[test]
        fn copies_changed_orders_and_repairs_are_never_another_numbering(series in series(), steps in steps()) {
            let mut numbering = Numbering::default();
            prop_assert_eq!(run(&mut numbering, &series, &steps), 0);
            prop_assert_eq!(numbering.restarted(), None);
        }

        #[test]
        fn every_trade_of_a_new_numbering_is_told_apart_until_it_is_above_the_old_one(
            series in series(),
            steps in steps(),
            first in 0_u64..100,
        ) {
            let mut numbering = Numbering::default();
            run(&mut numbering, &series, &steps);
            for trade in &series[..2] {
                live(&mut numbering, *trade);
            }
            let mark = numbering.mark().unwrap();
            let last = numbering.top.map_or(mark.id, |top| top.id.max(mark.id));
            for id in first..=last + 5 {
                let passed = i64::try_from(id - first).unwrap();
                let trade = Mark { id, time_us: mark.time_us + MARGIN_US + 1 + passed };
                prop_assert_eq!(live(&mut numbering, trade), id <= last, "{}", id);
            }
            let told = numbering.restarted().unwrap();
            prop_assert_eq!((told.old_id, told.new_id, told.trades), (last, first, last - first + 1));
        }
    }
}
