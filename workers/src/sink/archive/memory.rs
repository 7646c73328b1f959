//! An archive in memory for tests. Every operation gives way to other writers before and after its effect, so that a
//! test can stop a writer between any two steps, and answers can be lost.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::SystemTime,
};

use bytes::Bytes;

use super::{
    compact::store::SwapStore,
    store::{ArchiveStore, StoreError, StoredFile, Tail},
};

/// What goes wrong with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It does not happen, and fails.
    Refused,
    /// It happens, and fails: the answer was lost.
    AnswerLost,
}

/// Files by path.
#[derive(Debug, Default)]
pub struct MemoryStore {
    files: Mutex<BTreeMap<String, Bytes>>,
    /// Faults of the next writes, renames and deletions, the last one first.
    faults: Mutex<Vec<Fault>>,
}

impl MemoryStore {
    /// An empty archive whose next changes fail like this, the last one first.
    pub fn with_faults(faults: Vec<Fault>) -> Self {
        Self {
            faults: Mutex::new(faults),
            ..Self::default()
        }
    }

    /// Nothing fails from now on.
    pub fn heal(&self) {
        self.fail(Vec::new());
    }

    /// The next changes fail like this, the last one first.
    pub fn fail(&self, faults: Vec<Fault>) {
        *self.faults.lock().unwrap() = faults;
    }

    /// Finished files, as a reader of the folders sees them.
    pub fn finished(&self) -> Vec<(String, Bytes)> {
        let files = self.files();
        files
            .iter()
            .filter(|(path, _)| !path.starts_with('_'))
            .map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect()
    }

    /// All files, unfinished ones too.
    pub fn files(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.files.lock().unwrap()
    }

    async fn change(
        &self,
        effect: impl FnOnce(&mut BTreeMap<String, Bytes>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        let fault = self.faults.lock().unwrap().pop().unwrap_or(Fault::None);
        let refused = || StoreError::Unavailable {
            reason: "HdfsUnavailable",
            message: format!("{fault:?}"),
        };
        if fault == Fault::Refused {
            return Err(refused());
        }
        let result = effect(&mut self.files());
        tokio::task::yield_now().await;
        if fault == Fault::AnswerLost {
            Err(refused())
        } else {
            result
        }
    }
}

impl ArchiveStore for MemoryStore {
    async fn list(&self, folder: &str) -> Result<Vec<StoredFile>, StoreError> {
        tokio::task::yield_now().await;
        let files = self
            .files()
            .iter()
            .filter(|(path, _)| path.starts_with(folder))
            .map(|(path, bytes)| StoredFile {
                path: path.clone(),
                length: bytes.len() as u64,
                modified: SystemTime::UNIX_EPOCH,
            })
            .collect();
        tokio::task::yield_now().await;
        Ok(files)
    }

    async fn write(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.change(|files| {
            if files.contains_key(path) {
                return Err(StoreError::AlreadyExists(path.to_owned()));
            }
            files.insert(path.to_owned(), bytes);
            Ok(())
        })
        .await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.change(|files| {
            if !files.contains_key(from) {
                return Err(StoreError::NotFound(from.to_owned()));
            }
            if files.contains_key(to) {
                return Err(StoreError::AlreadyExists(to.to_owned()));
            }
            let bytes = files.remove(from).unwrap();
            files.insert(to.to_owned(), bytes);
            Ok(())
        })
        .await
    }

    async fn read_tail(&self, path: &str, length: u64) -> Result<Tail, StoreError> {
        tokio::task::yield_now().await;
        let bytes = self
            .files()
            .get(path)
            .cloned()
            .ok_or_else(|| StoreError::NotFound(path.to_owned()))?;
        let start = bytes.len().saturating_sub(usize::try_from(length).unwrap());
        Ok(Tail {
            bytes: bytes.slice(start..),
            file_length: bytes.len() as u64,
        })
    }

    async fn delete(&self, path: &str) -> Result<(), StoreError> {
        self.change(|files| {
            let within = format!("{path}/");
            files.retain(|there, _| there != path && !there.starts_with(&within));
            Ok(())
        })
        .await
    }
}

impl SwapStore for MemoryStore {
    async fn write_within(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.change(|files| {
            // A folder is there while something is in it.
            let folder = &path[..=path.rfind('/').unwrap()];
            if !files.keys().any(|there| there.starts_with(folder)) {
                return Err(StoreError::NotFound(path.to_owned()));
            }
            match files.insert(path.to_owned(), bytes) {
                None => Ok(()),
                Some(_) => Err(StoreError::AlreadyExists(path.to_owned())),
            }
        })
        .await
    }

    /// Refuses what HDFS refuses.
    async fn concat(&self, target: &str, sources: &[String]) -> Result<(), StoreError> {
        self.change(|files| {
            let folder = |path: &str| path.rsplit_once('/').unwrap().0.to_owned();
            let mut different: Vec<&str> = sources.iter().map(String::as_str).collect();
            different.push(target);
            different.sort_unstable();
            different.dedup();
            if let Some(absent) = different.iter().find(|path| !files.contains_key(**path)) {
                return Err(StoreError::NotFound((*absent).to_owned()));
            }
            let elsewhere = |path: &String| folder(path) != folder(target);
            let empty = |path: &String| files[path].is_empty();
            if sources.is_empty()
                || different.len() != sources.len() + 1
                || sources.iter().any(|path| elsewhere(path) || empty(path))
            {
                return Err(StoreError::Refused {
                    reason: "HdfsRequestFailed",
                    message: "HadoopIllegalArgumentException".to_owned(),
                });
            }
            let mut joined = files[target].to_vec();
            for source in sources {
                joined.extend(files.remove(source).unwrap());
            }
            files.insert(target.to_owned(), joined.into());
            Ok(())
        })
        .await
    }

    async fn replace(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.change(|files| {
            let bytes = files
                .remove(from)
                .ok_or_else(|| StoreError::NotFound(from.to_owned()))?;
            files.insert(to.to_owned(), bytes);
            Ok(())
        })
        .await
    }
}
