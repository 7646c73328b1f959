//! The rules of restarts, in their order for each engine.

use std::time::Duration;

use crds::names::Role;

use super::{
    Departure, Scene, Verdict,
    gates::{absent_other, held_by_blocks, held_by_partitions, held_by_ring},
};
use crate::{
    engine::Engine,
    plan::view::{Group, Member},
};

/// A rule of a list.
#[derive(Clone, Copy)]
pub struct Rule {
    /// The name of its function, by which a test leaves it out.
    #[cfg(test)]
    pub name: &'static str,
    /// Its answer.
    pub decide: for<'a> fn(&Scene<'a>) -> Verdict<'a>,
}

/// Makes a list of rules that are named like their functions.
macro_rules! rules {
    ($($rule:ident),+ $(,)?) => {
        &[$(Rule { #[cfg(test)] name: stringify!($rule), decide: $rule }),+]
    };
}

/// The rules of an engine, in order.
pub const fn rules(engine: Engine) -> &'static [Rule] {
    match engine {
        Engine::Kafka => rules![
            keep_deleted_claims,
            await_revisions,
            rest_when_up_to_date,
            replace_stuck,
            await_leaving,
            replace_unready,
            await_absent,
            keep_partitions,
            restart_next,
        ],
        Engine::Cassandra => rules![
            keep_deleted_claims,
            await_revisions,
            rest_when_up_to_date,
            replace_stuck,
            await_leaving,
            replace_unready,
            await_absent,
            keep_ring,
            restart_next,
        ],
        Engine::Hdfs => rules![
            keep_deleted_claims,
            await_revisions,
            rest_when_up_to_date,
            replace_stuck,
            await_leaving,
            await_formation,
            replace_unready,
            await_absent,
            await_active_name_node,
            keep_blocks,
            restart_next,
        ],
    }
}

/// A claim that is being deleted is held by its pod alone: the pod's restart would finish the deletion. As long as one is, no member of
/// the engine goes, since the others may be all that is left of the data.
fn keep_deleted_claims<'a>(scene: &Scene<'a>) -> Verdict<'a> {
    let mut claims = scene
        .state
        .members()
        .filter_map(|(_, member)| member.deleted_claim.as_ref());
    claims.next().map_or(Verdict::Pass, |claim| {
        Verdict::Wait(format!(
            "no member is restarted while claim {claim} is being deleted"
        ))
    })
}

/// While the StatefulSet controller lags behind, "outdated" may mean the opposite of what it says.
fn await_revisions<'a>(scene: &Scene<'a>) -> Verdict<'a> {
    let lagging = scene.state.groups.iter().find(|group| !group.settled);
    lagging.map_or(Verdict::Pass, |group| {
        Verdict::Wait(format!("StatefulSet {} is being updated", group.name))
    })
}

fn rest_when_up_to_date<'a>(scene: &Scene<'a>) -> Verdict<'a> {
    if scene.outdated().next().is_none() {
        Verdict::Rest
    } else {
        Verdict::Pass
    }
}

/// A member that cannot run serves nothing, so it may go whoever else is away: otherwise a bad image or setting could never be taken
/// back. A NameNode that says it is active serves, whatever its containers look like.
fn replace_stuck<'a>(scene: &Scene<'a>) -> Verdict<'a> {
    let stuck = |member: &Member| member.stuck.is_some() && !member.terminating && !scene.is_active(member);
    restart(scene.outdated().find(|(_, member)| stuck(member)))
}

fn await_leaving<'a>(scene: &Scene<'a>) -> Verdict<'a> {
    let leaving = scene.state.members().find(|(_, member)| member.terminating);
    leaving.map_or(Verdict::Pass, |(_, member)| {
        Verdict::Wait(format!("waiting for pod {} to come back", member.pod))
    })
}

fn await_formation<'a>(scene: &Scene<'a>) -> Verdict<'a> {
    if scene.state.formed() {
        Verdict::Pass
    } else {
        Verdict::Wait("waiting for HDFS to form".to_owned())
    }
}

/// An unready member adds nothing to what the ready ones serve, so it goes before them: at once where it alone is away, and otherwise
/// when it has had its time. Two members that wait for each other's recovery would else wait for ever for the setting that cures both.
fn replace_unready<'a>(scene: &Scene<'a>) -> Verdict<'a> {
    let unready = || scene.outdated().filter(|(_, member)| !member.ready);
    let may_go = |next: &(&'a Group, &'a Member)| {
        absent_other(scene, *next).is_none() || next.1.unready_for >= patience(scene, next.0, next.1)
    };
    let mut held = None;
    for next in unready().filter(may_go) {
        match held_by_partitions(scene, next) {
            None => return restart(Some(next)),
            why => held = held.or(why),
        }
    }
    held.map_or(Verdict::Pass, Verdict::Wait)
}

/// How long an unready member may take to recover before its restart can only help. A join and safe mode are progress that a
/// restart would undo; so may be a broker's log recovery, of which nothing is known here.
fn patience(scene: &Scene<'_>, group: &Group, member: &Member) -> Duration {
    let joins =
        group.role == Role::Cassandra && scene.view.ring.known().is_ok_and(|ring| ring.unsettled.is_some());
    let reads_blocks = scene
        .view
        .name_nodes
        .get(&member.pod)
        .is_some_and(|state| state.safe_mode);
    if joins || reads_blocks {
        Duration::from_mins(30)
    } else if group.role == Role::KafkaBroker {
        Duration::from_mins(10)
    } else {
        Duration::from_mins(3)
    }
}

/// A member that serves goes only while every other member of its engine is ready.
fn await_absent<'a>(scene: &Scene<'a>) -> Verdict<'a> {
    let next = scene.next_serving().or_else(|| scene.outdated().next());
    let absent = next.and_then(|next| absent_other(scene, next));
    absent.map_or(Verdict::Pass, |absent| {
        Verdict::Wait(format!("waiting for {absent} to be ready"))
    })
}

/// Of two NameNodes the standby goes first, which takes knowing which one it is.
fn await_active_name_node<'a>(scene: &Scene<'a>) -> Verdict<'a> {
    let of_two = scene
        .next_serving()
        .is_some_and(|(group, _)| group.role == Role::NameNode && group.desired > 1);
    if of_two && scene.view.active_name_node().is_none() {
        Verdict::Wait("waiting for a NameNode to say that it is active".to_owned())
    } else {
        Verdict::Pass
    }
}

fn keep_partitions<'a>(scene: &Scene<'a>) -> Verdict<'a> {
    ask_gate(scene, held_by_partitions)
}

fn keep_ring<'a>(scene: &Scene<'a>) -> Verdict<'a> {
    ask_gate(scene, held_by_ring)
}

fn keep_blocks<'a>(scene: &Scene<'a>) -> Verdict<'a> {
    ask_gate(scene, held_by_blocks)
}

/// The serving member that is next waits for what the gate says.
fn ask_gate<'a>(scene: &Scene<'a>, gate: fn(&Scene<'_>, (&Group, &Member)) -> Option<String>) -> Verdict<'a> {
    let held = scene.next_serving().and_then(|next| gate(scene, next));
    held.map_or(Verdict::Pass, Verdict::Wait)
}

fn restart_next<'a>(scene: &Scene<'a>) -> Verdict<'a> {
    restart(scene.next_serving())
}

fn restart<'a>(member: Option<(&'a Group, &'a Member)>) -> Verdict<'a> {
    member.map_or(Verdict::Pass, |(_, member)| {
        Verdict::Restart(Departure { member })
    })
}
