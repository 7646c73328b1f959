//! What the spec asks for against the volumes that there are. Pure.

use crds::{CryptoPipelineSpec, names::Role};

use super::{Facts, Problem};
use crate::{
    engine::volume_size,
    reconcile::volumes::{Volume, is_smaller},
};

/// The field of each size that the spec may ask for.
const SIZES: [(Role, &str); 5] = [
    (Role::KafkaBroker, "kafka.storage.size"),
    (Role::Cassandra, "cassandra.storage.size"),
    (Role::NameNode, "hdfs.nameNodeStorage.size"),
    (Role::DataNode, "hdfs.storage.size"),
    (Role::Ingest, "ingest.recording.storage.size"),
];

/// Refuses a size below that of every volume of a role. The size of the smallest is always a way back: where only some could
/// grow, the larger ones stay as they are. CEL knows what was asked for before, not what was given.
pub(super) fn check_sizes(spec: &CryptoPipelineSpec, facts: &Facts, problems: &mut Vec<Problem>) {
    for (role, field) in SIZES {
        let volumes: Vec<_> = facts
            .volumes
            .iter()
            .filter(|volume| volume.role == role)
            .collect();
        let Some(asked) = volume_size(role, spec) else {
            continue;
        };
        let smaller = |volume: &&&Volume| is_smaller(asked, &volume.given);
        let smallest = volumes.iter().reduce(|least, volume| {
            if is_smaller(&volume.given, &least.given) {
                volume
            } else {
                least
            }
        });
        if let Some(smallest) = smallest.filter(smaller) {
            problems.push(Problem::VolumeCannotShrink {
                field,
                asked: asked.0.clone(),
                claim: smallest.claim.clone(),
                given: smallest.given.0.clone(),
            });
        }
    }
}
