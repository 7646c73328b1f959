//! What NameNodes say of themselves, on the JMX page of their web server.

use std::time::Duration;

use crds::names::NAME_NODE_HTTP_PORT;
use futures::{FutureExt, future::BoxFuture};
use serde::Deserialize;
use tracing::debug;

use crate::http::url_host;

/// The longest that a NameNode may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The two beans that tell a state have nothing else in common.
const BEANS: &str = "Hadoop:service=NameNode,name=*Stat*";

/// How a NameNode stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameNodeState {
    /// Clients are served by this one. A single NameNode always says so.
    pub active: bool,
    /// It waits until enough blocks are reported; nothing can be written.
    pub safe_mode: bool,
}

/// Asks NameNodes.
pub trait NameNodeSource: Send + Sync {
    /// The state of the NameNode at this host or address; `None` when it does not tell.
    fn state(&self, host: String) -> BoxFuture<'_, Option<NameNodeState>>;
}

/// Asks over HTTP.
#[derive(Clone, Debug)]
pub struct HttpNameNodes(pub reqwest::Client);

impl NameNodeSource for HttpNameNodes {
    fn state(&self, host: String) -> BoxFuture<'_, Option<NameNodeState>> {
        async move {
            let url = format!("http://{}:{NAME_NODE_HTTP_PORT}/jmx?qry={BEANS}", url_host(&host));
            let answer = async {
                let response = self.0.get(&url).timeout(TIMEOUT).send().await?;
                response.error_for_status()?.json::<Jmx>().await
            };
            answer
                .await
                .inspect_err(|error| debug!(url, %error, "NameNode does not answer"))
                .ok()?
                .state()
        }
        .boxed()
    }
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
    fn a_name_node_that_starts_tells_nothing_yet() {
        assert_eq!(state(r#"{"beans": []}"#), None);
        assert_eq!(state(r#"{"beans": [{"State": "initializing"}]}"#), None);
    }
}
