//! A symbol's ledger, in whatever order things happen, against a model that keeps every id apart.

use std::collections::{BTreeMap, BTreeSet};

use crds::gap::{GapRecord, GapState};
use proptest::prelude::*;

use super::{
    super::{
        gap::GRACE_MS,
        numbering::Mark,
        symbol::{Hearing, Memory, SymbolLedger},
    },
    BEGIN, empty, fresh, ids, live,
};
use crate::feed::Source;

const fn rest(at_ms: i64) -> Hearing {
    Hearing {
        source: Source::Rest,
        ..live(at_ms)
    }
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
