//! What the archive asks of a file system: whole-file writes, and a rename that never overwrites.

use std::{future::Future, time::SystemTime};

use bytes::Bytes;

/// Why a file operation failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The file, or the file to rename, is not there.
    #[error("file not found: {0}")]
    NotFound(String),
    /// There is a file of the new name.
    #[error("file already exists: {0}")]
    AlreadyExists(String),
    /// The file system cannot serve now, which passes by itself. The operation may have happened nevertheless.
    #[error("{reason}: {message}")]
    Unavailable {
        /// Stable name of the kind of failure.
        reason: &'static str,
        /// What the file system said.
        message: String,
    },
    /// The file system serves and has refused this: it will again, until a person changes something.
    #[error("{reason}: {message}")]
    Refused {
        /// Stable name of the kind of refusal.
        reason: &'static str,
        /// What the file system said.
        message: String,
    },
}

impl StoreError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "ArchiveFileMissing",
            Self::AlreadyExists(_) => "ArchiveFileExists",
            Self::Unavailable { reason, .. } | Self::Refused { reason, .. } => reason,
        }
    }
}

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Relative to the archive's folder.
    pub path: String,
    /// Bytes.
    pub length: u64,
    /// Last change.
    pub modified: SystemTime,
}

/// The end of a file.
#[derive(Clone, Debug)]
pub struct Tail {
    /// The last bytes.
    pub bytes: Bytes,
    /// Length of the whole file.
    pub file_length: u64,
}

/// A file system. All paths are relative to the archive's folder.
pub trait ArchiveStore: Send + Sync + 'static {
    /// All files below a folder; none when there is no such folder. The empty folder is the archive's own.
    fn list(&self, folder: &str) -> impl Future<Output = Result<Vec<StoredFile>, StoreError>> + Send;

    /// Writes and closes a file that is not there yet, under a name that is used only once.
    fn write(&self, path: &str, bytes: Bytes) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Renames a file, atomically, and makes the folder of the new name. Changes nothing and fails with
    /// [`StoreError::AlreadyExists`] when there is a file of the new name, with [`StoreError::NotFound`] when there is
    /// none of the old: it was taken away, or the same request came before and its answer was lost.
    fn rename(&self, from: &str, to: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads at most the last `length` bytes of a file.
    fn read_tail(&self, path: &str, length: u64) -> impl Future<Output = Result<Tail, StoreError>> + Send;

    /// Deletes a file or a folder with all that is in it. Succeeds when there is none.
    fn delete(&self, path: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}
