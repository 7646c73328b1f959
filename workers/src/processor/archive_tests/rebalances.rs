//! Three writers that own and steal the same partitions, some of which do not hear that they lost them, are killed, and
//! are told any error, in every order that comes to mind.

use std::{
    pin::Pin,
    task::{Context, Waker},
};

use super::{
    world::{Fault, Life, Plan, PointStore, World},
    *,
};
use crate::kafka::partition::PartitionSource;

const WRITERS: usize = 3;
const PARTITIONS: usize = 2;
/// More than any writer needs to come to its end.
const POLLS: usize = 100_000;

/// One step of the test.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The task of a writer for a partition goes on to its next points.
    Go {
        writer: usize,
        partition: usize,
        points: usize,
    },
    /// A partition goes to a writer. The others that have it hear of it, or go on as if nothing had been.
    Steal {
        writer: usize,
        partition: usize,
        told: bool,
    },
    /// A writer is killed where it is and starts anew, without a partition.
    Kill { writer: usize },
    /// A cleaner takes away what is unfinished.
    Sweep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (writer, partition) = (0..WRITERS, 0..PARTITIONS);
    let step = prop_oneof![
        // A writer mostly goes on for a while.
        40 => (writer.clone(), partition.clone(), 1_usize..24)
            .prop_map(|(writer, partition, points)| Step::Go { writer, partition, points }),
        4 => (writer.clone(), partition, prop::bool::ANY)
            .prop_map(|(writer, partition, told)| Step::Steal { writer, partition, told }),
        1 => writer.prop_map(|writer| Step::Kill { writer }),
        1 => Just(Step::Sweep),
    ];
    prop::collection::vec(step, 0..150)
}

fn plan() -> impl Strategy<Value = Plan> {
    prop::collection::btree_map(0_usize..600, prop::sample::select(&Fault::ALL[..]), 0..24)
}

/// A partition in the hands of a writer.
struct Task {
    partition: usize,
    stop: CancellationToken,
    run: Pin<Box<dyn Future<Output = ()>>>,
}

/// A process: one lane for all of its partitions.
struct Writer {
    life: Life,
    lane: Arc<ArchiveLane<PointStore>>,
    tasks: Vec<Task>,
}

impl Writer {
    fn start(world: &Arc<World>, name: &str, rows: u64) -> Self {
        let life = Life::new(world);
        Self {
            lane: Arc::new(lane(&Arc::new(life.archive()), name, rows)),
            life,
            tasks: Vec::new(),
        }
    }

    fn has(&self, partition: usize) -> bool {
        self.tasks.iter().any(|task| task.partition == partition)
    }

    fn take(&mut self, partition: usize) {
        if self.has(partition) {
            return;
        }
        let (lane, mut source) = (self.lane.clone(), self.life.source(partition));
        self.tasks.push(Task {
            partition,
            stop: source.stop().clone(),
            run: Box::pin(async move {
                lane.run(&mut source, &context(i32::try_from(partition).unwrap()))
                    .await;
            }),
        });
    }

    fn lose(&self, partition: usize) {
        for task in self.tasks.iter().filter(|task| task.partition == partition) {
            task.stop.cancel();
        }
    }

    /// Lets the tasks that it picks go on to their next point of rest.
    fn go(&mut self, picks: impl Fn(&Task) -> bool) {
        let mut context = Context::from_waker(Waker::noop());
        self.tasks
            .retain_mut(|task| !picks(task) || task.run.as_mut().poll(&mut context).is_pending());
        if self.life.killed.is_cancelled() {
            self.tasks.clear();
        }
    }

    fn is_dead(&self) -> bool {
        self.life.killed.is_cancelled()
    }
}

/// The writers of a test.
struct Writers {
    world: Arc<World>,
    rows: u64,
    started: u64,
    now: Vec<Writer>,
}

impl Writers {
    fn start(world: Arc<World>, rows: u64) -> Self {
        let mut writers = Self {
            world,
            rows,
            started: 0,
            now: Vec::new(),
        };
        writers.now = (0..WRITERS).map(|_| writers.another()).collect();
        for partition in 0..PARTITIONS {
            writers.now[partition].take(partition);
        }
        writers
    }

    /// Each rolls at a size of its own, so that their batches differ.
    fn another(&mut self) -> Writer {
        self.started += 1;
        let rows = self.rows + self.started % 3;
        Writer::start(&self.world, &format!("writer-{}", self.started), rows)
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Go {
                writer,
                partition,
                points,
            } => {
                for _ in 0..points {
                    self.now[writer].go(|task| task.partition == partition);
                }
            }
            Step::Steal {
                writer,
                partition,
                told,
            } => {
                for other in (0..WRITERS).filter(|other| told && *other != writer) {
                    self.now[other].lose(partition);
                }
                self.now[writer].take(partition);
            }
            Step::Kill { writer } => self.now[writer] = self.another(),
            Step::Sweep => self.world.sweep(),
        }
        for at in 0..WRITERS {
            if self.now[at].is_dead() {
                self.now[at] = self.another();
            }
        }
    }

    /// Lets all who live go on by turns until they come to the end of the topic.
    fn finish(&mut self) {
        for _ in 0..POLLS {
            for writer in &mut self.now {
                writer.go(|_| true);
            }
            if self.now.iter().all(|writer| writer.tasks.is_empty()) {
                return;
            }
        }
        panic!("a writer comes to no end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn every_trade_is_there_exactly_once_whoever_owns_its_partition(
        first in sent(&["BTCUSDT", "ETHUSDT"]),
        second in sent(&["SOLUSDT"]),
        steps in steps(),
        plan in plan(),
        rows in 1_u64..8,
    ) {
        let topic = [first, second].map(|sent| log(sent.iter().map(value)));
        let world = World::new(topic.to_vec(), plan);
        let mut writers = Writers::start(world.clone(), rows);
        for step in steps {
            writers.step(step);
        }
        // From here on nothing fails. Whoever lost a partition unheard goes on beside its new owner.
        world.heal();
        for partition in 0..PARTITIONS {
            writers.now[0].take(partition);
        }
        writers.finish();
        // Those who lost a race at the very end have left the rest to the next owner.
        for partition in 0..PARTITIONS {
            writers.now[0].take(partition);
        }
        writers.finish();
        prop_assert!(world.is_complete());
    }
}
