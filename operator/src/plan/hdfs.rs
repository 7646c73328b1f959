//! Forming HDFS: what is formatted once, in which order, before NameNodes and DataNodes start.
//!
//! Two NameNodes need JournalNodes that hold the edits, and ZooKeeper with a node for the failover controllers. They get both in
//! the same way whether the file system was formatted a moment ago or is full of data: by Jobs, the one for the edits while no
//! NameNode runs. What remembers that is the status, not a disk.

use crds::names::Role;

use super::{
    Awaited, JobState, Plan, Step,
    engine::{awaited, waiting_for},
    view::{EngineView, Group, View},
};
use crate::{
    engine::Engine,
    milestone::{FormatTarget, Milestone},
};

/// Whether HDFS has formed. Until then, adds what may be done now, and what is awaited.
pub fn form(state: &EngineView, view: &View, plan: &mut Plan) -> bool {
    let missing: Vec<_> = FormatTarget::ALL
        .into_iter()
        .filter(|target| is_missing(*target, state))
        .collect();
    if missing.is_empty() {
        return true;
    }
    let formation = Formation {
        state,
        view,
        missing: &missing,
    };
    let replicas = formation.replicas();
    if !replicas.is_empty() {
        plan.steps.push(Step::ApplyEngine {
            engine: Engine::Hdfs,
            replicas: replicas.into_iter().collect(),
        });
    }
    let mut waits = vec![];
    for target in &missing {
        let (step, wait) = formation.next(*target);
        plan.steps.extend(step);
        waits.push(wait);
    }
    let failed = waits.iter().position(|wait| wait.reason == FORMAT_FAILED);
    plan.awaited.push(waits.swap_remove(failed.unwrap_or(0)));
    false
}

/// The Jobs whose work is recorded. Even the pod of an ended one would keep its volume from being deleted, and with it a disk
/// that is lost from being replaced.
pub fn finished<'a>(state: &'a EngineView, view: &'a View) -> impl Iterator<Item = FormatTarget> + 'a {
    let is_recorded = |target: FormatTarget| {
        let mut records = state.records.iter();
        records.any(|record| record.milestone == target.milestone() && record.recorded)
    };
    view.formats
        .iter()
        .filter(move |(target, job)| **job == JobState::Succeeded && is_recorded(**target))
        .map(|(target, _)| *target)
}

/// Why no NameNode serves although all of them run.
pub fn without_active(state: &EngineView, view: &View) -> Option<Awaited> {
    let name_nodes = || state.groups_of(Role::NameNode).flat_map(|group| &group.members);
    // One that does not answer could be the active one.
    let all_told = name_nodes().all(|member| view.name_nodes.contains_key(&member.pod));
    (all_told && name_nodes().next().is_some() && view.active_name_node().is_none()).then(|| {
        awaited(
            Engine::Hdfs,
            "NoActiveNameNode",
            "waiting for a NameNode to become active".to_owned(),
        )
    })
}

const FORMAT_FAILED: &str = "FormatFailed";

fn is_missing(target: FormatTarget, state: &EngineView) -> bool {
    // NameNodes start only when the file system exists, whatever the records say.
    let exists = target == FormatTarget::NameNode && has_started(Milestone::NameNodeFormatted, state);
    !exists
        && state
            .records
            .iter()
            .any(|record| record.milestone == target.milestone() && !record.recorded)
}

/// Whether a milestone of HDFS is behind by what can be seen.
pub fn has_started(milestone: Milestone, state: &EngineView) -> bool {
    milestone == Milestone::NameNodeFormatted
        && state.groups_of(Role::NameNode).any(|group| group.live.is_some())
}

struct Formation<'a> {
    state: &'a EngineView,
    view: &'a View,
    missing: &'a [FormatTarget],
}

impl Formation<'_> {
    /// JournalNodes and ZooKeeper run from the start on. NameNodes stop for as long as their edits are copied, and no sooner
    /// than that can begin.
    fn replicas(&self) -> Vec<(String, i32)> {
        let quorums = [Role::ZooKeeper, Role::JournalNode]
            .into_iter()
            .flat_map(|role| self.state.groups_of(role))
            .map(|group| (group.name.clone(), group.desired.max(group.baseline())));
        let stopped = self
            .state
            .groups_of(Role::NameNode)
            .filter(|group| group.live.is_some() && self.before_sharing().is_none())
            .map(|group| (group.name.clone(), 0));
        quorums.chain(stopped).collect()
    }

    /// What to do about a target, and what is awaited of it.
    fn next(&self, target: FormatTarget) -> (Option<Step>, Awaited) {
        let what = what(target);
        let formatting = |message| awaited(Engine::Hdfs, "Formatting", message);
        match self.view.formats.get(&target) {
            Some(JobState::Running) => (
                None,
                match self.view.refused_formats.get(&target) {
                    Some(why) => {
                        let message = format!("the Job that formats {what} gets no pod: {why}");
                        awaited(Engine::Hdfs, "PodsRefused", message)
                    }
                    None => formatting(format!("waiting for the Job that formats {what}")),
                },
            ),
            Some(JobState::Failed) => {
                let message = format!(
                    "the Job that formats {what} gave up; read its pod's log, repair, and delete the Job to try again"
                );
                (None, awaited(Engine::Hdfs, FORMAT_FAILED, message))
            }
            Some(JobState::Succeeded) => (
                Some(Step::Record(target.milestone())),
                formatting(format!("formatted: {what}")),
            ),
            None => match self.before(target) {
                Some(wait) => (None, wait),
                None => (
                    Some(Step::Format(target)),
                    formatting(format!("the Job that formats {what} is being created")),
                ),
            },
        }
    }

    /// What must come before a target's Job.
    fn before(&self, target: FormatTarget) -> Option<Awaited> {
        match target {
            FormatTarget::NameNode => None,
            FormatTarget::ZooKeeper => self.unready(Role::ZooKeeper),
            FormatTarget::JournalNodes => self.before_sharing().or_else(|| self.running_name_node()),
        }
    }

    /// What must come before NameNodes stop in order to share their edits.
    fn before_sharing(&self) -> Option<Awaited> {
        let others = [FormatTarget::NameNode, FormatTarget::ZooKeeper];
        if let Some(first) = others.into_iter().find(|target| self.missing.contains(target)) {
            let message = format!(
                "{} follow once this is formatted: {}",
                what(FormatTarget::JournalNodes),
                what(first)
            );
            return Some(awaited(Engine::Hdfs, "Formatting", message));
        }
        // Its Job writes to each of them; once it was created, NameNodes stay away.
        if self.view.formats.contains_key(&FormatTarget::JournalNodes) {
            return None;
        }
        self.unready(Role::JournalNode)
    }

    fn running_name_node(&self) -> Option<Awaited> {
        let is_there = |group: &&Group| group.live.is_some_and(|live| live > 0) || !group.members.is_empty();
        self.state.groups_of(Role::NameNode).find(is_there).map(|group| {
            let message = format!(
                "StatefulSet {} stops for a moment, so that its edits can be shared",
                group.name
            );
            awaited(Engine::Hdfs, "Stopping", message)
        })
    }

    fn unready(&self, role: Role) -> Option<Awaited> {
        let group = self.state.groups_of(role).find(|group| !group.ready())?;
        Some(waiting_for(Engine::Hdfs, group, self.state))
    }
}

const fn what(target: FormatTarget) -> &'static str {
    match target {
        FormatTarget::NameNode => "the NameNode",
        FormatTarget::JournalNodes => "the JournalNodes",
        FormatTarget::ZooKeeper => "the failover controllers' node in ZooKeeper",
    }
}
