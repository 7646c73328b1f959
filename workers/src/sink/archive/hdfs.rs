//! The archive on HDFS, through hdfs-native.
//!
//! hdfs-native resolves a NameNode's name at every connection, but sets no time limit on the connection or on a call:
//! when a NameNode's machine vanishes, a call would wait for the kernel's keepalive. So each call has a limit here, and
//! after a connection failure the next call begins with a new client.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use crds::wire::HdfsEndpoint;
use hdfs_native::{Client, ClientBuilder, HdfsError, WriteOptions, client::FileStatus};

use super::store::{ArchiveStore, StoreError, StoredFile, Tail};

/// A question to the NameNode. Hadoop's own clients wait 60 s (`ipc.client.rpc-timeout.ms`); a busy NameNode answers
/// within a second.
const CALL_LIMIT: Duration = Duration::from_secs(15);
/// A file's bytes through the pipeline of DataNodes, which may have to be rebuilt once.
const TRANSFER_LIMIT: Duration = Duration::from_mins(2);
/// Listing all folders: many questions.
const LIST_LIMIT: Duration = Duration::from_mins(2);
const FOLDER_MODE: u32 = 0o755;

/// An archive's folder on HDFS.
#[derive(Debug)]
pub struct HdfsStore {
    endpoint: HdfsEndpoint,
    client: Mutex<Option<Arc<Client>>>,
}

impl HdfsStore {
    /// Connects with the first call, not here.
    pub fn new(endpoint: HdfsEndpoint) -> Self {
        Self {
            endpoint,
            client: Mutex::new(None),
        }
    }

    /// Reads a whole file.
    pub async fn read(&self, path: &str) -> Result<Bytes, StoreError> {
        let path = self.absolute(path);
        self.call(TRANSFER_LIMIT, |client| async move {
            let mut reader = client.read(&path).await?;
            let length = reader.file_length();
            reader.read_bytes(length).await
        })
        .await
    }

    fn absolute(&self, path: &str) -> String {
        let folder = self.endpoint.archive_path.trim_end_matches('/');
        if path.is_empty() {
            folder.to_owned()
        } else {
            format!("{folder}/{path}")
        }
    }

    fn client(&self) -> Result<Arc<Client>, HdfsError> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = client.as_ref() {
            return Ok(client.clone());
        }
        let new = Arc::new(connect(&self.endpoint)?);
        *client = Some(new.clone());
        Ok(new)
    }

    /// Runs one operation within its limit. The client is given up when the connection is in doubt.
    async fn call<T, F>(
        &self,
        limit: Duration,
        operation: impl FnOnce(Arc<Client>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, HdfsError>>,
    {
        let client = self.client().map_err(classify)?;
        let result = match tokio::time::timeout(limit, operation(client)).await {
            Ok(result) => result.map_err(classify),
            Err(_) => Err(StoreError::Unavailable {
                reason: "HdfsTimeout",
                message: format!(
                    "no answer within {} s; check the NameNode and the network",
                    limit.as_secs()
                ),
            }),
        };
        if matches!(
            &result,
            Err(StoreError::Unavailable {
                reason: "HdfsTimeout" | "HdfsUnavailable",
                ..
            })
        ) {
            *self.client.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        result
    }
}

impl ArchiveStore for HdfsStore {
    async fn list(&self, folder: &str) -> Result<Vec<StoredFile>, StoreError> {
        let root = self.absolute("");
        let folder = self.absolute(folder);
        let statuses = self.call(LIST_LIMIT, |client| async move {
            // Only the folder itself may be absent; one that vanishes meanwhile makes the list worthless.
            match client.get_file_info(&folder).await {
                Err(HdfsError::FileNotFound(_)) => Ok(Vec::new()),
                Err(error) => Err(error),
                Ok(_) => client.list_status(&folder, true).await,
            }
        });
        let statuses = statuses.await?;
        Ok(statuses
            .into_iter()
            .filter_map(|status| stored(&root, status))
            .collect())
    }

    async fn write(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        let path = self.absolute(path);
        self.call(TRANSFER_LIMIT, |client| async move {
            let mut writer = client.create(&path, WriteOptions::default()).await?;
            writer.write_bytes(bytes).await?;
            writer.close().await
        })
        .await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let (from, to) = (self.absolute(from), self.absolute(to));
        self.call(CALL_LIMIT, |client| async move {
            if let Some((folder, _)) = to.rsplit_once('/') {
                client.mkdirs(folder, FOLDER_MODE, true).await?;
            }
            client.rename(&from, &to, false).await
        })
        .await
    }

    async fn read_tail(&self, path: &str, length: u64) -> Result<Tail, StoreError> {
        let path = self.absolute(path);
        self.call(CALL_LIMIT, |client| async move {
            let reader = client.read(&path).await?;
            let file_length = reader.file_length();
            let length = file_length.min(usize::try_from(length).unwrap_or(usize::MAX));
            let bytes = reader.read_range(file_length - length, length).await?;
            Ok(Tail {
                bytes,
                file_length: file_length as u64,
            })
        })
        .await
    }

    async fn delete(&self, path: &str) -> Result<(), StoreError> {
        let path = self.absolute(path);
        self.call(
            CALL_LIMIT,
            |client| async move { client.delete(&path, true).await },
        )
        .await
        .map(|_there_was_one| ())
    }
}

/// A client for the name service. Retries are ours, so that the lane can tell what it waits for: hdfs-native tries each
/// NameNode twice within a call and then gives up.
fn connect(endpoint: &HdfsEndpoint) -> Result<Client, HdfsError> {
    let service = &endpoint.name_service;
    let ids: Vec<&str> = endpoint.name_nodes.keys().map(String::as_str).collect();
    let attempts = 2 * ids.len() - usize::from(!ids.is_empty());
    let mut config = vec![
        (format!("dfs.ha.namenodes.{service}"), ids.join(",")),
        (
            "dfs.client.failover.max.attempts".to_owned(),
            attempts.to_string(),
        ),
        (
            "dfs.client.failover.sleep.base.millis".to_owned(),
            "100".to_owned(),
        ),
        (
            "dfs.client.failover.sleep.max.millis".to_owned(),
            "1000".to_owned(),
        ),
        ("dfs.client.socket-timeout".to_owned(), "20000".to_owned()),
    ];
    for (id, address) in &endpoint.name_nodes {
        config.push((
            format!("dfs.namenode.rpc-address.{service}.{id}"),
            address.clone(),
        ));
    }
    ClientBuilder::new()
        .with_url(format!("hdfs://{service}"))
        .with_config(config)
        .with_user(endpoint.user.clone())
        .build()
}

fn stored(root: &str, status: FileStatus) -> Option<StoredFile> {
    if status.isdir {
        return None;
    }
    let path = status.path.strip_prefix(root)?.trim_start_matches('/').to_owned();
    Some(StoredFile {
        path,
        length: status.length as u64,
        modified: SystemTime::UNIX_EPOCH + Duration::from_millis(status.modification_time),
    })
}

/// hdfs-native passes most of the NameNode's exceptions on as class and message.
fn classify(error: HdfsError) -> StoreError {
    let reason = match &error {
        HdfsError::FileNotFound(path) => return StoreError::NotFound(first_line(path)),
        HdfsError::AlreadyExists(path) => return StoreError::AlreadyExists(first_line(path)),
        HdfsError::RPCError(class, message) | HdfsError::FatalRPCError(class, message) => {
            match class.rsplit('.').next().unwrap_or_default() {
                "FileNotFoundException" => return StoreError::NotFound(first_line(message)),
                "FileAlreadyExistsException" => return StoreError::AlreadyExists(first_line(message)),
                "SafeModeException" => "HdfsSafeMode",
                "StandbyException" => "HdfsStandby",
                "AccessControlException" | "AuthorizationException" => "HdfsPermissionDenied",
                "DSQuotaExceededException" | "NSQuotaExceededException" | "QuotaExceededException" => {
                    "HdfsQuotaExceeded"
                }
                // Seen while NameNode or DataNodes start: the retriable wrapper hides the safe mode.
                "RetriableException" if message.contains("safe mode") => "HdfsSafeMode",
                _ if message.contains("could only be written to") => "HdfsNoDataNode",
                _ => "HdfsRequestFailed",
            }
        }
        HdfsError::IOError(_) | HdfsError::OperationFailed(_) => "HdfsUnavailable",
        HdfsError::DataTransferError(_) | HdfsError::BlocksNotFound(_) | HdfsError::ChecksumError => {
            "HdfsDataNodeFailed"
        }
        _ => "HdfsRequestFailed",
    };
    StoreError::Unavailable {
        reason,
        message: first_line(&error.to_string()),
    }
}

/// The NameNode's messages go on with its stack trace.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn rpc(class: &str, message: &str) -> HdfsError {
        HdfsError::RPCError(class.to_owned(), message.to_owned())
    }

    #[rstest]
    #[case(rpc("java.io.FileNotFoundException", "x"), "ArchiveFileMissing")]
    #[case(HdfsError::AlreadyExists("x".to_owned()), "ArchiveFileExists")]
    #[case(
        rpc("org.apache.hadoop.hdfs.server.namenode.SafeModeException", "x"),
        "HdfsSafeMode"
    )]
    #[case(rpc("org.apache.hadoop.ipc.StandbyException", "x"), "HdfsStandby")]
    #[case(
        rpc("org.apache.hadoop.security.AccessControlException", "x"),
        "HdfsPermissionDenied"
    )]
    #[case(
        rpc(
            "java.io.IOException",
            "File /a could only be written to 0 of the 1 minReplication nodes."
        ),
        "HdfsNoDataNode"
    )]
    #[case(HdfsError::IOError(std::io::ErrorKind::ConnectionRefused.into()), "HdfsUnavailable")]
    fn errors_tell_what_the_lane_waits_for(#[case] error: HdfsError, #[case] reason: &str) {
        assert_eq!(classify(error).reason(), reason);
    }

    #[tokio::test]
    async fn a_name_node_that_is_not_there_is_unavailable_soon() {
        // A port that was free a moment ago, so that the connection is refused.
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let store = HdfsStore::new(HdfsEndpoint {
            name_service: "market".to_owned(),
            name_nodes: [("nn0".to_owned(), address.to_string())].into(),
            user: "hdfs".to_owned(),
            archive_path: "/crypto_data/trades".to_owned(),
        });
        let error = tokio::time::timeout(Duration::from_secs(5), store.list(""))
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(error.reason(), "HdfsUnavailable");
    }
}
