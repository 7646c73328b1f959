//! What may be done now, and what is awaited. Pure: every rule of order and safety stands here.
//!
//! - Engines start together; HDFS after what it starts from is formatted, which happens once.
//! - Topics, schema and archive follow as their engine is ready, workers as what they need exists.
//! - What exists stays: an outage later takes nothing away.
//! - One restart at a time in each engine ([`restart`]).

pub mod autoscaling;
mod engine;
mod facts;
mod hdfs;
mod health;
mod restart;
#[cfg(test)]
mod tests;
mod view;
mod workers;

use std::collections::BTreeMap;

use crds::names::Role;

use crate::{
    engine::Engine,
    milestone::{FormatTarget, Milestone},
};

pub use self::{
    facts::{Blocks, Partition, Ring, Told},
    view::{Bootstrap, EngineView, Group, JobState, Member, Record, View, WorkerView},
};

/// Something that must exist in an engine before workers can use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Topics in Kafka.
    Topics,
    /// Keyspace and tables in Cassandra.
    Schema,
    /// Folders in HDFS.
    Archive,
}

/// One thing to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Apply StatefulSets of an engine, each with so many replicas.
    ApplyEngine {
        /// Whose.
        engine: Engine,
        /// By name of the StatefulSet.
        replicas: BTreeMap<String, i32>,
    },
    /// Create a Job that formats, and the claim that it needs.
    Format(FormatTarget),
    /// Delete a Job that has formatted.
    Clear(FormatTarget),
    /// Record a milestone in the status and on the volumes.
    Record(Milestone),
    /// Create or compare a part.
    Bootstrap(Part),
    /// Apply the Deployments of a worker role.
    ApplyWorkers(Role),
    /// Delete a pod so that it comes back as its StatefulSet now says.
    Restart {
        /// Whose member.
        engine: Engine,
        /// Name of the pod.
        pod: String,
        /// The pod as it was seen; another one of that name is left alone.
        uid: String,
        /// It serves, so that it goes only within its disruption budget.
        serves: bool,
    },
}

/// A part that is not ready yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// Type of the condition that is therefore false.
    pub condition: &'static str,
    /// Reason of that condition.
    pub reason: &'static str,
    /// Which object, and what is awaited of it.
    pub message: String,
    /// Nobody knows whether the condition holds: it is `Unknown` rather than false.
    pub unknown: bool,
}

/// What to do and what to wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In order.
    pub steps: Vec<Step>,
    /// At most one for each condition.
    pub awaited: Vec<Awaited>,
    /// Changes that are being carried out, in words.
    pub changing: Vec<String>,
}

impl Plan {
    /// The plan as it looks after it was carried out. Where something was written, what was seen is out of date: it
    /// cannot be called ready before it was looked at again.
    #[must_use]
    pub fn after_writes(mut self, wrote: bool) -> Self {
        if wrote {
            self.changing
                .push("changes were applied and are taken up".to_owned());
        }
        self
    }

    /// The plan with the pods of workers that do not follow changed symbols yet.
    #[must_use]
    pub fn following<'a>(mut self, pods: impl Iterator<Item = &'a str>) -> Self {
        self.changing
            .extend(pods.map(|pod| format!("pod {pod} takes changed symbols over")));
        self
    }
}

/// Decides what may be done in this state of the world.
pub fn plan(view: &View) -> Plan {
    let mut plan = Plan::default();
    for (engine, state) in view.engines() {
        engine::start(engine, state, view, &mut plan);
        restart::next(engine, state, view, &mut plan);
    }
    for part in [Part::Topics, Part::Schema, Part::Archive] {
        bootstrap(part, view, &mut plan);
    }
    workers::start(view, &mut plan);
    plan
}

fn bootstrap(part: Part, view: &View, plan: &mut Plan) {
    let engine = part.engine();
    let state = view.part(part);
    let ready = view.engine(engine).ready();
    if ready && state.due {
        plan.steps.push(Step::Bootstrap(part));
    }
    if state.done {
        return;
    }
    let (reason, message) = match &state.error {
        Some((reason, message)) if ready => (*reason, message.clone()),
        _ if ready && state.exists => (
            "Changing",
            format!("{} are brought to the changed spec", part.what()),
        ),
        _ if ready => ("Creating", format!("{} being created", part.what())),
        _ => (
            "EngineNotReady",
            format!("{} follow once {engine} is ready", part.what()),
        ),
    };
    plan.awaited.push(Awaited {
        condition: part.condition(),
        reason,
        message,
        unknown: false,
    });
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::Topics, Self::Schema, Self::Archive];

    /// Where it lives.
    pub const fn engine(self) -> Engine {
        match self {
            Self::Topics => Engine::Kafka,
            Self::Schema => Engine::Cassandra,
            Self::Archive => Engine::Hdfs,
        }
    }

    /// Type of its condition.
    pub const fn condition(self) -> &'static str {
        use crds::status::condition;
        match self {
            Self::Topics => condition::TOPICS_READY,
            Self::Schema => condition::SCHEMA_READY,
            Self::Archive => condition::ARCHIVE_READY,
        }
    }

    /// In words.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Topics => "topics",
            Self::Schema => "keyspace and tables",
            Self::Archive => "archive folders",
        }
    }
}
