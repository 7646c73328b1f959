//! One writer, and everything that can happen to it: killed at every step of the real code, or told any error there,
//! whether the step has happened or not.

use super::{
    world::{Fault, Life, Plan, World},
    *,
};
use crate::sink::archive::retry::Retrying;

/// What the lane's archive is made of.
#[derive(Clone, Copy, Debug)]
enum Built {
    /// Every error reaches the lane.
    Bare,
    /// As in the processor: what passes by itself is waited out below the lane.
    Riding,
}

/// Lets one writer after the other archive the topic while all goes according to the plan, and returns how many points
/// they met. Each life that does not reach its end, or gives something up there, has met a fault.
async fn live(built: Built, sent: &[Sent], rows: u64, plan: Plan) -> usize {
    let faults = plan.len();
    let world = World::new(vec![log(sent.iter().map(value))], plan.clone());
    for number in 0..=faults {
        let life = Life::new(&world);
        let name = format!("writer-{number}");
        match built {
            Built::Bare => until_killed(&life, lane(&Arc::new(life.archive()), &name, rows)).await,
            Built::Riding => {
                let store = Arc::new(Retrying::new(life.archive()));
                until_killed(&life, lane(&store, &name, rows)).await;
            }
        }
        if world.is_complete() {
            return world.met();
        }
    }
    panic!("not all is archived after {plan:?}");
}

async fn until_killed(life: &Life, lane: impl Lane) {
    let mut source = life.source(0);
    let context = context(0);
    tokio::select! {
        biased;
        () = life.killed.cancelled() => {}
        () = lane.run(&mut source, &context) => {}
    }
}

/// With late trades, a copy and a record that cannot be read, in batches of one file and of several.
fn stream() -> Vec<Sent> {
    let mut sent: Vec<Sent> = [0, 3, 1, 3, 6, 9, 12, 2]
        .map(|id| Sent::Trade("BTCUSDT", id))
        .to_vec();
    sent.insert(5, Sent::Poison);
    sent
}

#[rstest::rstest]
#[tokio::test(start_paused = true)]
async fn no_fault_at_any_point_loses_or_repeats_a_trade(#[values(Built::Bare, Built::Riding)] built: Built) {
    let points = live(built, &stream(), 3, Plan::new()).await;
    assert!(points > 40, "only {points} points");
    for point in 0..points {
        for fault in Fault::ALL {
            live(built, &stream(), 3, Plan::from([(point, fault)])).await;
        }
    }
}

#[rstest::rstest]
#[tokio::test(start_paused = true)]
async fn no_two_faults_lose_or_repeat_a_trade(#[values(Built::Bare, Built::Riding)] built: Built) {
    const FAULTS: [Fault; 2] = [Fault::Kill, Fault::Unavailable];
    // One batch of two files.
    let sent = [0, 1].map(|id| Sent::Trade("BTCUSDT", id));
    let points = live(built, &sent, 2, Plan::new()).await;
    for (point, fault) in (0..points).flat_map(|point| FAULTS.map(|fault| (point, fault))) {
        let points = live(built, &sent, 2, Plan::from([(point, fault)])).await;
        for (next, then) in (point + 1..points).flat_map(|next| FAULTS.map(|then| (next, then))) {
            live(built, &sent, 2, Plan::from([(point, fault), (next, then)])).await;
        }
    }
}
