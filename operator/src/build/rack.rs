//! Which members a role has, and in which rack each one lives.
//!
//! The operator assigns members to zones itself, one StatefulSet per zone, because the scheduler's spreading is only a wish, and
//! because racks are stored by Cassandra as data.

use crds::names::Role;

use crate::reconcile::validate::ValidatedPipeline;

/// The members of a role in one zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rack {
    /// Position of the zone in `status.identity.racks`, part of names and ids.
    pub index: usize,
    /// The zone; absent where the site has none.
    pub zone: Option<String>,
    /// How many members live here.
    pub members: i32,
}

/// One member of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name of the pod.
    pub pod: String,
    /// Host name behind the role's headless Service.
    pub host: String,
    /// Index of the rack, 0 for roles without racks.
    pub rack: usize,
    /// Ordinal in the StatefulSet.
    pub ordinal: i32,
}

/// Whether the role's members are spread over racks.
pub const fn is_racked(role: Role) -> bool {
    matches!(role, Role::KafkaBroker | Role::Cassandra | Role::DataNode)
}

/// Members of a role, 0 for the controllers of a cluster with combined roles.
pub fn replicas(pipeline: &ValidatedPipeline, role: Role) -> i32 {
    let spec = &pipeline.spec;
    match role {
        Role::KafkaBroker => spec.kafka.brokers,
        Role::KafkaController => spec.kafka.controllers,
        Role::Cassandra => spec.cassandra.nodes,
        Role::ZooKeeper | Role::JournalNode => spec.hdfs.quorum_members(),
        Role::NameNode => spec.hdfs.name_nodes,
        Role::DataNode => spec.hdfs.data_nodes,
        Role::Ingest => spec.ingest.replicas,
        Role::Processor => pipeline.processors,
    }
}

/// The zones of a role's component in rack order; empty where the site has none.
pub fn zones(pipeline: &ValidatedPipeline, role: Role) -> &[String] {
    let component = match role {
        Role::KafkaBroker | Role::KafkaController => "kafka",
        Role::Cassandra => "cassandra",
        Role::ZooKeeper | Role::JournalNode | Role::NameNode | Role::DataNode => "hdfs",
        Role::Ingest | Role::Processor => return &[],
    };
    pipeline
        .facts
        .racks
        .get(component)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The racks of a role that have members. Member `n` lives in rack `n mod racks`, so that growing never moves a member.
pub fn racks(pipeline: &ValidatedPipeline, role: Role) -> Vec<Rack> {
    let zones = zones(pipeline, role);
    let count = zones.len().max(1);
    let total = usize::try_from(replicas(pipeline, role)).unwrap_or_default();
    (0..count)
        .map(|index| Rack {
            index,
            zone: zones.get(index).cloned(),
            members: i32::try_from(total / count + usize::from(index < total % count)).unwrap_or(i32::MAX),
        })
        .filter(|rack| rack.members > 0)
        .collect()
}

/// The members of an engine role in the order in which they were added: round after round over the racks.
pub fn members(pipeline: &ValidatedPipeline, role: Role) -> Vec<Member> {
    let member = |stateful_set: &str, rack, ordinal| {
        let pod = format!("{stateful_set}-{ordinal}");
        Member {
            host: pipeline.names.pod_host(role, &pod),
            pod,
            rack,
            ordinal,
        }
    };
    if !is_racked(role) {
        let stateful_set = pipeline.names.of(role);
        return (0..replicas(pipeline, role))
            .map(|ordinal| member(&stateful_set, 0, ordinal))
            .collect();
    }
    let racks = racks(pipeline, role);
    let rounds = racks.first().map_or(0, |rack| rack.members);
    (0..rounds)
        .flat_map(|ordinal| {
            racks
                .iter()
                .filter(move |rack| ordinal < rack.members)
                .map(move |rack| (rack, ordinal))
        })
        .map(|(rack, ordinal)| member(&pipeline.names.racked(role, rack.index), rack.index, ordinal))
        .collect()
}
