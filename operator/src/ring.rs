//! What Cassandra's nodes say of each other, by CQL from each node's own gossip table. Touches the nodes' CQL port, and remembers
//! sessions and heartbeats between two reconciliations; judging what was seen is pure.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crds::names::CQL_PORT;
use futures::{FutureExt, future::BoxFuture};
use scylla::{
    client::{execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder},
    policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy},
    statement::Statement,
};
use tracing::debug;

/// The longest that all questions of one look may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Nodes that are asked, at most: two that agree are proof enough, and one may be down.
const OBSERVERS: usize = 3;
/// A heartbeat is compared with one of so long ago at least; it grows each second.
const BEAT: Duration = Duration::from_secs(10);
/// A session that nobody has used for so long is closed.
const IDLE: Duration = Duration::from_mins(5);
/// `schema` is a word of CQL, so its column is quoted.
const GOSSIP: &str = r#"SELECT address, status_with_port, heartbeat, "schema" FROM system_views.gossip_info"#;

/// A node as another one knows it by gossip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its state: `NORMAL` for a full member. Absent while it starts.
    pub status: Option<String>,
    /// A number that grows each second while the node lives.
    pub heartbeat: i32,
    /// The version of its schema.
    pub schema: Option<String>,
    /// Its heartbeat has not grown since a look at least ten seconds ago.
    pub silent: bool,
}

/// What each node that answered says of all nodes, by address.
pub type Gossip = BTreeMap<String, BTreeMap<String, Peer>>;

/// Asks nodes for their gossip.
pub trait RingSource: Send + Sync {
    /// What some of these nodes say; an error where none answers. `ring` names whose sessions and heartbeats are remembered.
    fn gossip(&self, ring: String, nodes: Vec<String>) -> BoxFuture<'_, Result<Gossip, String>>;
}

/// Asks by CQL.
#[derive(Default)]
pub struct CqlRings(Mutex<HashMap<String, Remembered>>);

struct Remembered {
    session: Arc<Session>,
    heartbeats: Heartbeats,
    used: Instant,
}

/// Heartbeats of two looks, by observer and peer: the older one is at least [`BEAT`] old once there are two.
#[derive(Clone, Default)]
struct Heartbeats {
    old: HashMap<(String, String), i32>,
    new: HashMap<(String, String), i32>,
    new_at: Option<Instant>,
}

impl RingSource for CqlRings {
    fn gossip(&self, ring: String, nodes: Vec<String>) -> BoxFuture<'_, Result<Gossip, String>> {
        async move {
            let nodes: Vec<IpAddr> = nodes.iter().filter_map(|node| node.parse().ok()).collect();
            let look = tokio::time::timeout(TIMEOUT, self.look(&ring, &nodes)).await;
            let gossip = look.map_err(|_| format!("no node answered within {} s", TIMEOUT.as_secs()))?;
            if gossip.is_err() {
                // Made anew with the addresses of then.
                self.lock().remove(&ring);
            }
            gossip
        }
        .boxed()
    }
}

impl CqlRings {
    async fn look(&self, ring: &str, nodes: &[IpAddr]) -> Result<Gossip, String> {
        let session = self.session(ring, nodes).await?;
        let asked = nodes.iter().take(OBSERVERS).map(|node| observe(&session, *node));
        let mut gossip: Gossip = futures::future::join_all(asked)
            .await
            .into_iter()
            .flatten()
            .collect();
        if gossip.is_empty() {
            return Err("no node tells what it knows by gossip".to_owned());
        }
        let mut rings = self.lock();
        if let Some(remembered) = rings.get_mut(ring) {
            remembered.heartbeats.compare(&mut gossip, Instant::now());
        }
        Ok(gossip)
    }

    async fn session(&self, ring: &str, nodes: &[IpAddr]) -> Result<Arc<Session>, String> {
        let known = {
            let mut rings = self.lock();
            rings.retain(|_, remembered| remembered.used.elapsed() < IDLE);
            rings.get_mut(ring).map(|remembered| {
                remembered.used = Instant::now();
                remembered.session.clone()
            })
        };
        if let Some(session) = known {
            return Ok(session);
        }
        let session = connect(nodes).await?;
        let remembered = Remembered {
            session: session.clone(),
            heartbeats: Heartbeats::default(),
            used: Instant::now(),
        };
        self.lock().insert(ring.to_owned(), remembered);
        Ok(session)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect(nodes: &[IpAddr]) -> Result<Arc<Session>, String> {
    let addresses: Vec<_> = nodes
        .iter()
        .map(|node| SocketAddr::new(*node, CQL_PORT))
        .collect();
    let session = SessionBuilder::new()
        .known_nodes_addr(addresses)
        .connection_timeout(TIMEOUT / 2)
        .fetch_schema_metadata(false)
        .build()
        .await
        .map_err(|error| format!("Cassandra cannot be reached: {error}"))?;
    Ok(Arc::new(session))
}

/// What one node says; nothing where it does not answer.
async fn observe(session: &Session, node: IpAddr) -> Option<(String, BTreeMap<String, Peer>)> {
    type Row = (IpAddr, Option<String>, i32, Option<String>);
    let target = NodeIdentifier::NodeAddress(SocketAddr::new(node, CQL_PORT));
    let profile = ExecutionProfile::builder()
        .load_balancing_policy(SingleTargetLoadBalancingPolicy::new(target, None))
        .request_timeout(Some(TIMEOUT / 2))
        .build();
    let mut statement = Statement::new(GOSSIP);
    statement.set_execution_profile_handle(Some(profile.into_handle()));
    let told = async {
        let result = session
            .query_unpaged(statement, ())
            .await
            .map_err(|e| e.to_string())?;
        let result = result.into_rows_result().map_err(|e| e.to_string())?;
        let rows = result.rows::<Row>().map_err(|e| e.to_string())?;
        rows.map(|row| row.map_err(|e| e.to_string()))
            .collect::<Result<Vec<_>, String>>()
    };
    let rows = told
        .await
        .inspect_err(|error| debug!(%node, error, "Cassandra node does not tell its gossip"))
        .ok()?;
    let peers = rows.into_iter().map(|(address, status, heartbeat, schema)| {
        // "NORMAL,-123" and "shutdown,true": the state, then a token or a flag.
        let status = status.and_then(|text| text.split(',').next().map(str::to_owned));
        let peer = Peer {
            status,
            heartbeat,
            schema,
            silent: false,
        };
        (address.to_string(), peer)
    });
    Some((node.to_string(), peers.collect()))
}

impl Heartbeats {
    /// Marks the silent peers, and remembers these heartbeats for later looks. A peer that nobody has seen before is taken to live.
    fn compare(&mut self, gossip: &mut Gossip, now: Instant) {
        let ripe = self.new_at.is_some_and(|at| now.duration_since(at) >= BEAT);
        if ripe {
            self.old = std::mem::take(&mut self.new);
        }
        if ripe || self.new_at.is_none() {
            self.new_at = Some(now);
        }
        for (observer, peers) in gossip {
            for (address, peer) in peers {
                let pair = (observer.clone(), address.clone());
                peer.silent = self.old.get(&pair).is_some_and(|old| peer.heartbeat <= *old);
                self.new.entry(pair).or_insert(peer.heartbeat);
            }
        }
    }
}

/// Addresses of nodes that every observer sees as living full members.
pub fn find_up(gossip: &Gossip) -> Vec<String> {
    let is_up = |peer: &Peer| peer.status.as_deref() == Some("NORMAL") && !peer.silent;
    let mut all: Vec<String> = gossip.values().flat_map(BTreeMap::keys).cloned().collect();
    all.sort_unstable();
    all.dedup();
    all.retain(|address| gossip.values().all(|peers| peers.get(address).is_some_and(is_up)));
    all
}

/// What goes on in the ring that must not be disturbed, in words: a node joins or leaves, or schemas differ.
pub fn find_unsettled(gossip: &Gossip) -> Option<String> {
    const MOVING: [&str; 5] = ["BOOT", "BOOT_REPLACE", "LEAVING", "MOVING", "hibernate"];
    let peers = || gossip.values().flatten();
    let moving = peers().find(|(_, peer)| {
        !peer.silent
            && peer
                .status
                .as_deref()
                .is_some_and(|status| MOVING.contains(&status))
    });
    if let Some((address, peer)) = moving {
        return Some(format!(
            "node {address} is in state {}",
            peer.status.as_deref().unwrap_or_default()
        ));
    }
    let living = peers().filter(|(_, peer)| peer.status.as_deref() == Some("NORMAL") && !peer.silent);
    let mut schemas: Vec<_> = living.filter_map(|(_, peer)| peer.schema.as_ref()).collect();
    schemas.sort_unstable();
    schemas.dedup();
    (schemas.len() > 1).then(|| "the nodes do not agree on the schema yet".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> String {
        format!("10.0.0.{last}")
    }

    fn peer(status: &str, heartbeat: i32) -> Peer {
        Peer {
            status: Some(status.to_owned()),
            heartbeat,
            schema: Some("a".to_owned()),
            silent: false,
        }
    }

    /// Two observers that see three nodes.
    fn gossip(heartbeat: i32) -> Gossip {
        let seen = || {
            (1..=3)
                .map(|last| (address(last), peer("NORMAL", heartbeat)))
                .collect()
        };
        BTreeMap::from([(address(1), seen()), (address(2), seen())])
    }

    #[test]
    fn a_node_is_up_when_every_observer_sees_it_as_a_full_member() {
        let mut seen = gossip(5);
        assert_eq!(find_up(&seen), [address(1), address(2), address(3)]);
        seen.get_mut(&address(2))
            .unwrap()
            .get_mut(&address(3))
            .unwrap()
            .status = Some("shutdown".to_owned());
        assert_eq!(find_up(&seen), [address(1), address(2)]);
        seen.get_mut(&address(1)).unwrap().remove(&address(2));
        assert_eq!(find_up(&seen), [address(1)]);
    }

    #[test]
    fn a_heartbeat_that_stands_still_for_ten_seconds_is_a_node_that_is_down() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut heartbeats = Heartbeats::default();
        let mut look = |seconds, third| {
            let mut seen = gossip(i32::try_from(seconds).unwrap());
            for peers in seen.values_mut() {
                peers.get_mut(&address(3)).unwrap().heartbeat = third;
            }
            heartbeats.compare(&mut seen, at(seconds));
            find_up(&seen).len()
        };
        assert_eq!(look(1, 100), 3, "nothing to compare with");
        assert_eq!(look(3, 100), 3, "too soon to tell");
        assert_eq!(look(12, 100), 2, "not grown in eleven seconds");
        assert_eq!(look(13, 101), 3, "it lives");
    }

    #[test]
    fn a_node_that_joins_and_schemas_that_differ_are_told() {
        let mut seen = gossip(5);
        assert_eq!(find_unsettled(&seen), None);
        seen.get_mut(&address(1))
            .unwrap()
            .insert(address(4), peer("BOOT", 1));
        let told = find_unsettled(&seen).unwrap();
        assert!(told.contains("10.0.0.4") && told.contains("BOOT"), "{told}");
        seen = gossip(5);
        seen.get_mut(&address(1))
            .unwrap()
            .get_mut(&address(2))
            .unwrap()
            .schema = Some("b".to_owned());
        assert!(find_unsettled(&seen).unwrap().contains("schema"));
    }
}
