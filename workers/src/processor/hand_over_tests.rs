//! A rebalance starts nothing anew that stays where it is, against librdkafka's broker in this process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    context::PartitionContext,
    lane::Lane,
    lane_tests::{Member, PARTITIONS, Topic, until},
};
use crate::kafka::partition::{Flow, PartitionSource};

/// What a partition went through at one member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Course {
    starts: u32,
    read: u32,
    left: bool,
}

/// Counts records.
#[derive(Clone, Default)]
struct Counting(Arc<Mutex<BTreeMap<i32, Course>>>);

impl Counting {
    fn note(&self, partition: i32, change: impl FnOnce(&mut Course)) {
        change(self.0.lock().unwrap().entry(partition).or_default());
    }

    fn of(&self, which: impl Fn(&Course) -> bool) -> Vec<i32> {
        let courses = self.0.lock().unwrap();
        let found = courses.iter().filter(|(_, course)| which(course));
        found.map(|(partition, _)| *partition).collect()
    }
}

impl Lane for Counting {
    async fn run(&self, source: &mut impl PartitionSource, context: &PartitionContext) {
        let partition = source.partition();
        self.note(partition, |course| course.starts += 1);
        // An offset of 0 is never beyond the end.
        let Some(Ok(_)) = context.seek(source, 0).await else {
            return;
        };
        while !source.stop().is_cancelled() {
            source
                .read(Instant::now() + Duration::from_secs(1), |_| {
                    self.note(partition, |course| course.read += 1);
                    Flow::More
                })
                .await;
        }
        self.note(partition, |course| course.left = true);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebalance_starts_nothing_anew_that_stays() {
    let topic = Topic::new();
    let (old, new) = (Counting::default(), Counting::default());
    topic.send_trades(0..5).await;
    let first = Member::run(&topic, "hot", old.clone());
    until("the first member has read all", || {
        old.of(|course| course.read == 5).len() == 4
    })
    .await;

    let second = Member::run(&topic, "hot", new.clone());
    until("two partitions have moved", || {
        new.of(|course| course.read == 5).len() == 2
    })
    .await;
    topic.send_trades(5..10).await;
    until("both read on", || {
        old.of(|course| course.read == 10).len() == 2 && new.of(|course| course.read == 10).len() == 2
    })
    .await;
    let moved = old.of(|course| course.left);
    assert_eq!(new.of(|course| course.starts == 1), moved);
    // Whoever had been started anew would have read its first records twice.
    let stayed = old.of(|course| course.starts == 1 && course.read == 10 && !course.left);
    let others: Vec<_> = (0..PARTITIONS)
        .filter(|partition| !moved.contains(partition))
        .collect();
    assert_eq!(stayed, others);
    first.stop().await;
    second.stop().await;
}
