//! Node ids, directory ids and the quorum's members. All of it is stored by Kafka in its own log: a change here loses clusters.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use crds::names::{KAFKA_CONTROLLER_PORT, Role};
use sha2::{Digest, Sha256};

use super::quorum_role;
use crate::{
    build::rack::{self, Member},
    reconcile::validate::ValidatedPipeline,
};

/// Id of the first controller; brokers stay below it.
const FIRST_CONTROLLER_ID: usize = 9000;
/// Ids that each rack of brokers has for itself.
const IDS_PER_RACK: usize = 100;
/// How many members of a growing combined cluster are named as first contacts.
const BOOTSTRAP_SERVERS: usize = 3;

/// The id of a StatefulSet's pod 0. Brokers and controllers share one space of ids.
pub fn node_id_offset(role: Role, rack: usize) -> usize {
    match role {
        Role::KafkaController => FIRST_CONTROLLER_ID,
        _ => rack * IDS_PER_RACK,
    }
}

/// The `node.id` of a member.
pub fn node_id(role: Role, member: &Member) -> usize {
    node_id_offset(role, member.rack) + usize::try_from(member.ordinal).unwrap_or_default()
}

/// `controller.quorum.bootstrap.servers`: where a node asks first. Dedicated controllers are all named, their number is fixed;
/// of combined ones only the first, so that growing does not restart the rest.
pub fn bootstrap_servers(pipeline: &ValidatedPipeline) -> String {
    let role = quorum_role(pipeline);
    let members = rack::members(pipeline, role);
    let count = if role == Role::KafkaController {
        members.len()
    } else {
        BOOTSTRAP_SERVERS
    };
    let servers: Vec<_> = members
        .iter()
        .take(count)
        .map(|member| format!("{}:{KAFKA_CONTROLLER_PORT}", member.host))
        .collect();
    servers.join(",")
}

/// The voters that found the quorum, as `kafka-storage format --initial-controllers` wants them: `id@host:port:directory-id`.
pub fn initial_controllers(pipeline: &ValidatedPipeline) -> String {
    let role = quorum_role(pipeline);
    let voter = |member: &Member| {
        let id = node_id(role, member);
        let directory = directory_id(&pipeline.kafka_cluster_id, id);
        format!("{id}@{}:{KAFKA_CONTROLLER_PORT}:{directory}", member.host)
    };
    rack::members(pipeline, role)
        .iter()
        .map(voter)
        .collect::<Vec<_>>()
        .join(",")
}

/// The directory id of a founding controller: a Kafka `Uuid`, 16 bytes as 22 characters of URL-safe base64. Each controller is
/// told the same ids, hence they follow from the cluster's id. Kafka reserves the lowest hundred values and cannot pass
/// an id that begins with a hyphen on a command line.
fn directory_id(cluster_id: &str, node_id: usize) -> String {
    let mut digest = Sha256::digest(format!("{cluster_id}/{node_id}"));
    loop {
        let id = URL_SAFE_NO_PAD.encode(&digest[..16]);
        if !id.starts_with('-') && digest[..8].iter().any(|byte| *byte != 0) {
            return id;
        }
        digest = Sha256::digest(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::directory_id;

    #[test]
    fn directory_ids_are_stable_distinct_and_fit_for_a_command_line() {
        let cluster = "nMzBUGexQvyNfXrrjUPL0g";
        assert_eq!(directory_id(cluster, 9000), directory_id(cluster, 9000));
        let ids: std::collections::BTreeSet<_> = (0..1000).map(|node| directory_id(cluster, node)).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 22 && !id.starts_with('-')));
    }
}
