//! The line against a model of an exchange, with events in random order.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use proptest::prelude::*;
use tokio::time::Instant;

use super::{
    heard::Heard,
    line::{Action, Line, Policy},
};
use crate::model::{IdIntervals, Symbol};

const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];
const POLICY: Policy = Policy {
    rotate_after: Duration::from_mins(1),
    rotate_spread: Duration::from_secs(5),
    patience: Duration::from_secs(3),
    stable_after: Duration::from_secs(10),
    longest_wait: Duration::from_secs(5),
};
/// The exchange ends a connection at this age.
const LIFETIME: Duration = Duration::from_secs(70);
/// From the opening of a connection to the confirmation of its subscriptions.
const SUBSCRIBING: Duration = Duration::from_millis(300);
/// A trade is read at the latest so long after it was sent.
const DELAY: Duration = Duration::from_secs(2);
/// A connection without a sign of life is reported after this.
const SILENCE: Duration = Duration::from_secs(10);
/// How far time goes between two looks of the line at its connections.
const GRAIN: Duration = Duration::from_millis(500);

#[derive(Clone, Debug)]
enum Step {
    Wait {
        millis: u64,
    },
    Trade {
        symbol: usize,
    },
    Read {
        which: usize,
        frames: usize,
    },
    /// There is a reason to replace the lead.
    Suspect,
    /// A stable connection is told that it will end.
    Announce {
        which: usize,
    },
    Cut {
        which: usize,
    },
    HalfOpen {
        which: usize,
    },
    Deafen {
        which: usize,
        symbol: usize,
    },
}

fn harmless() -> BoxedStrategy<Step> {
    prop_oneof![
        6 => (0_u64..4000).prop_map(|millis| Step::Wait { millis }),
        8 => (0..SYMBOLS.len()).prop_map(|symbol| Step::Trade { symbol }),
        4 => (0_usize..2, 1_usize..5).prop_map(|(which, frames)| Step::Read { which, frames }),
        1 => Just(Step::Suspect),
        1 => (0_usize..2).prop_map(|which| Step::Announce { which }),
    ]
    .boxed()
}

fn any_step() -> BoxedStrategy<Step> {
    prop_oneof![
        12 => harmless(),
        1 => (0_usize..2).prop_map(|which| Step::Cut { which }),
        1 => (0_usize..2).prop_map(|which| Step::HalfOpen { which }),
        1 => (0_usize..2, 0..SYMBOLS.len()).prop_map(|(which, symbol)| Step::Deafen { which, symbol }),
    ]
    .boxed()
}

struct Connection {
    opened: Instant,
    ends: Instant,
    /// Sent and not read yet: when, which symbol, which id.
    inbox: VecDeque<(Instant, usize, u64)>,
    heard: Heard,
    deaf: BTreeSet<usize>,
    silent: bool,
    alive: Instant,
}

struct World {
    now: Instant,
    random: f64,
    symbols: Vec<Symbol>,
    line: Line,
    connections: BTreeMap<u64, Connection>,
    issued: [u64; SYMBOLS.len()],
    taken: [IdIntervals; SYMBOLS.len()],
    attempts: VecDeque<Instant>,
    most_attempts: usize,
}

impl World {
    fn new(random: f64) -> Self {
        let now = Instant::now() + Duration::from_hours(1);
        Self {
            now,
            random,
            symbols: SYMBOLS.map(|name| name.parse().unwrap()).into(),
            line: Line::new(POLICY, now),
            connections: BTreeMap::new(),
            issued: [0; SYMBOLS.len()],
            taken: Default::default(),
            attempts: VecDeque::new(),
            most_attempts: 0,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Wait { millis } => self.wait(Duration::from_millis(millis)),
            Step::Trade { symbol } => self.trade(symbol),
            Step::Read { which, frames } => {
                if let Some(number) = self.number(which) {
                    self.read(number, frames, self.now);
                }
            }
            Step::Suspect => {
                if let Some(number) = self.number(0) {
                    self.leave(number);
                }
            }
            Step::Announce { which } => {
                let stable = |world: &Self, number: &u64| {
                    let connection: &Connection = &world.connections[number];
                    world.now >= connection.opened + POLICY.stable_after && !connection.silent
                };
                if let Some(number) = self.number(which).filter(|number| stable(self, number)) {
                    let connection = self.connections.get_mut(&number).unwrap();
                    connection.ends = connection.ends.min(self.now + SILENCE);
                    self.leave(number);
                }
            }
            Step::Cut { which } => {
                if let Some(number) = self.number(which) {
                    self.connections.remove(&number);
                    self.line.ended(self.now, number, Duration::ZERO, self.random);
                }
            }
            Step::HalfOpen { which } => {
                if let Some(number) = self.number(which) {
                    let connection = self.connections.get_mut(&number).unwrap();
                    connection.silent = true;
                    connection.inbox.clear();
                    // Nobody tells it that the exchange has ended it.
                    connection.ends = self.now + Duration::from_hours(10);
                }
            }
            Step::Deafen { which, symbol } => {
                if let Some(number) = self.number(which) {
                    self.connections.get_mut(&number).unwrap().deaf.insert(symbol);
                }
            }
        }
    }

    /// The oldest connection, or the one after it.
    fn number(&self, which: usize) -> Option<u64> {
        self.connections.keys().nth(which).copied()
    }

    fn trade(&mut self, symbol: usize) {
        self.issued[symbol] += 1;
        let id = self.issued[symbol];
        for connection in self.connections.values_mut() {
            if connection.heard.is_complete() && !connection.silent && !connection.deaf.contains(&symbol) {
                connection.inbox.push_back((self.now, symbol, id));
            }
        }
    }

    /// Reads at most so many frames, and those that were sent before `due` in any case.
    fn read(&mut self, number: u64, frames: usize, due: Instant) {
        let connection = self.connections.get_mut(&number).unwrap();
        for _ in 0..frames {
            let Some((_, symbol, id)) = connection.inbox.pop_front_if(|(sent, _, _)| *sent <= due) else {
                break;
            };
            connection.heard.trade(&self.symbols[symbol], id, self.now);
            self.taken[symbol].insert(id);
        }
    }

    fn leave(&mut self, number: u64) {
        let action = self.line.leave(self.now, number, self.random);
        self.act(action);
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = (self.now + GRAIN).min(end);
            self.pass();
        }
    }

    fn pass(&mut self) {
        for number in self.connections.keys().copied().collect::<Vec<_>>() {
            self.read(number, usize::MAX, self.now - DELAY);
            let connection = self.connections.get_mut(&number).unwrap();
            let subscribed = self.now >= connection.opened + SUBSCRIBING;
            connection.heard.confirm(subscribed, self.now);
            if !connection.silent {
                connection.alive = self.now;
            }
            if self.now >= connection.ends {
                // What was sent before the end arrives before the end.
                self.read(number, usize::MAX, self.now);
                self.connections.remove(&number);
                self.line.ended(self.now, number, Duration::ZERO, self.random);
            } else if self.now >= connection.alive + SILENCE {
                self.leave(number);
            }
        }
        while let Some(action) = self.line.tick(self.now, self.random) {
            self.act(Some(action));
        }
        if let Some((lead, standby)) = self.line.pair() {
            let [lead, standby] = [lead, standby].map(|number| &self.connections[&number].heard);
            let action = self.line.compare(self.now, lead, standby, self.random);
            self.act(action);
        }
        assert!(self.connections.len() <= 2, "more than lead and standby");
    }

    fn act(&mut self, action: Option<Action>) {
        match action {
            Some(Action::Open(number)) => {
                let mut heard = Heard::default();
                heard.want(&self.symbols.iter().cloned().collect());
                let connection = Connection {
                    opened: self.now,
                    ends: self.now + LIFETIME,
                    inbox: VecDeque::new(),
                    heard,
                    deaf: BTreeSet::new(),
                    silent: false,
                    alive: self.now,
                };
                assert!(self.connections.insert(number, connection).is_none());
                self.attempts.push_back(self.now);
                while self.attempts[0] + Duration::from_mins(5) < self.now {
                    self.attempts.pop_front();
                }
                self.most_attempts = self.most_attempts.max(self.attempts.len());
            }
            // What it had not read is lost.
            Some(Action::Close(number)) => drop(self.connections.remove(&number).unwrap()),
            None => {}
        }
    }

    /// Time without faults, in which every symbol trades.
    fn calm(&mut self, seconds: u64) {
        for _ in 0..seconds {
            (0..SYMBOLS.len()).for_each(|symbol| self.trade(symbol));
            self.wait(Duration::from_secs(1));
        }
        self.wait(DELAY + GRAIN);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn replacing_connections_that_live_loses_nothing(
        random in 0.0..1.0,
        steps in prop::collection::vec(harmless(), 1..150),
    ) {
        let mut world = World::new(random);
        world.wait(Duration::from_secs(1));
        for step in &steps {
            world.step(step);
        }
        world.calm(10);
        for (taken, issued) in world.taken.iter().zip(world.issued) {
            prop_assert_eq!(taken.count(), issued, "{:?}", taken);
        }
    }

    #[test]
    fn whatever_happens_the_line_recovers_without_knocking_too_often(
        random in 0.0..1.0,
        steps in prop::collection::vec(any_step(), 1..150),
    ) {
        let mut world = World::new(random);
        for step in &steps {
            world.step(step);
        }
        world.calm(180);
        let before = world.issued;
        world.calm(30);
        for (taken, (from, to)) in world.taken.iter().zip(before.into_iter().zip(world.issued)) {
            prop_assert!((from + 1..=to).all(|id| taken.contains(id)), "{:?} of {}", taken, to);
        }
        prop_assert!(world.most_attempts <= 150, "{} attempts in five minutes", world.most_attempts);
    }
}
