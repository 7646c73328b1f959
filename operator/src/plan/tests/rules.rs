//! Each rule of a restart is needed: with all rules no state of the world is harmed and none is left without a next step; with any one
//! left out, one of the two fails. Harm is judged by what would be lost or stand still, not by the rules.

use crds::names::Role;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::*;
use crate::plan::restart::tests::{names, next_without};

/// States that are tried for each rule; a rule that is left out is caught within a few dozen.
const STATES: u32 = 2_000;
const HOUR: Duration = Duration::from_hours(1);

prop_compose! {
    fn any_member(pod: String)(
        state in prop::sample::select(vec!["ready", "ready", "ready", "unready", "stuck", "leaving"]),
        outdated in prop::bool::weighted(0.2), deleted in prop::bool::weighted(0.02),
    ) -> Member {
        Member {
            uid: format!("uid-{pod}"),
            ready: state == "ready",
            outdated,
            terminating: state == "leaving",
            stuck: (state == "stuck").then(|| "CrashLoopBackOff".to_owned()),
            deleted_claim: deleted.then(|| format!("data-{pod}")),
            unready_for: if state == "ready" { Duration::ZERO } else { HOUR },
            pod: pod.clone(),
        }
    }
}

prop_compose! {
    fn any_engine(template: EngineView)(
        members in template.members().map(|(_, m)| any_member(m.pod.clone())).collect::<Vec<_>>(),
        calm in prop::bool::weighted(0.5), settled in prop::bool::weighted(0.9), formed in prop::bool::weighted(0.9),
    ) -> EngineView {
        let mut engine = template.clone();
        let mut members = members.into_iter();
        for group in &mut engine.groups {
            group.settled = settled;
            for member in &mut group.members {
                let any = members.next().unwrap();
                // Half of the worlds are calm: everything is ready, and something is outdated.
                *member = if calm { Member { outdated: any.outdated, ..member.clone() } } else { any };
            }
        }
        for record in &mut engine.records {
            record.recorded = formed;
        }
        engine
    }
}

prop_compose! {
    fn any_view()(
        kafka in any_engine(converged().kafka), cassandra in any_engine(converged().cassandra), hdfs in any_engine(converged().hdfs),
        active in prop::option::weighted(0.8, 0..2_usize),
        synced in prop::collection::vec(prop::sample::subsequence(vec!["broker-0", "broker-1", "broker-2"], 1..=3), 0..3),
        low in prop::sample::select(vec![0, 0, 3]), up in prop::bool::weighted(0.7), told in prop::bool::weighted(0.8),
    ) -> View {
        let mut view = View { kafka, cassandra, hdfs, ..converged() };
        for (index, state) in view.name_nodes.values_mut().enumerate() {
            state.active = active == Some(index);
        }
        view.partitions = Told::Known(synced.iter().map(|pods| in_sync("t", pods)).collect());
        if let Told::Known(blocks) = &mut view.blocks {
            blocks.low = low;
        }
        if let (Told::Known(ring), false) = (&mut view.ring, up) {
            ring.up.clear();
        }
        if !told {
            view.blocks = Told::default();
            view.ring = Told::default();
        }
        view
    }
}

/// What a restart of this member would cost, if anything.
fn harm(view: &View, engine: Engine, pod: &str) -> Option<&'static str> {
    let state = view.engine(engine);
    let (group, member) = state.members().find(|(_, member)| member.pod == pod)?;
    let others = || state.members().filter(|(_, other)| other.pod != pod);
    if state.members().any(|(_, member)| member.deleted_claim.is_some()) {
        return Some("a volume goes with its pod");
    }
    if !state.groups.iter().all(|group| group.settled) {
        return Some("it may run the newest revision already");
    }
    if !member.outdated {
        return Some("it needs no restart");
    }
    if member.terminating {
        return Some("it is on its way out");
    }
    let is_active = view.active_name_node() == Some(pod);
    if member.stuck.is_some() && !is_active {
        return None;
    }
    if others().any(|(_, other)| other.terminating) {
        return Some("two members are on their way out");
    }
    if engine == Engine::Hdfs && !state.formed() {
        return Some("HDFS is being formed from its members");
    }
    if group.role == Role::KafkaBroker
        && view.partitions.known().unwrap().iter().any(|partition| {
            partition.in_sync.iter().any(|replica| replica == pod)
                && partition.in_sync.len() == partition.minimum
        })
    {
        return Some("a partition takes no writes");
    }
    if !member.ready {
        return None;
    }
    if others().any(|(_, other)| !other.ready) {
        return Some("two members do not serve");
    }
    if group.role == Role::NameNode && view.active_name_node().is_none() {
        return Some("the active NameNode may go before its standby");
    }
    if group.role == Role::Cassandra && view.ring.known().is_ok_and(|ring| ring.up.len() < 3) {
        return Some("two replicas may be down");
    }
    if group.role == Role::DataNode && view.blocks.known().is_ok_and(|blocks| blocks.low > 0) {
        return Some("the last copy of a block may go");
    }
    let unknown = view.ring.known().is_err();
    (unknown && matches!(group.role, Role::Cassandra | Role::DataNode)).then_some("nobody knows what is lost")
}

/// Why something must happen, or be told, in this state, if it must.
fn due(view: &View, engine: Engine) -> Option<&'static str> {
    let state = view.engine(engine);
    let held = state.members().any(|(_, member)| member.deleted_claim.is_some())
        || !state.groups.iter().all(|group| group.settled);
    let outdated: Vec<_> = state.members().filter(|(_, member)| member.outdated).collect();
    if held || outdated.is_empty() {
        return None;
    }
    let harmless = |member: &Member| harm(view, engine, &member.pod).is_none();
    if outdated
        .iter()
        .any(|(_, member)| member.stuck.is_some() && harmless(member))
    {
        return Some("a member that cannot run can be replaced");
    }
    let leaving = state.members().any(|(_, member)| member.terminating);
    if !leaving
        && outdated
            .iter()
            .any(|(_, member)| !member.ready && harmless(member))
    {
        return Some("a member that has been unready for an hour can be replaced");
    }
    let serving: Vec<_> = outdated.iter().filter(|(_, member)| member.ready).collect();
    // A broker that catches up, or others that do, may be waited for.
    let partitions = view.partitions.known().unwrap();
    let in_sync = engine != Engine::Kafka
        || partitions
            .iter()
            .all(|partition| partition.in_sync.len() > partition.minimum);
    let all = in_sync && !serving.is_empty() && serving.iter().all(|(_, member)| harmless(member));
    all.then_some("every outdated member can be spared")
}

/// No harm is done, and what is due is done; where nothing is done although something is outdated, it is told why.
fn judge(view: &View, without: &str) -> Result<(), TestCaseError> {
    for (engine, state) in view.engines() {
        let plan = next_without(without, engine, view);
        let restarted = restarts(&plan);
        prop_assert!(restarted.len() <= 1);
        for pod in &restarted {
            let harm = harm(view, engine, pod);
            prop_assert!(harm.is_none(), "{engine}: {pod} is restarted, and {harm:?}");
        }
        if let (true, Some(why)) = (restarted.is_empty(), due(view, engine)) {
            return Err(TestCaseError::fail(format!(
                "{engine}: nothing is done, and {why}"
            )));
        }
        let outdated = state.members().any(|(_, member)| member.outdated);
        prop_assert!(
            !outdated || !plan.changing.is_empty(),
            "{engine}: nothing is said"
        );
        let troubled = state.members().any(|(_, m)| m.deleted_claim.is_some())
            || !state.groups.iter().all(|g| g.settled);
        prop_assert!(
            outdated || troubled || plan.changing.is_empty(),
            "{engine}: {:?} although all is well",
            plan.changing
        );
    }
    Ok(())
}

fn run(without: &str) -> Result<(), String> {
    let config = Config {
        cases: STATES,
        failure_persistence: None,
        max_shrink_iters: 0,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::default()));
    runner
        .run(&any_view(), |view| judge(&view, without))
        .map_err(|error| error.to_string())
}

#[test]
fn no_state_is_harmed_or_left_without_a_next_step() {
    run("").unwrap();
}

#[test]
fn a_rule_that_is_left_out_is_missed() {
    for engine in Engine::ALL {
        for rule in names(engine) {
            assert!(run(rule).is_err(), "{engine}: nothing is worse without {rule}");
        }
    }
}
