//! What keeps a member from going: another one that is away, or what the engine says of its data. Each gate answers with what is
//! awaited, or with nothing where the member may go.

use crds::names::Role;

use super::Scene;
use crate::plan::view::{Group, Member};

type Candidate<'a> = (&'a Group, &'a Member);

/// A member other than this one that is not ready, or not there.
pub fn absent_other(scene: &Scene<'_>, next: Candidate<'_>) -> Option<String> {
    let unready = scene
        .state
        .members()
        .filter(|(_, member)| !member.ready && member.pod != next.1.pod)
        .find(|(_, member)| !awaits_data_nodes(scene, member, next.0))
        .map(|(_, member)| format!("pod {}", member.pod));
    let short = || {
        let missing = |group: &&Group| {
            group.members.len() < usize::try_from(group.live.unwrap_or(group.desired)).unwrap_or(0)
        };
        let group = scene.state.groups.iter().find(missing)?;
        Some(format!("StatefulSet {}", group.name))
    };
    unready.or_else(short)
}

/// A standby in safe mode waits for DataNodes to report to it, which they do only once they have been restarted with its
/// address. While another NameNode is active, it does not hold them up.
fn awaits_data_nodes(scene: &Scene<'_>, member: &Member, next: &Group) -> bool {
    let states = &scene.view.name_nodes;
    next.role == Role::DataNode
        && states
            .get(&member.pod)
            .is_some_and(|state| !state.active && state.safe_mode)
        && states.values().any(|other| other.active && !other.safe_mode)
}

/// A broker goes only while no partition falls below its topic's minimum of in-sync replicas. Partitions with no more replicas than the
/// minimum can never spare one; they do not hold a restart up for ever. A broker that is not ready is held only by partitions that
/// take writes because of it: Kafka itself may be what does not answer.
pub fn held_by_partitions(scene: &Scene<'_>, next: Candidate<'_>) -> Option<String> {
    let pod = &next.1.pod;
    if next.0.role != Role::KafkaBroker {
        return None;
    }
    let partitions = match scene.view.partitions.known() {
        Ok(partitions) => partitions,
        Err(_) if !next.1.ready => return None,
        Err(why) => {
            return Some(format!(
                "waiting for Kafka to say which replicas are in sync ({why})"
            ));
        }
    };
    let needed = partitions.iter().find(|partition| {
        let others = partition.in_sync.iter().filter(|replica| *replica != pod).count();
        let would_fall = partition.replicas.len() > partition.minimum && others < partition.minimum;
        // What is below its minimum already takes no writes, and an unready broker may be the very one that keeps it there.
        let can_fall = partition.in_sync.contains(pod) && partition.in_sync.len() >= partition.minimum;
        would_fall
            && if next.1.ready {
                partition.replicas.contains(pod)
            } else {
                can_fall
            }
    })?;
    Some(format!(
        "waiting for replicas of partition {} to be in sync before {pod} may go",
        needed.name
    ))
}

/// A Cassandra node goes only while all others are up in the eyes of their peers, no node joins or leaves, and schemas agree.
pub fn held_by_ring(scene: &Scene<'_>, next: Candidate<'_>) -> Option<String> {
    let ring = match scene.view.ring.known() {
        Ok(ring) => ring,
        Err(why) => return Some(format!("waiting for Cassandra to say which nodes are up ({why})")),
    };
    if let Some(what) = &ring.unsettled {
        return Some(format!("waiting until this is over: {what}"));
    }
    let (_, down) = scene
        .state
        .members()
        .find(|(_, member)| member.pod != next.1.pod && !ring.up.contains(&member.pod))?;
    Some(format!(
        "waiting for {} to be up in the eyes of the other nodes",
        down.pod
    ))
}

/// A DataNode goes only while every block has all its copies, and every other DataNode has reported its blocks.
pub fn held_by_blocks(scene: &Scene<'_>, next: Candidate<'_>) -> Option<String> {
    if next.0.role != Role::DataNode {
        return None;
    }
    let blocks = match scene.view.blocks.known() {
        Ok(blocks) => blocks,
        Err(why) => {
            return Some(format!(
                "waiting for the active NameNode to tell of its blocks ({why})"
            ));
        }
    };
    if blocks.missing > 0 || blocks.low > 0 || blocks.pending > 0 {
        return Some(format!(
            "waiting until every block has all its copies: {} have none, {} too few, {} are being copied",
            blocks.missing, blocks.low, blocks.pending
        ));
    }
    if blocks.gone > 0 {
        return Some(
            "waiting until the NameNode forgets a DataNode that is gone, and makes its copies anew"
                .to_owned(),
        );
    }
    let (_, silent) = scene.state.members().find(|(group, member)| {
        group.role == Role::DataNode && member.pod != next.1.pod && !blocks.reported.contains(&member.pod)
    })?;
    Some(format!("waiting for {} to report its blocks", silent.pod))
}
