//! From what was seen, done and awaited to the status. Pure: the time of a transition is handed in.

mod dangers;
mod refused;

use std::collections::BTreeMap;

use crds::{
    CryptoPipelineStatus,
    names::{CQL_PORT, Names, Role},
    reason::Reason,
    status::{AutoscalingStatus, ComponentStatus, DataFlow, Identity, Phase, condition},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

pub use self::refused::{refused, watched};
use super::{
    buffer::Supply, compaction::Compaction, data_flow::Verdict, sites::Sites, symbols::Listing,
    validate::ValidatedPipeline,
};
use crate::{
    bootstrap::Finding,
    engine::Engine,
    plan::{Awaited, Part, Plan, View},
};

/// What a status is made from.
pub struct Report<'a> {
    /// What is asked for.
    pub pipeline: &'a ValidatedPipeline,
    /// Facts fixed at the first start, as of the end of this reconciliation.
    pub identity: &'a Identity,
    /// The state of the world.
    pub view: &'a View,
    /// What was done and is awaited.
    pub plan: &'a Plan,
    /// What is left as it is, by part.
    pub differences: Vec<(Part, Vec<Finding>)>,
    /// What needs a person: a write that was refused, a volume that cannot grow.
    pub failure: Option<Finding>,
    /// The number of processors that was decided; `None` where it is the user's.
    pub autoscaling: Option<AutoscalingStatus>,
    /// The workers' figures.
    pub data_flow: Option<DataFlow>,
    /// Whether trades flow.
    pub verdict: Verdict,
    /// What is known of the exchange's list of symbols.
    pub listing: Listing,
    /// How compaction stands; `None` where it is not asked for.
    pub compaction: Option<Compaction>,
    /// Sites and nodes.
    pub sites: Sites,
    /// How long what waits in Kafka is safe, and how full stores are.
    pub supply: Supply,
}

/// The status of a pipeline that was carried out, or only watched where it is paused.
pub fn report(
    previous: &CryptoPipelineStatus,
    generation: Option<i64>,
    report: &Report<'_>,
    now: Timestamp,
) -> CryptoPipelineStatus {
    let phase = phase(previous, generation, report, now);
    let mut conditions = Conditions::new(&previous.conditions, generation, now);
    for (engine, state) in report.view.engines() {
        let (ready, desired) = state.count();
        conditions.part(report.plan, engine.condition(), "AllMembersReady", || {
            format!("{ready} of {desired} members ready")
        });
    }
    for part in Part::ALL {
        let differences = report.differences.iter().find(|(other, _)| *other == part);
        let differences = differences.map_or(&[][..], |(_, findings)| findings);
        let reason = differences.first().map_or("AsWanted", |finding| finding.reason);
        conditions.part(report.plan, part.condition(), reason, || {
            let messages: Vec<_> = differences
                .iter()
                .map(|finding| finding.message.as_str())
                .collect();
            if messages.is_empty() {
                format!("{} are as asked for", part.what())
            } else {
                messages.join("; ")
            }
        });
    }
    conditions.part(report.plan, condition::WORKERS_READY, "AllWorkersReady", || {
        "every worker is ready".to_owned()
    });
    conditions.flow(&report.verdict);
    conditions.symbols(&report.listing);
    if let Some(compaction) = &report.compaction {
        conditions.compaction(compaction);
    }
    conditions.dangers(report);
    summarize(&mut conditions, phase, previous, report, now);
    CryptoPipelineStatus {
        observed_generation: generation,
        phase: Some(phase),
        conditions: conditions.list,
        components: components(report),
        endpoints: endpoints(&report.pipeline.names),
        identity: Some(report.identity.clone()),
        data_flow: report.data_flow.clone(),
        buffer: report.supply.buffer.clone(),
        placements: report.sites.placements.clone(),
        autoscaling: report.autoscaling.clone(),
    }
}

fn phase(
    previous: &CryptoPipelineStatus,
    generation: Option<i64>,
    report: &Report<'_>,
    now: Timestamp,
) -> Phase {
    let was_ready = matches!(
        previous.phase,
        Some(Phase::Ready | Phase::Updating | Phase::Degraded)
    );
    // A spec that is edited during an outage does not end the outage.
    let edited = previous.observed_generation != generation && previous.phase != Some(Phase::Degraded);
    let changing = !report.plan.changing.is_empty() || edited || previous.phase == Some(Phase::Updating);
    let serious = report.failure.is_some() || report.danger(previous, now).is_some();
    if report.pipeline.spec.paused {
        Phase::Paused
    } else if report.is_as_wanted(previous, now) {
        Phase::Ready
    } else if !was_ready {
        Phase::Starting
    } else if changing && !serious {
        Phase::Updating
    } else {
        Phase::Degraded
    }
}

impl Report<'_> {
    fn is_as_wanted(&self, previous: &CryptoPipelineStatus, now: Timestamp) -> bool {
        self.plan.awaited.is_empty()
            && self.plan.changing.is_empty()
            && self.failure.is_none()
            && self.danger(previous, now).is_none()
    }
}

/// `Ready`, `Progressing` and `Degraded`.
fn summarize(
    conditions: &mut Conditions,
    phase: Phase,
    previous: &CryptoPipelineStatus,
    report: &Report<'_>,
    now: Timestamp,
) {
    let awaited = &report.plan.awaited;
    let serious = awaited.iter().find(|a| is_serious(a, phase));
    let danger = report.danger(previous, now);
    let (reason, message) = if let Some(failure) = &report.failure {
        (failure.reason, failure.message.clone())
    } else if let Some(danger) = &danger {
        let others = awaited.iter().map(|a| a.message.as_str());
        let all: Vec<_> = std::iter::once(danger.message.as_str()).chain(others).collect();
        (danger.reason, all.join("; "))
    } else if let Some(first) = serious.or_else(|| awaited.first()) {
        let others = awaited
            .iter()
            .filter(|other| *other != first)
            .map(|a| a.message.as_str());
        let all: Vec<_> = std::iter::once(first.message.as_str()).chain(others).collect();
        (first.reason, all.join("; "))
    } else if report.plan.changing.is_empty() {
        ("AllReady", "everything is as asked for".to_owned())
    } else {
        ("Updating", report.plan.changing.join("; "))
    };
    conditions.set(
        condition::READY,
        report.is_as_wanted(previous, now),
        reason,
        message.clone(),
    );
    let progressing = matches!(phase, Phase::Starting | Phase::Updating);
    let what = match phase {
        Phase::Starting => "Starting",
        Phase::Updating => "Updating",
        Phase::Paused => "Paused",
        _ => "Idle",
    };
    let changes = if progressing && !report.plan.changing.is_empty() {
        report.plan.changing.join("; ")
    } else if progressing {
        message.clone()
    } else {
        String::new()
    };
    conditions.set(condition::PROGRESSING, progressing, what, changes);
    // What was lost stays lost while the cure is being carried out.
    let still = conditions.held(condition::DEGRADED) && !awaited.is_empty();
    let degraded = phase == Phase::Degraded
        || serious.is_some()
        || report.failure.is_some()
        || danger.is_some()
        || still;
    let (reason, message) = if degraded {
        (reason, message)
    } else {
        ("AsExpected", String::new())
    };
    conditions.set(condition::DEGRADED, degraded, reason, message);
}

/// What does not pass by itself. A pod that cannot run is normal while a pipeline starts for the first time.
fn is_serious(awaited: &Awaited, phase: Phase) -> bool {
    match awaited.reason {
        "PlacementUnsatisfied" | "FormatFailed" | "PodsRefused" => true,
        "PodCannotRun" => phase != Phase::Starting,
        _ => false,
    }
}

fn components(report: &Report<'_>) -> BTreeMap<String, ComponentStatus> {
    let awaited = |type_: &str| {
        let found = report.plan.awaited.iter().find(|a| a.condition == type_);
        found.map(|a| a.message.clone()).unwrap_or_default()
    };
    let component = |ready: i32, desired: i32, version, message| ComponentStatus {
        ready,
        desired,
        summary: format!("{ready}/{desired}"),
        version,
        message,
    };
    let engines = report.view.engines().map(|(engine, state)| {
        let (ready, desired) = state.count();
        let version = Engine::version(engine, &report.pipeline.spec).to_owned();
        let mut message = awaited(engine.condition());
        if engine == Engine::Hdfs && message.is_empty() {
            message = active_name_node(report);
        }
        let status = component(ready, desired, Some(version), message);
        (engine.as_str().to_owned(), status)
    });
    let workers = [Role::Ingest, Role::Processor].map(|role| {
        let (ready, desired) = report
            .view
            .workers
            .iter()
            .filter(|worker| worker.role == role)
            .fold((0, 0), |(ready, desired), worker| {
                (ready + worker.ready, desired + worker.desired)
            });
        let message = if ready < desired {
            awaited(condition::WORKERS_READY)
        } else {
            String::new()
        };
        (role.to_string(), component(ready, desired, None, message))
    });
    engines.into_iter().chain(workers).collect()
}

/// A NameNode merges its edits into its image when it starts; while it runs, only a standby does that.
fn active_name_node(report: &Report<'_>) -> String {
    let alone = if report.pipeline.spec.hdfs.is_highly_available() {
        ""
    } else {
        "; without a standby its edits are merged only when it restarts, and grow until then"
    };
    let active = report.view.active_name_node();
    active
        .map(|pod| format!("{pod} is active{alone}"))
        .unwrap_or_default()
}

fn endpoints(names: &Names) -> BTreeMap<String, String> {
    let cassandra = names.service_host(&names.of(Role::Cassandra));
    [
        (Engine::Kafka, names.kafka_bootstrap_address()),
        (Engine::Cassandra, format!("{cassandra}:{CQL_PORT}")),
        (Engine::Hdfs, format!("hdfs://{}", names.name_service())),
    ]
    .map(|(engine, address)| (engine.as_str().to_owned(), address))
    .into()
}

/// Conditions under construction. A transition time changes only when the status does.
struct Conditions {
    previous: BTreeMap<String, Condition>,
    list: Vec<Condition>,
    generation: Option<i64>,
    now: Timestamp,
}

impl Conditions {
    fn new(previous: &[Condition], generation: Option<i64>, now: Timestamp) -> Self {
        Self {
            previous: previous.iter().map(|c| (c.type_.clone(), c.clone())).collect(),
            list: vec![],
            generation,
            now,
        }
    }

    /// Whether a condition was true before.
    fn held(&self, type_: &str) -> bool {
        self.previous
            .get(type_)
            .is_some_and(|condition| condition.status == "True")
    }

    /// Takes the previous conditions over.
    fn keep_all(&mut self, previous: &[Condition]) {
        self.list = previous.to_vec();
    }

    /// Takes a previous condition over, if there was one.
    fn keep(&mut self, type_: &str) {
        self.list.extend(self.previous.get(type_).cloned());
    }

    fn flow(&mut self, verdict: &Verdict) {
        let status = match verdict {
            Verdict { unknown: true, .. } => "Unknown",
            Verdict { flowing: true, .. } => "True",
            Verdict { .. } => "False",
        };
        self.say(
            condition::DATA_FLOWING,
            status,
            verdict.reason,
            verdict.message.clone(),
        );
    }

    fn compaction(&mut self, compaction: &Compaction) {
        let (holds, reason, message) = match compaction {
            // A Job that is gone takes nothing back of what was said of it.
            Compaction::NotSeen if self.previous.contains_key(condition::COMPACTION_HEALTHY) => {
                return self.keep(condition::COMPACTION_HEALTHY);
            }
            Compaction::NotSeen => {
                let message = "no run of compaction has ended yet".to_owned();
                return self.say(condition::COMPACTION_HEALTHY, "Unknown", "NoRunYet", message);
            }
            Compaction::Succeeded { job } => (true, "LastRunSucceeded", format!("run {job} succeeded")),
            Compaction::Failed { job, why } => (
                false,
                "CompactionFailed",
                format!(
                    "run {job} failed ({why}); hours that it did not merge are complete as they are, and the next run tries \
                     again; kubectl logs job/{job} names them and why"
                ),
            ),
        };
        self.set(condition::COMPACTION_HEALTHY, holds, reason, message);
    }

    /// False with what is awaited, else true.
    fn part(&mut self, plan: &Plan, type_: &str, reason: &'static str, message: impl Fn() -> String) {
        match plan.awaited.iter().find(|awaited| awaited.condition == type_) {
            Some(awaited) => {
                let status = if awaited.unknown { "Unknown" } else { "False" };
                self.say(type_, status, awaited.reason, awaited.message.clone());
            }
            None => self.set(type_, true, reason, message()),
        }
    }

    fn set(&mut self, type_: &str, holds: bool, reason: &str, message: String) {
        self.say(type_, if holds { "True" } else { "False" }, reason, message);
    }

    fn say(&mut self, type_: &str, status: &str, reason: &str, message: String) {
        debug_assert!(
            Reason::ALL.iter().any(|known| known.as_str() == reason),
            "crds/src/reason/list.rs does not list {reason}"
        );
        let since = self
            .previous
            .get(type_)
            .filter(|previous| previous.status == status)
            .map_or(Time(self.now), |previous| previous.last_transition_time.clone());
        self.list.retain(|other| other.type_ != type_);
        self.list.push(Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message,
            observed_generation: self.generation,
            last_transition_time: since,
        });
    }
}
