//! The archive on HDFS, through hdfs-native: one attempt at each operation, at one NameNode, in bounded time.
//! [`Retrying`](super::retry::Retrying) makes the attempts.

mod error;
mod name_nodes;
mod swap;

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use crds::wire::HdfsEndpoint;
use hdfs_native::{Client, HdfsError, WriteOptions, client::FileStatus};

use self::{
    error::{classify, is_elsewhere, timeout},
    name_nodes::{Link, NameNodes},
};
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
    name_nodes: NameNodes,
}

impl HdfsStore {
    /// Connects with the first call, not here.
    pub fn new(endpoint: HdfsEndpoint) -> Self {
        Self {
            name_nodes: NameNodes::new(endpoint),
        }
    }

    fn absolute(&self, path: &str) -> String {
        let folder = self.name_nodes.archive_path().trim_end_matches('/');
        if path.is_empty() {
            folder.to_owned()
        } else {
            format!("{folder}/{path}")
        }
    }

    async fn create(&self, path: &str, options: WriteOptions, bytes: Bytes) -> Result<(), StoreError> {
        let path = self.absolute(path);
        let link = self.name_nodes.link().await?;
        let create = link.client.create(&path, options);
        let mut writer = self.bounded(&link, CALL_LIMIT, create).await?;
        let transfer = async {
            writer.write_bytes(bytes).await?;
            writer.close().await
        };
        self.bounded(&link, TRANSFER_LIMIT, transfer).await
    }

    async fn call<T, F>(&self, limit: Duration, operation: impl FnOnce(Client) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, HdfsError>>,
    {
        let link = self.name_nodes.link().await?;
        self.bounded(&link, limit, operation(link.client.clone())).await
    }

    /// Awaits an operation within its limit, and no longer than its NameNode is there. A NameNode that is gone or not the
    /// active one is given up.
    async fn bounded<T>(
        &self,
        link: &Arc<Link>,
        limit: Duration,
        operation: impl Future<Output = Result<T, HdfsError>>,
    ) -> Result<T, StoreError> {
        let result = tokio::select! {
            answer = tokio::time::timeout(limit, operation) => match answer {
                Ok(result) => result.map_err(classify),
                Err(_) => Err(timeout(limit.as_secs())),
            },
            error = link.lost() => Err(error),
        };
        if result.as_ref().is_err_and(is_elsewhere) {
            self.name_nodes.give_up(link);
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
        self.create(path, WriteOptions::default(), bytes).await
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
        self.call(TRANSFER_LIMIT, |client| async move {
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
