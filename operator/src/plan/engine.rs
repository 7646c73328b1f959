//! Starting and growing an engine.

use std::{collections::BTreeMap, time::Duration};

use crds::reason::Reason;

use super::{
    Awaited, Plan, Step, hdfs, health,
    view::{EngineView, Group, Member, View},
};
use crate::{engine::Engine, milestone::Milestone};

/// A restart takes no longer than this; Cassandra's takes the longest.
const PLANNED: Duration = Duration::from_mins(5);

/// Adds what starts or grows the engine, and what is awaited of it.
pub fn start(engine: Engine, state: &EngineView, view: &View, plan: &mut Plan) {
    if let Some(why) = state.unplaceable.as_ref().filter(|_| !state.started()) {
        plan.awaited
            .push(awaited(engine, "PlacementUnsatisfied", why.clone()));
        return;
    }
    let formed = engine != Engine::Hdfs || hdfs::form(state, view, plan);
    if formed {
        plan.steps.push(Step::ApplyEngine {
            engine,
            replicas: replicas(engine, state),
        });
    }
    for record in &state.records {
        let behind = record.recorded || has_happened(record.milestone, state);
        if behind && (record.unmarked || !record.recorded) {
            plan.steps.push(Step::Record(record.milestone));
        }
    }
    if engine == Engine::Hdfs {
        plan.steps.extend(hdfs::finished(state, view).map(Step::Clear));
    }
    if formed {
        let without_active = || hdfs::without_active(state, view).filter(|_| engine == Engine::Hdfs);
        plan.awaited.extend(
            losing_a_volume(engine, state)
                .or_else(|| unready(engine, state).map(|awaited| planned(awaited, state, view)))
                .or_else(without_active)
                .or_else(|| health::of_data(engine, state, view)),
        );
    }
}

/// A member that is briefly away while a change is carried out was restarted on purpose.
fn planned(awaited: Awaited, state: &EngineView, view: &View) -> Awaited {
    let away = |member: &&Member| !member.ready;
    let brief = state
        .members()
        .map(|(_, member)| member)
        .filter(away)
        .all(|member| member.unready_for < PLANNED);
    if view.updating && brief && awaited.reason == Reason::MembersNotReady.as_str() {
        Awaited {
            reason: Reason::Restarting.as_str(),
            ..awaited
        }
    } else {
        awaited
    }
}

/// Which claim is being deleted under a member that runs.
fn losing_a_volume(engine: Engine, state: &EngineView) -> Option<Awaited> {
    let losing = state
        .members()
        .find_map(|(_, member)| Some((&member.pod, member.deleted_claim.as_ref()?)))?;
    let (pod, claim) = losing;
    let message = format!(
        "claim {claim} is being deleted; pod {pod} alone still holds it, and the data goes with the pod. No member of {engine} is \
         restarted meanwhile. Copy what only this member has, then delete pod {pod}: it comes back with an empty volume and \
         gets its data from the others"
    );
    Some(awaited(engine, Reason::VolumeDeleting.as_str(), message))
}

/// Whether something is behind by what can be seen: Kafka has formed when its quorum has, Cassandra when every node has joined.
fn has_happened(milestone: Milestone, state: &EngineView) -> bool {
    match milestone {
        Milestone::KafkaFormed => {
            let mut quorum = state.groups.iter().filter(|group| in_quorum(group, state));
            state.started() && quorum.all(Group::ready)
        }
        Milestone::CassandraFormed => state.ready(),
        Milestone::NameNodeFormatted | Milestone::EditsShared | Milestone::FailoverFormatted => {
            hdfs::has_started(milestone, state)
        }
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
    let one_by_one = engine == Engine::Cassandra && state.formed();
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
            let allowed = if engine == Engine::Kafka && !state.formed() && !in_quorum(group, state) {
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

fn unready(engine: Engine, state: &EngineView) -> Option<Awaited> {
    let group = state.groups.iter().find(|group| !group.ready())?;
    Some(waiting_for(engine, group, state))
}

/// What is awaited of a StatefulSet that is not ready.
pub fn waiting_for(engine: Engine, group: &Group, state: &EngineView) -> Awaited {
    if let Some(why) = &state.unplaceable {
        return awaited(engine, "PlacementUnsatisfied", why.clone());
    }
    let stuck = group.members.iter().find_map(|member| {
        member
            .stuck
            .as_ref()
            .map(|why| format!("; pod {}: {why}", member.pod))
    });
    let refused = group
        .refused
        .as_ref()
        .map(|why| format!("; no pod is created: {why}"));
    let message = format!(
        "waiting for StatefulSet {}: {} of {} pods ready{}{}",
        group.name,
        group.ready_members(),
        group.desired,
        refused.as_deref().unwrap_or_default(),
        stuck.as_deref().unwrap_or_default()
    );
    let reason = match (&stuck, state.formed()) {
        _ if refused.is_some() => "PodsRefused",
        (Some(_), _) => "PodCannotRun",
        (None, true) => "MembersNotReady",
        (None, false) => "Starting",
    };
    awaited(engine, reason, message)
}

/// Something that keeps an engine's condition false.
pub fn awaited(engine: Engine, reason: &'static str, message: String) -> Awaited {
    Awaited {
        condition: engine.condition(),
        reason,
        message,
        unknown: false,
    }
}

/// Something that nobody knows of an engine, so that its condition is neither true nor false.
pub fn unknown(engine: Engine, reason: &'static str, message: String) -> Awaited {
    Awaited {
        unknown: true,
        ..awaited(engine, reason, message)
    }
}
