//! Archive folders, through hdfs-native at the NameNode that is active.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use hdfs_native::{Client, ClientBuilder, HdfsError};

use super::{ArchiveAdmin, ArchiveWanted, Finding, Outcome, Unavailable};
use crate::{build::hdfs::SUPERUSER, name_node::NameNodeSource};

/// The longest that one call may take.
const TIMEOUT: Duration = Duration::from_secs(8);
/// Readable by all, written by the owner.
const MODE: u32 = 0o755;

/// The real client. It keeps no connection to HDFS between calls.
pub struct HdfsAdmin {
    name_nodes: Arc<dyn NameNodeSource>,
}

impl HdfsAdmin {
    /// A client that asks NameNodes for their state through `name_nodes`.
    pub fn new(name_nodes: Arc<dyn NameNodeSource>) -> Self {
        Self { name_nodes }
    }
}

impl ArchiveAdmin for HdfsAdmin {
    fn ensure(&self, wanted: ArchiveWanted) -> BoxFuture<'_, Result<Outcome, Unavailable>> {
        async move {
            let result = async {
                let active = self.active(&wanted).await?;
                folders(&wanted, &active).await
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
    #[error("no NameNode says that it is active; the operator tries again")]
    NoneActive,
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
            Self::NoneActive | Self::Timeout => "HdfsUnavailable",
            Self::Hdfs { .. } => "ArchiveRefused",
        }
    }
}

/// A NameNode that serves.
struct Active {
    id: String,
    address: String,
}

impl HdfsAdmin {
    /// The NameNode that is active and out of safe mode.
    async fn active(&self, wanted: &ArchiveWanted) -> Result<Active, Error> {
        for (id, address) in &wanted.hdfs.name_nodes {
            let host = address.split_once(':').map_or(address.as_str(), |(host, _)| host);
            let state = self.name_nodes.state(host.to_owned()).await;
            match state.filter(|state| state.active) {
                Some(state) if state.safe_mode => return Err(Error::SafeMode(host.to_owned())),
                Some(_) => {
                    return Ok(Active {
                        id: id.clone(),
                        address: address.clone(),
                    });
                }
                None => {}
            }
        }
        Err(Error::NoneActive)
    }
}

/// The archive and the folder that files are written in before they get their final name.
async fn folders(wanted: &ArchiveWanted, active: &Active) -> Result<Outcome, Error> {
    let client = connect(wanted, active)?;
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

/// A client that knows the active NameNode only: told of both, it would wait long for one whose pod is gone.
fn connect(wanted: &ArchiveWanted, active: &Active) -> Result<Client, Error> {
    let service = &wanted.hdfs.name_service;
    let Active { id, address } = active;
    let settings = [
        (format!("dfs.ha.namenodes.{service}"), id.clone()),
        (
            format!("dfs.namenode.rpc-address.{service}.{id}"),
            address.clone(),
        ),
        // The reconcile loop tries again; the client need not.
        ("dfs.client.failover.max.attempts".to_owned(), "1".to_owned()),
    ];
    ClientBuilder::new()
        .with_url(format!("hdfs://{service}"))
        .with_config(settings)
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
    use std::collections::BTreeMap;

    use crds::wire::HdfsEndpoint;

    use super::*;
    use crate::name_node::{BlockReport, NameNodeState};

    /// NameNodes by host.
    struct Told(BTreeMap<&'static str, NameNodeState>);

    impl NameNodeSource for Told {
        fn state(&self, host: String) -> BoxFuture<'_, Option<NameNodeState>> {
            let state = self.0.get(host.as_str()).copied();
            async move { state }.boxed()
        }

        fn blocks(&self, _: String) -> BoxFuture<'_, Result<BlockReport, String>> {
            async { Err("not asked here".to_owned()) }.boxed()
        }
    }

    async fn active(told: &[(&'static str, bool, bool)]) -> Result<String, &'static str> {
        let state = |(host, active, safe_mode): &(&'static str, bool, bool)| {
            let (active, safe_mode) = (*active, *safe_mode);
            (*host, NameNodeState { active, safe_mode })
        };
        let admin = HdfsAdmin::new(Arc::new(Told(told.iter().map(state).collect())));
        let wanted = ArchiveWanted {
            hdfs: HdfsEndpoint {
                name_service: "market".to_owned(),
                name_nodes: BTreeMap::from([
                    ("nn0".to_owned(), "a:8020".to_owned()),
                    ("nn1".to_owned(), "b:8020".to_owned()),
                ]),
                user: SUPERUSER.to_owned(),
                archive_path: "/archive".to_owned(),
            },
        };
        let found = admin.active(&wanted).await;
        found.map(|active| active.address).map_err(|error| error.reason())
    }

    #[tokio::test]
    async fn the_active_name_node_is_asked_and_only_its_safe_mode_counts() {
        let second = active(&[("a", false, true), ("b", true, false)]).await;
        assert_eq!(second.as_deref(), Ok("b:8020"));
        assert_eq!(active(&[("b", true, true)]).await, Err("SafeMode"));
        assert_eq!(active(&[("a", false, false)]).await, Err("HdfsUnavailable"));
    }
}
