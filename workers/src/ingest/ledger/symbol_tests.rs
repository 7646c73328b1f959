//! A symbol's ledger against a model that keeps every id apart.

use std::collections::{BTreeMap, BTreeSet};

use crds::{
    gap::{GapCause, GapRecord, GapState},
    spec::Exchange,
};
use proptest::prelude::*;

use super::{
    gap::GRACE_MS,
    numbering::Mark,
    symbol::{Hearing, Memory, SymbolLedger, WINDOW},
};
use crate::{
    feed::Source,
    model::{IdInterval, IdIntervals},
};

const BEGIN: i64 = 1_610_064_000_000;

fn empty() -> SymbolLedger {
    SymbolLedger::new(Exchange::Binance, "BTCUSDT".parse().unwrap())
}

/// Of a first-ever start.
fn fresh() -> SymbolLedger {
    let mut ledger = empty();
    ledger.recall(None, &IdIntervals::new(), None, BEGIN);
    ledger
}

const fn live(at_ms: i64) -> Hearing {
    Hearing {
        at_ms,
        source: Source::Live,
        lost_ms: 0,
    }
}

const fn rest(at_ms: i64) -> Hearing {
    Hearing {
        source: Source::Rest,
        ..live(at_ms)
    }
}

fn hear_all(ledger: &mut SymbolLedger, ids: impl IntoIterator<Item = u64>, at_ms: i64) {
    for id in ids {
        assert!(ledger.hear(id, live(at_ms)));
        ledger.acknowledge(id, 0, at_ms);
    }
}

fn ids(ids: impl IntoIterator<Item = u64>) -> IdIntervals {
    ids.into_iter().collect()
}

fn ranges(records: &[GapRecord]) -> Vec<(u64, u64, GapCause)> {
    records
        .iter()
        .map(|gap| (gap.from_id, gap.to_id, gap.cause))
        .collect()
}

/// The gaps that are there once every suspicion has lasted and Kafka has been looked into.
fn settle(ledger: &mut SymbolLedger, now_ms: i64) -> Vec<(u64, u64, GapCause)> {
    let late = now_ms + GRACE_MS;
    ledger.review(late, late);
    ranges(&ledger.gaps(late))
}

#[test]
fn a_first_start_counts_from_the_first_id_heard() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [100, 101, 99, 102], BEGIN);
    assert_eq!(settle(&mut ledger, BEGIN), []);
    assert_eq!(ledger.memory(BEGIN).unwrap().start, 100);
}

#[test]
fn a_start_that_is_asked_for_moves_back_only() {
    let backfill = |configured: u64, memory: Option<&Memory>| {
        let mut ledger = empty();
        ledger.recall(memory, &IdIntervals::new(), Some(configured), BEGIN);
        hear_all(&mut ledger, [200], BEGIN);
        settle(&mut ledger, BEGIN)
    };
    assert_eq!(backfill(150, None), [(150, 199, GapCause::Backfill)]);
    let memory = Memory {
        start: 180,
        ids: ids(180..200),
        gaps: vec![],
        late_ms: 0,
        last_trade_us: 0,
        mark: None,
    };
    assert_eq!(backfill(150, Some(&memory)), [(150, 179, GapCause::Backfill)]);
    assert_eq!(backfill(190, Some(&memory)), []);
}

#[test]
fn causes_are_told_apart() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [10], BEGIN);
    hear_all(&mut ledger, [12], BEGIN + 1_000);
    let after_a_loss = Hearing {
        lost_ms: BEGIN + 5_000,
        ..live(BEGIN + 9_000)
    };
    assert!(ledger.hear(14, after_a_loss));
    let memory = {
        ledger.acknowledge(14, 0, BEGIN);
        ledger.memory(BEGIN).unwrap()
    };
    let mut next_life = empty();
    next_life.recall(Some(&memory), &IdIntervals::new(), None, BEGIN);
    hear_all(&mut next_life, [16], BEGIN + 60_000);

    assert_eq!(
        settle(&mut ledger, BEGIN + 9_000),
        [(11, 11, GapCause::NotDelivered), (13, 13, GapCause::Disconnect)]
    );
    assert_eq!(
        settle(&mut next_life, BEGIN + 60_000)[2],
        (15, 15, GapCause::Downtime)
    );
}

#[test]
fn what_was_heard_before_the_recall_is_joined_with_it() {
    let mut ledger = empty();
    hear_all(&mut ledger, [50, 53], BEGIN);
    assert_eq!(
        settle(&mut ledger, BEGIN),
        [],
        "nothing is a gap before the recall"
    );
    let memory = Memory {
        start: 10,
        ids: ids(10..=20),
        gaps: vec![],
        late_ms: 0,
        last_trade_us: 0,
        mark: None,
    };
    ledger.recall(Some(&memory), &ids([21, 22, 51]), None, BEGIN);
    assert_eq!(
        settle(&mut ledger, BEGIN),
        [(23, 49, GapCause::Downtime), (52, 52, GapCause::NotDelivered)]
    );
}

#[test]
fn an_id_that_the_exchange_tells_of_and_nobody_hears_is_a_gap() {
    let mut ledger = fresh();
    ledger.exists(5, BEGIN, 0);
    assert_eq!(settle(&mut ledger, BEGIN), [], "nothing to count from");
    hear_all(&mut ledger, [10], BEGIN);
    ledger.exists(12, BEGIN, 0);
    hear_all(&mut ledger, [11], BEGIN);
    assert_eq!(settle(&mut ledger, BEGIN), [(12, 12, GapCause::NotDelivered)]);
}

#[test]
fn what_another_worker_brought_into_kafka_is_no_gap_and_its_copies_are_dropped() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [10, 15], BEGIN);
    assert!(ledger.is_overdue(BEGIN + GRACE_MS));
    ledger.find(&ids(11..=20), BEGIN + GRACE_MS);
    assert_eq!(settle(&mut ledger, BEGIN), []);
    assert!(!ledger.hear(16, live(BEGIN)));
}

#[test]
fn a_gap_above_everything_heard_is_not_found_twice() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [10], BEGIN);
    ledger.exists(15, BEGIN, 0);
    assert_eq!(settle(&mut ledger, BEGIN), [(11, 15, GapCause::NotDelivered)]);
    let memory = ledger.memory(BEGIN).unwrap();
    let mut next_life = empty();
    next_life.recall(Some(&memory), &IdIntervals::new(), None, BEGIN);
    hear_all(&mut next_life, [18], BEGIN);
    assert_eq!(
        settle(&mut next_life, BEGIN),
        [(11, 15, GapCause::NotDelivered), (16, 17, GapCause::Downtime)]
    );
}

#[test]
fn newest_first_and_never_more_than_one_request_may_bring() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [10, 5_011, 6_011], BEGIN);
    settle(&mut ledger, BEGIN);
    let now = BEGIN + GRACE_MS;
    let mut asked = vec![];
    while let Some((_, window)) = ledger.wanted(now) {
        let brought: Vec<u64> = (window.first()..=window.last())
            .filter(|id| ledger.lacks(*id))
            .collect();
        ledger.answered(window, Ok(&brought), now);
        asked.push((window.first(), window.last()));
    }
    assert_eq!(asked[..3], [(5_012, 6_010), (4_011, 5_010), (3_011, 4_010)]);
    assert_eq!(asked.len(), 6);
    assert!(asked.iter().all(|(first, last)| last - first < WINDOW));
}

#[test]
fn a_window_takes_small_holes_nearby_along() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [100, 103, 105, 107], BEGIN);
    settle(&mut ledger, BEGIN);
    let (_, window) = ledger.wanted(BEGIN + GRACE_MS).unwrap();
    assert_eq!(window, IdInterval::new(101, 106).unwrap());
}

#[test]
fn while_the_newest_gap_waits_an_older_one_is_asked_for() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [10, 20, 5_000], BEGIN);
    settle(&mut ledger, BEGIN);
    let now = BEGIN + GRACE_MS;
    let (_, newest) = ledger.wanted(now).unwrap();
    assert_eq!(newest.last(), 4_999);
    ledger.answered(newest, Ok(&[]), now);
    assert_eq!(ledger.wanted(now).unwrap().1, IdInterval::new(11, 19).unwrap());
}

#[test]
fn ids_that_never_come_keep_no_other_from_coming() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [10, 5_011], BEGIN);
    settle(&mut ledger, BEGIN);
    let holes = [700, 2_900, 2_901, 4_500];
    let mut now = BEGIN + GRACE_MS;
    for _ in 0..20 {
        // Longer than any pause.
        now += 3_600_000;
        let Some((_, window)) = ledger.wanted(now) else {
            break;
        };
        let brought: Vec<u64> = (window.first()..=window.last())
            .filter(|id| ledger.lacks(*id) && !holes.contains(id))
            .collect();
        ledger.answered(window, Ok(&brought), now);
        hear_all(&mut ledger, brought, now);
    }
    let lacking: Vec<u64> = (11..5_011).filter(|id| ledger.lacks(*id)).collect();
    assert_eq!(lacking, holes);
    assert!(ledger.wanted(now + 3_600_000).is_some(), "they are asked for on");
}

/// A step on both the ledger and its model.
#[derive(Clone, Debug)]
enum Step {
    Hear(u64),
    Exists(u64),
    /// Kafka acknowledges what was heard first.
    Acknowledge,
    /// Another worker has brought it into Kafka.
    Bring(u64),
    /// Time passes; Kafka is looked into if that is due; a review.
    Review(i64),
    /// The newest wanted ids are asked for; the exchange has every id up to this one.
    Repair(u64),
    Remember,
    /// The process dies, and another one recalls.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0_u64..40).prop_map(Step::Hear),
        2 => (0_u64..40).prop_map(Step::Exists),
        20 => Just(Step::Acknowledge),
        2 => (0_u64..40).prop_map(Step::Bring),
        6 => (0_i64..4_000).prop_map(Step::Review),
        4 => (0_u64..40).prop_map(Step::Repair),
        2 => Just(Step::Remember),
        1 => Just(Step::Restart),
    ]
}

struct World {
    ledger: SymbolLedger,
    now: i64,
    /// The model: what counts as heard, and what is in the topic.
    heard: BTreeSet<u64>,
    topic: BTreeSet<u64>,
    in_flight: Vec<u64>,
    memory: Option<Memory>,
    /// Gaps told and not closed, by key.
    open: BTreeMap<String, GapRecord>,
}

impl World {
    fn new() -> Self {
        Self {
            ledger: fresh(),
            now: BEGIN,
            heard: BTreeSet::new(),
            topic: BTreeSet::new(),
            in_flight: vec![],
            memory: None,
            open: BTreeMap::new(),
        }
    }

    fn hear(&mut self, id: u64, hearing: Hearing) {
        // A trade a minute.
        let time_us = BEGIN * 1_000 + i64::try_from(id).unwrap() * 60_000_000;
        let restarts = self.ledger.restarts(Mark { id, time_us }, hearing.source);
        assert!(!restarts, "{id} is of the only numbering there is");
        let new = self.ledger.hear(id, hearing);
        assert_eq!(new, self.heard.insert(id), "copies, and only copies, are dropped");
        if new {
            self.in_flight.push(id);
        }
    }

    fn acknowledge(&mut self) {
        if !self.in_flight.is_empty() {
            let id = self.in_flight.remove(0);
            self.ledger.acknowledge(id, 0, self.now);
            self.topic.insert(id);
        }
    }

    fn review(&mut self, passed_ms: i64) {
        self.now += passed_ms;
        let mut looked = 0;
        if self.ledger.is_overdue(self.now) {
            looked = self.now;
            self.ledger.find(&ids(self.topic.iter().copied()), self.now);
            self.heard.extend(&self.topic);
        }
        for record in self.ledger.review(looked, self.now) {
            if record.state == GapState::Closed {
                let range = record.from_id..=record.to_id;
                assert!(range.clone().all(|id| self.topic.contains(&id)), "{record:?}");
                assert!(
                    self.open.remove(&record.key()).is_some(),
                    "closed and never told of"
                );
            } else {
                self.open.insert(record.key(), record);
            }
        }
    }

    fn repair(&mut self, up_to: u64) {
        let Some((_, window)) = self.ledger.wanted(self.now) else {
            return;
        };
        for end in [window.first(), window.last()] {
            assert!(!self.heard.contains(&end), "asks for what it has");
        }
        let brought: Vec<u64> = (window.first()..=window.last().min(up_to))
            .filter(|id| self.ledger.lacks(*id))
            .collect();
        self.ledger.answered(window, Ok(&brought), self.now);
        for id in brought {
            self.hear(id, rest(self.now));
        }
    }

    fn restart(&mut self) {
        // The broker may or may not have got what was on its way; here it has not.
        self.in_flight.clear();
        self.heard.clone_from(&self.topic);
        self.ledger = empty();
        self.ledger.recall(
            self.memory.as_ref(),
            &ids(self.topic.iter().copied()),
            None,
            self.now,
        );
        // Gaps that were told of after the memory was kept are found again, perhaps under another first id.
        let gaps = self.ledger.gaps(self.now);
        self.open = gaps.into_iter().map(|gap| (gap.key(), gap)).collect();
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Hear(id) => self.hear(id, live(self.now)),
            Step::Exists(id) => self.ledger.exists(id, self.now, 0),
            Step::Acknowledge => self.acknowledge(),
            Step::Bring(id) => {
                self.topic.insert(id);
            }
            Step::Review(passed) => self.review(passed),
            Step::Repair(up_to) => self.repair(up_to),
            Step::Remember => self.memory = self.ledger.memory(self.now).or(self.memory.take()),
            Step::Restart => self.restart(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]
    #[test]
    fn no_id_is_lost_whatever_happens_in_whatever_order(steps in prop::collection::vec(step(), 0..120)) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
        }
        // What was skipped is a gap as soon as its grace is over.
        world.review(GRACE_MS);
        world.review(GRACE_MS);
        let told: BTreeSet<u64> = world.open.values().flat_map(|gap| gap.from_id..=gap.to_id).collect();
        if let Some(memory) = world.ledger.memory(world.now) {
            let highest = *world.heard.last().unwrap();
            let unheard = (memory.start..=highest).filter(|id| !world.heard.contains(id));
            for id in unheard {
                prop_assert!(told.contains(&id), "{id} is missing and nobody says so");
            }
        }
        // Once everything is served and acknowledged, nothing is missing and every gap is closed.
        for _ in 0..200 {
            world.repair(u64::MAX);
            world.acknowledge();
            world.review(GRACE_MS);
        }
        prop_assert_eq!(world.ledger.missing(), 0);
        prop_assert!(world.open.is_empty(), "{:?}", world.open);
        if let Some(memory) = world.ledger.memory(world.now) {
            prop_assert!(memory.gaps.is_empty());
            let highest = memory.ids.last().unwrap();
            prop_assert!((memory.start..=highest).all(|id| world.topic.contains(&id)));
        }
    }
}

#[test]
fn without_a_look_for_gaps_there_is_none_and_copies_are_told_apart_all_the_same() {
    let mut earlier = fresh();
    hear_all(&mut earlier, (90..100).chain([105]), BEGIN);
    assert_eq!(settle(&mut earlier, BEGIN), [(100, 104, GapCause::NotDelivered)]);
    let memory = earlier.memory(BEGIN).unwrap();
    let mut ledger = empty().looks(false);
    ledger.recall(Some(&memory), &ids([107]), None, BEGIN);
    hear_all(&mut ledger, [110], BEGIN);
    ledger.exists(120, BEGIN, 0);
    assert_eq!(settle(&mut ledger, BEGIN), []);
    assert_eq!((ledger.missing(), ledger.wanted(BEGIN + GRACE_MS)), (0, None));
    assert!(!ledger.hear(110, live(BEGIN)) && !ledger.hear(95, live(BEGIN)));
}
