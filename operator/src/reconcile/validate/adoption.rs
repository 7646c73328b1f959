//! Disks that an earlier object left, against what is asked for now. Pure.
//!
//! Where members run, the operator keeps them and nothing is checked: this is about StatefulSets that are yet to be made. Their
//! members would wait for each other for ever, or leave a volume full of data aside without a word.

use std::collections::BTreeSet;

use crds::names::{Names, Role};

use super::{Problem, ValidatedPipeline};
use crate::{build::rack, engine::Engine, milestone::Milestone};

/// What the volumes of the engines contradict.
pub(super) fn problems(pipeline: &ValidatedPipeline) -> Vec<Problem> {
    let roles = Engine::ALL.into_iter().flat_map(Engine::roles);
    let left_out = roles.filter_map(|role| left_out(pipeline, *role));
    let lost = QUORUMS.iter().filter_map(|quorum| quorum.lost(pipeline));
    left_out.chain(lost).collect()
}

/// The claims of a role that hold data.
fn formed(pipeline: &ValidatedPipeline, role: Role) -> BTreeSet<String> {
    let volumes = pipeline.facts.volumes.iter();
    volumes
        .filter(|volume| volume.role == role && volume.formed)
        .map(|volume| volume.claim.clone())
        .collect()
}

/// The claims of the members asked for, in the order in which members are added.
fn asked(pipeline: &ValidatedPipeline, role: Role) -> Vec<String> {
    let members = rack::members(pipeline, role);
    members
        .iter()
        .map(|member| Names::claim_of_pod(&member.pod))
        .collect()
}

/// Whether the StatefulSet of a claim exists.
fn runs(pipeline: &ValidatedPipeline, claim: &str) -> bool {
    let templates = &pipeline.facts.claim_templates;
    claim
        .rsplit_once('-')
        .is_some_and(|(set, _)| templates.keys().any(|name| Names::claim_of_pod(name) == set))
}

fn left_out(pipeline: &ValidatedPipeline, role: Role) -> Option<Problem> {
    let asked = asked(pipeline, role);
    let left_out: Vec<_> = formed(pipeline, role)
        .into_iter()
        .filter(|claim| !asked.contains(claim) && !runs(pipeline, claim))
        .collect();
    (!left_out.is_empty()).then(|| Problem::FewerMembers {
        field: count_field(role),
        asked: asked.len(),
        claims: left_out.join(", "),
    })
}

/// The field that says how many members a role has.
const fn count_field(role: Role) -> &'static str {
    match role {
        Role::KafkaBroker => "kafka.brokers",
        Role::KafkaController => "kafka.controllers",
        Role::Cassandra => "cassandra.nodes",
        Role::DataNode => "hdfs.dataNodes",
        _ => "hdfs.nameNodes",
    }
}

/// Members of whose disks so many are needed once something has been written to them.
struct Quorum {
    role: Role,
    /// Behind once there is something on their disks.
    since: Milestone,
    /// More than half are needed; else a single one.
    majority: bool,
    /// Follows "restore the claims that are missing, ".
    remedy: &'static str,
}

const VOTERS: &str =
    "or set spec.kafka.controllers to the number that there was: no topic can be read without them";

const QUORUMS: [Quorum; 5] = [
    Quorum {
        role: Role::KafkaController,
        since: Milestone::KafkaFormed,
        majority: true,
        remedy: VOTERS,
    },
    Quorum {
        role: Role::KafkaBroker,
        since: Milestone::KafkaFormed,
        majority: true,
        remedy: VOTERS,
    },
    Quorum {
        role: Role::ZooKeeper,
        since: Milestone::FailoverFormatted,
        majority: true,
        remedy: "or delete the pipeline, whose other volumes stay, and the claims of ZooKeeper that are left, and create it \
                 again: what ZooKeeper holds is then made anew",
    },
    Quorum {
        role: Role::JournalNode,
        since: Milestone::EditsShared,
        majority: true,
        remedy: "which may hold edits that no NameNode has",
    },
    Quorum {
        role: Role::NameNode,
        since: Milestone::NameNodeFormatted,
        majority: false,
        remedy: "which are the index of the archive",
    },
];

impl Quorum {
    fn lost(&self, pipeline: &ValidatedPipeline) -> Option<Problem> {
        let asked = asked(pipeline, self.role);
        let combined = rack::replicas(pipeline, Role::KafkaController) == 0;
        let votes = self.role != Role::KafkaBroker || combined;
        let once = self.since.is_recorded(&pipeline.facts.identity);
        if !votes || !once || asked.is_empty() || asked.iter().any(|claim| runs(pipeline, claim)) {
            return None;
        }
        let left = formed(pipeline, self.role);
        // Brokers that are asked for in addition to those that there were have never voted.
        let last = asked.iter().rposition(|claim| left.contains(claim));
        let of = match last {
            Some(last) if self.role == Role::KafkaBroker => last + 1,
            _ => asked.len(),
        };
        let needed = if self.majority { of / 2 + 1 } else { 1 };
        (left.len() < needed).then_some(Problem::QuorumLost {
            role: self.role,
            left: left.len(),
            of,
            needed,
            remedy: self.remedy,
        })
    }
}
