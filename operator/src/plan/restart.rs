//! Which pod may be restarted next, so that it takes up a changed configuration or version.
//!
//! StatefulSets use `OnDelete`, so nothing restarts unless it is decided here. A member that serves is restarted only
//! while every other member of its engine is ready, and a broker only when no partition falls below its minimum of
//! in-sync replicas. A JournalNode is ready only while it gets the edits, so none is taken while another one still waits for
//! its next segment. Of two NameNodes the standby goes first; the active one hands over before it stops. A member that
//! cannot run serves nothing, so it may go while others are away too: otherwise a bad
//! image or setting could never be taken back.

use crds::names::Role;

use super::{
    Plan, Step,
    view::{EngineView, Group, Member, View},
};
use crate::engine::Engine;

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
    if engine == Engine::Hdfs && !state.formed() {
        return Err("waiting for HDFS to form".to_owned());
    }
    // A member that is away for another reason is the one that all others wait for.
    let next = outdated()
        .find(|(_, member)| !member.ready)
        .or_else(|| spared_first(outdated(), view))
        .ok_or("nothing to restart")?;
    if let Some(absent) = absent_other(state, next, view) {
        return Err(format!("waiting for {absent} to be ready"));
    }
    if next.0.role == Role::NameNode && next.0.desired > 1 && view.active_name_node().is_none() {
        return Err("waiting for a NameNode to say that it is active".to_owned());
    }
    if engine == Engine::Kafka && next.0.role == engine.racked_role() {
        in_sync_without(&next.1.pod, view)?;
    }
    Ok(next)
}

/// The first member of the first role, but the active NameNode last of its role.
fn spared_first<'a>(
    mut outdated: impl Iterator<Item = (&'a Group, &'a Member)>,
    view: &View,
) -> Option<(&'a Group, &'a Member)> {
    let first = outdated.next()?;
    let is_active = |member: &Member| view.active_name_node() == Some(&member.pod);
    if !is_active(first.1) {
        return Some(first);
    }
    let standby = outdated.find(|(group, _)| group.role == first.0.role);
    Some(standby.unwrap_or(first))
}

/// A member other than this one that is not ready, or not there.
fn absent_other(state: &EngineView, next: (&Group, &Member), view: &View) -> Option<String> {
    let unready = state
        .members()
        .filter(|(_, member)| !member.ready && member.pod != next.1.pod)
        .find(|(_, member)| !awaits_data_nodes(member, next.0, view))
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

/// A standby in safe mode waits for DataNodes to report to it, which they do only once they have been restarted with its
/// address. While another NameNode is active, it does not hold them up.
fn awaits_data_nodes(member: &Member, next: &Group, view: &View) -> bool {
    let state = view.name_nodes.get(&member.pod);
    next.role == Role::DataNode
        && state.is_some_and(|state| !state.active && state.safe_mode)
        && view
            .name_nodes
            .values()
            .any(|other| other.active && !other.safe_mode)
}

/// Partitions with no more replicas than the minimum can never spare one; they do not hold the restart up for ever.
fn in_sync_without(pod: &str, view: &View) -> Result<(), String> {
    let partitions = view.partitions.known().map_err(|why| {
        format!("waiting for Kafka to say which replicas are in sync; it did not, because {why}")
    })?;
    let needed = partitions.iter().find(|partition| {
        let holds = partition.replicas.iter().any(|replica| replica == pod);
        let others = partition.in_sync.iter().filter(|replica| *replica != pod).count();
        holds && partition.replicas.len() > partition.minimum && others < partition.minimum
    });
    match needed {
        Some(partition) => Err(format!(
            "waiting for replicas of partition {} to be in sync before {pod} may go",
            partition.name
        )),
        None => Ok(()),
    }
}
