//! Which pod may be restarted next, so that it takes up a changed configuration or version.
//!
//! StatefulSets use `OnDelete`, so nothing restarts unless it is decided here. A member that serves is restarted only
//! while every other member of its engine is ready, and a broker only when no partition falls below its minimum of
//! in-sync replicas. A member that cannot run serves nothing, so it may go while others are away too: otherwise a bad
//! image or setting could never be taken back.

use super::{
    Plan, Step,
    view::{EngineView, Group, Member, View},
};
use crate::engine::Engine;

/// Replicas of a Kafka partition, by name of the broker's pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Topic and number, for messages.
    pub name: String,
    /// Pods that should hold it.
    pub replicas: Vec<String>,
    /// Pods that are in sync.
    pub in_sync: Vec<String>,
}

/// Adds the engine's next restart, or says what it waits for.
pub fn next(engine: Engine, state: &EngineView, view: &View, plan: &mut Plan) {
    // While the StatefulSet controller lags behind, "outdated" may mean the opposite of what it says.
    if let Some(group) = state.groups.iter().find(|group| !group.settled) {
        plan.changing
            .push(format!("{engine}: StatefulSet {} is being updated", group.name));
        return;
    }
    let outdated = state.members().filter(|(_, member)| member.outdated).count();
    if outdated == 0 {
        return;
    }
    match candidate(engine, state, view) {
        Ok((_, member)) => {
            plan.changing
                .push(format!("{engine}: restarting {} ({outdated} to go)", member.pod));
            plan.steps.push(Step::Restart {
                engine,
                pod: member.pod.clone(),
                uid: member.uid.clone(),
            });
        }
        Err(why) => plan
            .changing
            .push(format!("{engine}: {outdated} pods to restart; {why}")),
    }
}

fn candidate<'a>(
    engine: Engine,
    state: &'a EngineView,
    view: &View,
) -> Result<(&'a Group, &'a Member), String> {
    if let Some((_, leaving)) = state.members().find(|(_, member)| member.terminating) {
        return Err(format!("waiting for pod {} to come back", leaving.pod));
    }
    let outdated = || state.members().filter(|(_, member)| member.outdated);
    if let Some(stuck) = outdated().find(|(_, member)| member.stuck.is_some()) {
        return Ok(stuck);
    }
    // A member that is away for another reason is the one that all others wait for.
    let next = outdated()
        .find(|(_, member)| !member.ready)
        .or_else(|| outdated().next())
        .ok_or("nothing to restart")?;
    if let Some(absent) = absent_other(state, next.1) {
        return Err(format!("waiting for {absent} to be ready"));
    }
    if engine == Engine::Kafka && next.0.role == engine.racked_role() {
        in_sync_without(&next.1.pod, view)?;
    }
    Ok(next)
}

/// A member other than this one that is not ready, or not there.
fn absent_other(state: &EngineView, next: &Member) -> Option<String> {
    let unready = state
        .members()
        .find(|(_, member)| !member.ready && member.pod != next.pod)
        .map(|(_, member)| format!("pod {}", member.pod));
    let short = || {
        state
            .groups
            .iter()
            .find(|group| {
                group.members.len() < usize::try_from(group.live.unwrap_or(group.desired)).unwrap_or(0)
            })
            .map(|group| format!("StatefulSet {}", group.name))
    };
    unready.or_else(short)
}

/// Partitions with no more replicas than the minimum can never spare one; they do not hold the restart up for ever.
fn in_sync_without(pod: &str, view: &View) -> Result<(), String> {
    let partitions = view
        .partitions
        .as_ref()
        .ok_or("Kafka did not say which replicas are in sync")?;
    let minimum = view.min_in_sync_replicas;
    let needed = partitions.iter().find(|partition| {
        let holds = partition.replicas.iter().any(|replica| replica == pod);
        let others = partition.in_sync.iter().filter(|replica| *replica != pod).count();
        holds && partition.replicas.len() > minimum && others < minimum
    });
    match needed {
        Some(partition) => Err(format!(
            "waiting for replicas of partition {} to be in sync before {pod} may go",
            partition.name
        )),
        None => Ok(()),
    }
}
