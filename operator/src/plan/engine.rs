//! Starting and growing an engine.

use std::collections::BTreeMap;

use super::{
    Awaited, Format, Plan, Step,
    view::{EngineView, Group, View},
};
use crate::engine::Engine;

/// Adds what starts or grows the engine, and what is awaited of it.
pub fn start(engine: Engine, state: &EngineView, view: &View, plan: &mut Plan) {
    if let Some(why) = state.unplaceable.as_ref().filter(|_| !state.started()) {
        plan.awaited
            .push(awaited(engine, "PlacementUnsatisfied", why.clone()));
        return;
    }
    // A NameNode that runs was formatted, whatever the records say.
    if engine == Engine::Hdfs && !state.formed && !state.started() {
        format(view.format, plan);
        return;
    }
    plan.steps.push(Step::ApplyEngine {
        engine,
        replicas: replicas(engine, state),
    });
    if (state.formed && state.unmarked) || (!state.formed && has_formed(engine, state)) {
        plan.steps.push(Step::RecordFormed(engine));
    }
    if let Some(awaited) = unready(engine, state) {
        plan.awaited.push(awaited);
    }
}

/// The NameNode is formatted once, and what remembers that is the status, not the disk.
fn format(job: Format, plan: &mut Plan) {
    let (step, reason, message) = match job {
        Format::Absent => (
            Some(Step::Format),
            "Formatting",
            "the Job that formats the NameNode is being created",
        ),
        Format::Running => (
            None,
            "Formatting",
            "waiting for the Job that formats the NameNode",
        ),
        Format::Failed => (
            None,
            "FormatFailed",
            "the Job that formats the NameNode gave up; read its pod's log, repair, and delete the Job to try again",
        ),
        Format::Succeeded => (
            Some(Step::RecordFormed(Engine::Hdfs)),
            "Formatting",
            "the NameNode is formatted; its start is next",
        ),
    };
    plan.steps.extend(step);
    plan.awaited
        .push(awaited(Engine::Hdfs, reason, message.to_owned()));
}

/// Kafka has formed when its quorum has, Cassandra when every node has joined, HDFS before it starts. Recorded once.
fn has_formed(engine: Engine, state: &EngineView) -> bool {
    match engine {
        Engine::Kafka => {
            state.started()
                && state
                    .groups
                    .iter()
                    .filter(|group| in_quorum(group, state))
                    .all(Group::ready)
        }
        Engine::Cassandra => state.ready(),
        Engine::Hdfs => state.started(),
    }
}

/// The first role in order holds Kafka's quorum: controllers, or brokers where roles are combined.
fn in_quorum(group: &Group, kafka: &EngineView) -> bool {
    kafka.groups.first().is_some_and(|first| first.role == group.role)
}

/// How many replicas each StatefulSet may have now.
///
/// No store ever shrinks here: its members would have to hand over their data first. A Cassandra ring that has formed
/// grows by one member at a time, because `consistent.rangemovement` lets only one node join at once. Brokers of a Kafka that
/// never formed follow its quorum: one that has read a first leader's records, which the next leader then takes back, forgets
/// who the controllers are until it is restarted (seen with Kafka 4.3.1).
fn replicas(engine: Engine, state: &EngineView) -> BTreeMap<String, i32> {
    let one_by_one = engine == Engine::Cassandra && state.formed;
    let settled = state
        .groups
        .iter()
        .all(|group| group.ready_members() >= group.baseline());
    let mut may_grow = !one_by_one || settled;
    state
        .groups
        .iter()
        .map(|group| {
            let baseline = group.baseline();
            let allowed = if engine == Engine::Kafka && !state.formed && !in_quorum(group, state) {
                baseline
            } else if !one_by_one {
                group.desired.max(baseline)
            } else if may_grow && baseline < group.desired {
                may_grow = false;
                baseline + 1
            } else {
                baseline
            };
            (group.name.clone(), allowed)
        })
        .collect()
}

impl Group {
    /// Members that exist, or once did: their volumes are kept when the object or the StatefulSet goes, or is scaled to nothing.
    fn baseline(&self) -> i32 {
        self.live.unwrap_or(0).max(self.claims.min(self.desired))
    }
}

fn unready(engine: Engine, state: &EngineView) -> Option<Awaited> {
    let group = state.groups.iter().find(|group| !group.ready())?;
    if let Some(why) = &state.unplaceable {
        return Some(awaited(engine, "PlacementUnsatisfied", why.clone()));
    }
    let stuck = group.members.iter().find_map(|member| {
        member
            .stuck
            .as_ref()
            .map(|why| format!("; pod {}: {why}", member.pod))
    });
    let message = format!(
        "waiting for StatefulSet {}: {} of {} pods ready{}",
        group.name,
        group.ready_members(),
        group.desired,
        stuck.as_deref().unwrap_or_default()
    );
    let reason = match (&stuck, state.formed) {
        (Some(_), _) => "PodCannotRun",
        (None, true) => "MembersNotReady",
        (None, false) => "Starting",
    };
    Some(awaited(engine, reason, message))
}

fn awaited(engine: Engine, reason: &'static str, message: String) -> Awaited {
    Awaited {
        condition: engine.condition(),
        reason,
        message,
    }
}
