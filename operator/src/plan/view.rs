//! The state of the world as far as decisions depend on it.

use std::{collections::BTreeMap, time::Duration};

use crds::names::Role;

use super::{
    Part,
    facts::{Blocks, Partition, Ring, Told},
};
use crate::{
    engine::Engine,
    milestone::{FormatTarget, Milestone},
    name_node::NameNodeState,
};

/// Everything that a plan depends on.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
pub struct View {
    /// Brokers and controllers.
    pub kafka: EngineView,
    /// Cassandra nodes.
    pub cassandra: EngineView,
    /// NameNodes, DataNodes, JournalNodes and ZooKeeper.
    pub hdfs: EngineView,
    /// The Jobs that format; those that are absent are left out.
    pub formats: BTreeMap<FormatTarget, JobState>,
    /// Why the pods of those Jobs are not created.
    pub refused_formats: BTreeMap<FormatTarget, String>,
    /// What NameNodes say of themselves, by pod; those that do not answer are left out.
    pub name_nodes: BTreeMap<String, NameNodeState>,
    /// Topics.
    pub topics: Bootstrap,
    /// Keyspace and tables.
    pub schema: Bootstrap,
    /// Archive folders.
    pub archive: Bootstrap,
    /// Workers, one entry for each Deployment.
    pub workers: Vec<WorkerView>,
    /// Whether the processor's archive lane is enabled.
    pub archive_lane: bool,
    /// Whether its hot lane is enabled.
    pub hot_lane: bool,
    /// Kafka's partitions.
    pub partitions: Told<Vec<Partition>>,
    /// HDFS' blocks.
    pub blocks: Told<Blocks>,
    /// The status says that a change is being carried out, so that a member which is briefly away was restarted on purpose.
    pub updating: bool,
    /// The status says that copies of blocks are being made: until none is under way any more.
    pub copying_blocks: bool,
    /// Cassandra's ring.
    pub ring: Told<Ring>,
}

/// One engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineView {
    /// What must have happened once.
    pub records: Vec<Record>,
    /// Why its placement cannot be satisfied.
    pub unplaceable: Option<String>,
    /// Its StatefulSets, in the order in which they are restarted.
    pub groups: Vec<Group>,
}

/// Whether a milestone is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which one.
    pub milestone: Milestone,
    /// The status or a volume says so.
    pub recorded: bool,
    /// A claim of its roles does not say so.
    pub unmarked: bool,
}

/// A StatefulSet.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What its pods are.
    pub role: Role,
    /// Members asked for.
    pub desired: i32,
    /// Replicas of the live object; `None` where it does not exist.
    pub live: Option<i32>,
    /// Claims that exist: members that once were.
    pub claims: i32,
    /// The StatefulSet controller has seen the live object's newest generation, so revisions can be compared.
    pub settled: bool,
    /// Its pods, by ordinal.
    pub members: Vec<Member>,
    /// Why its pods are not created.
    pub refused: Option<String>,
}

/// A pod of a StatefulSet.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Name of the pod.
    pub pod: String,
    /// Its uid.
    pub uid: String,
    /// Its readiness probe passes and it is not on its way out.
    pub ready: bool,
    /// It runs an older revision than its StatefulSet asks for.
    pub outdated: bool,
    /// It is on its way out.
    pub terminating: bool,
    /// Why it cannot run, for instance `ImagePullBackOff`. Such a pod serves nothing.
    pub stuck: Option<String>,
    /// Its claim where that is being deleted and held by this pod alone: once the pod goes, so does the data.
    pub deleted_claim: Option<String>,
    /// For how long it has not been ready; zero while it is, or where nobody knows.
    pub unready_for: Duration,
}

/// A Job that formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It runs.
    Running,
    /// It gave up.
    Failed,
    /// It succeeded.
    Succeeded,
}

/// A part in an engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bootstrap {
    /// It was created once: what needs it may start.
    pub exists: bool,
    /// It was compared with what is asked for now, and is so.
    pub done: bool,
    /// It is to be compared: what is asked for has changed, or the last comparison is old or an earlier process's.
    pub due: bool,
    /// Why the last attempt failed: reason and message.
    pub error: Option<(&'static str, String)>,
}

/// A worker Deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerView {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub role: Role,
    /// It exists.
    pub exists: bool,
    /// Pods asked for.
    pub desired: i32,
    /// Pods ready.
    pub ready: i32,
    /// Every pod is of the newest revision and no other is left.
    pub rolled_out: bool,
    /// Why a pod of it cannot run.
    pub stuck: Option<String>,
    /// Why its pods are not created.
    pub refused: Option<String>,
    /// Why its placement cannot be satisfied.
    pub unplaceable: Option<String>,
}

impl View {
    /// Every engine.
    pub fn engines(&self) -> [(Engine, &EngineView); 3] {
        Engine::ALL.map(|engine| (engine, self.engine(engine)))
    }

    /// One engine.
    pub const fn engine(&self, engine: Engine) -> &EngineView {
        match engine {
            Engine::Kafka => &self.kafka,
            Engine::Cassandra => &self.cassandra,
            Engine::Hdfs => &self.hdfs,
        }
    }

    /// The pod of the NameNode that is active, where one says so.
    pub fn active_name_node(&self) -> Option<&str> {
        let mut told = self.name_nodes.iter();
        told.find(|(_, state)| state.active).map(|(pod, _)| pod.as_str())
    }

    /// Takes in how the parts stand after a bootstrap.
    pub fn set_parts(&mut self, state: impl Fn(Part) -> Bootstrap) {
        self.topics = state(Part::Topics);
        self.schema = state(Part::Schema);
        self.archive = state(Part::Archive);
    }

    /// One part.
    pub const fn part(&self, part: Part) -> &Bootstrap {
        match part {
            Part::Topics => &self.topics,
            Part::Schema => &self.schema,
            Part::Archive => &self.archive,
        }
    }
}

impl EngineView {
    /// Every member asked for is ready.
    pub fn ready(&self) -> bool {
        !self.groups.is_empty() && self.groups.iter().all(Group::ready)
    }

    /// Members that are ready, and asked for.
    pub fn count(&self) -> (i32, i32) {
        self.groups.iter().fold((0, 0), |(ready, desired), group| {
            (ready + group.ready_members(), desired + group.desired)
        })
    }

    /// Its StatefulSets exist, at least one of them.
    pub fn started(&self) -> bool {
        self.groups.iter().any(|group| group.live.is_some())
    }

    /// Everything that must have happened once has.
    pub fn formed(&self) -> bool {
        self.records.iter().all(|record| record.recorded)
    }

    /// Its StatefulSets of a role.
    pub fn groups_of(&self, role: Role) -> impl Iterator<Item = &Group> {
        self.groups.iter().filter(move |group| group.role == role)
    }

    /// Every pod.
    pub fn members(&self) -> impl Iterator<Item = (&Group, &Member)> {
        self.groups
            .iter()
            .flat_map(|group| group.members.iter().map(move |member| (group, member)))
    }
}

impl Group {
    /// Every member asked for is ready.
    pub fn ready(&self) -> bool {
        self.live.is_some() && self.ready_members() >= self.desired
    }

    /// Members that exist, or once did: their volumes are kept when the object or the StatefulSet goes, or is scaled to nothing.
    pub fn baseline(&self) -> i32 {
        self.live.unwrap_or(0).max(self.claims.min(self.desired))
    }

    /// Members that are ready.
    pub fn ready_members(&self) -> i32 {
        let ready = self.members.iter().filter(|member| member.ready).count();
        i32::try_from(ready).unwrap_or(i32::MAX)
    }
}
