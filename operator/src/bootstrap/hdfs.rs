//! Archive folders, through hdfs-native; the NameNode's state, through its JMX page.

use std::time::Duration;

use futures::{FutureExt, future::BoxFuture};
use hdfs_native::{Client, ClientBuilder, HdfsError};
use serde::Deserialize;

use super::{ArchiveAdmin, ArchiveWanted, Finding, Outcome, Unavailable};
use crate::build::hdfs::SUPERUSER;

/// The longest that one call may take.
const TIMEOUT: Duration = Duration::from_secs(8);
/// Readable by all, written by the owner.
const MODE: u32 = 0o755;

/// The real client. It keeps no connection to HDFS between calls.
#[derive(Clone, Debug)]
pub struct HdfsAdmin {
    web: reqwest::Client,
}

impl HdfsAdmin {
    /// A client that asks NameNodes for their state through `web`.
    pub const fn new(web: reqwest::Client) -> Self {
        Self { web }
    }
}

impl ArchiveAdmin for HdfsAdmin {
    fn ensure(&self, wanted: ArchiveWanted) -> BoxFuture<'_, Result<Outcome, Unavailable>> {
        async move {
            let result = async {
                for name_node in &wanted.name_node_web {
                    self.out_of_safe_mode(name_node).await?;
                }
                folders(&wanted).await
            };
            result
                .await
                .map_err(|error: Error| Unavailable::new(error.reason(), error.to_string()))
        }
        .boxed()
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("NameNode {0} is in safe mode until enough blocks are reported; it leaves by itself")]
    SafeMode(String),
    #[error("NameNode {0} did not tell its state: {1}; the operator tries again")]
    Web(String, #[source] reqwest::Error),
    #[error("HDFS did not {action} {path}: {source}; the operator tries again")]
    Hdfs {
        action: &'static str,
        path: String,
        source: HdfsError,
    },
    #[error("HDFS did not answer within {} s; the operator tries again", TIMEOUT.as_secs())]
    Timeout,
}

impl Error {
    const fn reason(&self) -> &'static str {
        match self {
            Self::SafeMode(_) => "SafeMode",
            Self::Web(..) | Self::Timeout => "HdfsUnavailable",
            Self::Hdfs { .. } => "ArchiveRefused",
        }
    }
}

/// The part of `FSNamesystemState` that matters here.
#[derive(Deserialize)]
struct Jmx {
    beans: Vec<Bean>,
}

#[derive(Deserialize)]
struct Bean {
    #[serde(rename = "FSState")]
    state: Option<String>,
}

impl Jmx {
    /// `Operational`, or `safeMode`.
    fn safe_mode(&self) -> bool {
        self.beans
            .iter()
            .any(|bean| bean.state.as_deref().is_some_and(|state| state != "Operational"))
    }
}

impl HdfsAdmin {
    async fn out_of_safe_mode(&self, name_node: &str) -> Result<(), Error> {
        let web = |error| Error::Web(name_node.to_owned(), error);
        let url = format!("http://{name_node}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState");
        let answer = self.web.get(url).timeout(TIMEOUT).send().await.map_err(web)?;
        let jmx: Jmx = answer
            .error_for_status()
            .map_err(web)?
            .json()
            .await
            .map_err(web)?;
        if jmx.safe_mode() {
            return Err(Error::SafeMode(name_node.to_owned()));
        }
        Ok(())
    }
}

/// The archive and the folder that files are written in before they get their final name.
async fn folders(wanted: &ArchiveWanted) -> Result<Outcome, Error> {
    let client = connect(wanted)?;
    let mut outcome = Outcome::default();
    let archive = &wanted.hdfs.archive_path;
    for path in [archive.clone(), format!("{archive}/_tmp")] {
        if folder(&client, &path, &wanted.hdfs.user).await? {
            outcome.changes.push(Finding::new(
                "ArchiveCreated",
                format!("folder hdfs://{}{path} created", wanted.hdfs.name_service),
            ));
        }
    }
    Ok(outcome)
}

/// Creates the folder where it is missing, and gives it to its owner where it is not his.
async fn folder(client: &Client, path: &str, owner: &str) -> Result<bool, Error> {
    let failed = |action| {
        let path = path.to_owned();
        move |source| Error::Hdfs { action, path, source }
    };
    let existing = match bounded(client.get_file_info(path)).await? {
        Ok(status) => Some(status),
        Err(HdfsError::FileNotFound(_)) => None,
        Err(error) => return Err(failed("look up")(error)),
    };
    if existing.is_none() {
        bounded(client.mkdirs(path, MODE, true))
            .await?
            .map_err(failed("create"))?;
    }
    if existing.as_ref().is_none_or(|status| status.owner != owner) {
        bounded(client.set_owner(path, Some(owner), None))
            .await?
            .map_err(failed("give away"))?;
    }
    Ok(existing.is_none())
}

async fn bounded<T>(call: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(TIMEOUT, call)
        .await
        .map_err(|_| Error::Timeout)
}

fn connect(wanted: &ArchiveWanted) -> Result<Client, Error> {
    let service = &wanted.hdfs.name_service;
    let ids: Vec<_> = wanted.hdfs.name_nodes.keys().cloned().collect();
    let addresses = wanted.hdfs.name_nodes.iter().map(|(id, address)| {
        (
            format!("dfs.namenode.rpc-address.{service}.{id}"),
            address.clone(),
        )
    });
    let settings = [
        (format!("dfs.ha.namenodes.{service}"), ids.join(",")),
        // The reconcile loop tries again; the client need not.
        ("dfs.client.failover.max.attempts".to_owned(), "1".to_owned()),
    ];
    ClientBuilder::new()
        .with_url(format!("hdfs://{service}"))
        .with_config(settings.into_iter().chain(addresses))
        // The superuser may create folders anywhere and give them away.
        .with_user(SUPERUSER)
        .build()
        .map_err(|source| Error::Hdfs {
            action: "accept",
            path: format!("hdfs://{service}"),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jmx(text: &str) -> Jmx {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn safe_mode_is_read_from_the_name_nodes_jmx() {
        assert!(
            jmx(r#"{"beans": [{"name": "x", "FSState": "safeMode", "NumLiveDataNodes": 0}]}"#).safe_mode()
        );
        assert!(!jmx(r#"{"beans": [{"FSState": "Operational"}]}"#).safe_mode());
        assert!(!jmx(r#"{"beans": []}"#).safe_mode());
    }
}
