//! ZooKeeper's `zoo.cfg`.

use std::fmt::Write as _;

use crds::names::{Role, ZOOKEEPER_ELECTION_PORT, ZOOKEEPER_PEER_PORT, ZOOKEEPER_PORT};

use crate::{build::rack, reconcile::validate::ValidatedPipeline};

/// Milliseconds. Sessions may not be shorter than two ticks, and failover waits for a session to end.
const TICK_TIME: u32 = 1000;

/// The file of every member. Which of them it is, a member reads from its disk.
pub fn render(pipeline: &ValidatedPipeline) -> String {
    let mut text = format!(
        "tickTime={TICK_TIME}\n\
         # In ticks: how long a member may take to catch up with the leader, and how far it may fall behind.\n\
         initLimit=20\n\
         syncLimit=5\n\
         dataDir=/data/zk\n\
         clientPort={ZOOKEEPER_PORT}\n\
         # Its own host name may not resolve yet.\n\
         quorumListenOnAllIPs=true\n\
         # The only question that probes and scripts ask.\n\
         4lw.commands.whitelist=srvr\n\
         admin.enableServer=false\n\
         autopurge.snapRetainCount=3\n\
         autopurge.purgeInterval=24\n"
    );
    for (index, member) in rack::members(pipeline, Role::ZooKeeper).iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "server.{}={}:{ZOOKEEPER_PEER_PORT}:{ZOOKEEPER_ELECTION_PORT}",
            index + 1,
            member.host
        );
    }
    text
}
