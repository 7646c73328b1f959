//! What an engine whose members are all ready still lacks, by what it says of its data: blocks without copies, partitions that take no
//! writes, nodes that others do not see. An engine is not ready before its data is safe from the next loss.

use crds::reason::Reason;

use super::{
    Awaited,
    engine::{awaited, unknown},
    facts::Told,
    view::{EngineView, View},
};
use crate::engine::Engine;

/// The first thing amiss; nothing before the engine has formed, when there is no data yet.
pub fn of_data(engine: Engine, state: &EngineView, view: &View) -> Option<Awaited> {
    if !state.formed() {
        return None;
    }
    match engine {
        Engine::Kafka => partitions(view),
        Engine::Cassandra => ring(state, view),
        Engine::Hdfs => blocks(view),
    }
}

fn blocks(view: &View) -> Option<Awaited> {
    let blocks = match &view.blocks {
        Told::Known(blocks) => blocks,
        Told::Unknown(why) => {
            let message = format!("nobody knows whether blocks are missing: {why}");
            return Some(unknown(Engine::Hdfs, Reason::BlocksUnknown.as_str(), message));
        }
    };
    if blocks.missing > 0 {
        let message = format!(
            "{} blocks are on no live DataNode; bring back the DataNodes or volumes that are away, and replace no other disk",
            blocks.missing
        );
        return Some(awaited(Engine::Hdfs, Reason::BlocksMissing.as_str(), message));
    }
    if blocks.gone > 0 {
        let message = format!(
            "the NameNode still counts {} DataNodes that are gone, and the copies that went with them; within eleven minutes it makes \
             them anew; replace no disk before that is done",
            blocks.gone
        );
        return Some(awaited(
            Engine::Hdfs,
            Reason::BlocksUnderReplicated.as_str(),
            message,
        ));
    }
    // A file that was just closed has copies under way for a moment; they count only while copies are made anew.
    let copying = blocks.low > 0 || (view.copying_blocks && blocks.pending > 0);
    copying.then(|| {
        let message = format!(
            "copies are being made of {} blocks; replace no disk before that is done",
            blocks.low + blocks.pending
        );
        awaited(Engine::Hdfs, Reason::BlocksUnderReplicated.as_str(), message)
    })
}

fn partitions(view: &View) -> Option<Awaited> {
    let partitions = match &view.partitions {
        Told::Known(partitions) => partitions,
        Told::Unknown(why) => {
            let message = format!("nobody knows whether partitions take writes: {why}");
            return Some(unknown(
                Engine::Kafka,
                Reason::PartitionsUnknown.as_str(),
                message,
            ));
        }
    };
    let below: Vec<_> = partitions
        .iter()
        .filter(|partition| partition.in_sync.len() < partition.minimum)
        .collect();
    let first = below.first()?;
    let message = format!(
        "{} partitions have fewer replicas in sync than a write needs, {} among them ({} of {}); replicas catch up by themselves \
         once their brokers run",
        below.len(),
        first.name,
        first.in_sync.len(),
        first.minimum
    );
    Some(awaited(
        Engine::Kafka,
        Reason::PartitionsBelowMinimum.as_str(),
        message,
    ))
}

fn ring(state: &EngineView, view: &View) -> Option<Awaited> {
    let ring = match &view.ring {
        Told::Known(ring) => ring,
        Told::Unknown(why) => {
            let message = format!("nobody knows which nodes are up: {why}");
            return Some(unknown(Engine::Cassandra, Reason::RingUnknown.as_str(), message));
        }
    };
    let (_, down) = state
        .members()
        .find(|(_, member)| !ring.up.contains(&member.pod))?;
    let message = format!(
        "pod {} is ready, but the other nodes do not see it up; if this lasts, the nodes cannot reach each other on port 7000",
        down.pod
    );
    Some(awaited(Engine::Cassandra, Reason::NodesDown.as_str(), message))
}
