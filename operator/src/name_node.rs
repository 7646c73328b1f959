//! What NameNodes say of themselves, on the JMX page of their web server.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use crds::names::NAME_NODE_HTTP_PORT;
use futures::{FutureExt, future::BoxFuture};
use serde::{Deserialize, de::DeserializeOwned};
use tracing::debug;

use crate::http::url_host;

/// The longest that a NameNode may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The two beans that tell a state have nothing else in common.
const BEANS: &str = "*Stat*";
const DOMAIN: &str = "Hadoop:service=NameNode,name=";

/// How a NameNode stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameNodeState {
    /// Clients are served by this one. A single NameNode always says so.
    pub active: bool,
    /// It waits until enough blocks are reported; nothing can be written.
    pub safe_mode: bool,
}

/// What the active NameNode counts, and which DataNodes have reported to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockReport {
    /// Blocks that no live DataNode has.
    pub missing: u64,
    /// Blocks with too few live copies, of which no copy is under way yet.
    pub low: u64,
    /// Blocks of which a copy is under way.
    pub pending: u64,
    /// Addresses of live DataNodes that have reported their blocks.
    pub reported: Vec<String>,
    /// DataNodes that the NameNode takes for live, those that have just gone included: it forgets one after ten and a half minutes,
    /// and until then counts the copies that went with it.
    pub live: u64,
}

/// Asks NameNodes.
pub trait NameNodeSource: Send + Sync {
    /// The state of the NameNode at this host or address; `None` when it does not tell.
    fn state(&self, host: String) -> BoxFuture<'_, Option<NameNodeState>>;

    /// What the NameNode at this host or address knows of blocks, or why it does not tell. Only the active one's word counts.
    fn blocks(&self, host: String) -> BoxFuture<'_, Result<BlockReport, String>>;
}

/// Where the NameNode at this host or address tells the beans of that name, as JSON.
pub fn jmx_url(host: &str, name: &str) -> String {
    format!(
        "http://{}:{NAME_NODE_HTTP_PORT}/jmx?qry={DOMAIN}{name}",
        url_host(host)
    )
}

/// Asks over HTTP.
#[derive(Clone, Debug)]
pub struct HttpNameNodes(pub reqwest::Client);

impl HttpNameNodes {
    /// The beans of that name.
    async fn beans<T: DeserializeOwned>(&self, host: &str, name: &str) -> reqwest::Result<T> {
        let url = jmx_url(host, name);
        let response = self.0.get(&url).timeout(TIMEOUT).send().await?;
        response.error_for_status()?.json().await
    }
}

impl NameNodeSource for HttpNameNodes {
    fn state(&self, host: String) -> BoxFuture<'_, Option<NameNodeState>> {
        async move {
            self.beans::<Jmx>(&host, BEANS)
                .await
                .inspect_err(|error| debug!(host, %error, "NameNode does not answer"))
                .ok()?
                .state()
        }
        .boxed()
    }

    fn blocks(&self, host: String) -> BoxFuture<'_, Result<BlockReport, String>> {
        async move {
            let counts = self.beans::<BlockBeans>(&host, "FSNamesystem");
            let nodes = self.beans::<BlockBeans>(&host, "NameNodeInfo");
            let (counts, nodes) = futures::try_join!(counts, nodes).map_err(|error| error.to_string())?;
            block_report(&counts, &nodes)
                .ok_or_else(|| "the NameNode has not counted its blocks yet".to_owned())
        }
        .boxed()
    }
}

/// `FSNamesystem` has the counts, `NameNodeInfo` the DataNodes, as JSON in a string.
#[derive(Deserialize)]
struct BlockBeans {
    beans: Vec<BlockBean>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BlockBean {
    missing_blocks: Option<u64>,
    low_redundancy_blocks: Option<u64>,
    pending_reconstruction_blocks: Option<u64>,
    #[serde(rename = "NumLiveDataNodes")]
    live: Option<u64>,
    live_nodes: Option<String>,
}

/// A DataNode in `LiveNodes`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LiveNode {
    xferaddr: SocketAddr,
    /// Minutes since its last full report; since 1970 where there was none.
    last_block_report: i64,
}

/// Nobody has been running for so long.
const NEVER_REPORTED_MINUTES: i64 = 20_000_000;

fn block_report(counts: &BlockBeans, nodes: &BlockBeans) -> Option<BlockReport> {
    let count = |read: fn(&BlockBean) -> Option<u64>| counts.beans.iter().find_map(read);
    let live = nodes.beans.iter().find_map(|bean| bean.live_nodes.as_deref())?;
    let live: BTreeMap<String, LiveNode> = serde_json::from_str(live).ok()?;
    let reported = live
        .into_values()
        .filter(|node| node.last_block_report < NEVER_REPORTED_MINUTES);
    Some(BlockReport {
        missing: count(|bean| bean.missing_blocks)?,
        low: count(|bean| bean.low_redundancy_blocks)?,
        pending: count(|bean| bean.pending_reconstruction_blocks)?,
        reported: reported.map(|node| node.xferaddr.ip().to_string()).collect(),
        live: count(|bean| bean.live)?,
    })
}

#[derive(Deserialize)]
struct Jmx {
    beans: Vec<Bean>,
}

/// `NameNodeStatus` has the one field, `FSNamesystemState` the other.
#[derive(Deserialize)]
struct Bean {
    #[serde(rename = "State")]
    role: Option<String>,
    #[serde(rename = "FSState")]
    file_system: Option<String>,
}

impl Jmx {
    /// `None` while the NameNode starts and has not published both.
    fn state(&self) -> Option<NameNodeState> {
        let role = self.beans.iter().find_map(|bean| bean.role.as_deref())?;
        let file_system = self.beans.iter().find_map(|bean| bean.file_system.as_deref())?;
        Some(NameNodeState {
            active: role == "active",
            safe_mode: file_system != "Operational",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> Option<NameNodeState> {
        serde_json::from_str::<Jmx>(text).unwrap().state()
    }

    #[test]
    fn the_state_is_read_from_two_beans() {
        let text = r#"{"beans": [{"name": "x", "FSState": "safeMode", "NumLiveDataNodes": 0}, {"State": "active"}]}"#;
        let expected = NameNodeState {
            active: true,
            safe_mode: true,
        };
        assert_eq!(state(text), Some(expected));
        let text = r#"{"beans": [{"State": "standby"}, {"FSState": "Operational"}]}"#;
        let expected = NameNodeState {
            active: false,
            safe_mode: false,
        };
        assert_eq!(state(text), Some(expected));
    }

    #[test]
    fn blocks_are_counted_and_a_data_node_counts_once_it_has_reported() {
        let beans = |text: &str| serde_json::from_str::<BlockBeans>(text).unwrap();
        let counts = beans(
            r#"{"beans": [{"name": "Hadoop:service=NameNode,name=FSNamesystem", "MissingBlocks": 1, "LowRedundancyBlocks": 2,
                "PendingReconstructionBlocks": 3, "UnderReplicatedBlocks": 2, "NumLiveDataNodes": 4}]}"#,
        );
        let nodes = beans(
            r#"{"beans": [{"LiveNodes": "{\"a:9866\": {\"xferaddr\": \"10.0.0.1:9866\", \"lastBlockReport\": 3}, \"b:9866\": {\"xferaddr\": \"10.0.0.2:9866\", \"lastBlockReport\": 29934773}}"}]}"#,
        );
        let expected = BlockReport {
            missing: 1,
            low: 2,
            pending: 3,
            reported: vec!["10.0.0.1".to_owned()],
            live: 4,
        };
        assert_eq!(block_report(&counts, &nodes), Some(expected));
        assert_eq!(block_report(&beans(r#"{"beans": []}"#), &nodes), None);
    }

    #[test]
    fn a_name_node_that_starts_tells_nothing_yet() {
        assert_eq!(state(r#"{"beans": []}"#), None);
        assert_eq!(state(r#"{"beans": [{"State": "initializing"}]}"#), None);
    }
}
