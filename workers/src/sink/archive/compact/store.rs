//! What compaction asks of a file system beyond [`ArchiveStore`]. Writers do not have these: nothing they do may replace
//! or remove a file of the archive.

use std::future::Future;

use bytes::Bytes;

use super::super::store::{ArchiveStore, StoreError};

/// A file system in which files can be swapped for others, atomically.
pub trait SwapStore: ArchiveStore {
    /// Writes and closes a file that is not there yet. Unlike [`ArchiveStore::write`] it makes no folder, and fails with
    /// [`StoreError::NotFound`] where there is none: who deletes the folder keeps a writer out for good.
    fn write_within(&self, path: &str, bytes: Bytes) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Appends files to the one at `target`, in this order, and removes their names: for every reader at one moment.
    /// Fails with [`StoreError::NotFound`] and changes nothing when one of them is not there, as when the same request
    /// came before and its answer was lost. HDFS refuses sources of other folders, empty ones, the same one twice, those
    /// in a snapshot, and those with a larger preferred block size than the target's (Hadoop's `FSDirConcatOp`).
    fn concat(&self, target: &str, sources: &[String])
    -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Renames a file over another: for every reader at one moment. Fails with [`StoreError::NotFound`] when there is no
    /// file to rename.
    fn replace(&self, from: &str, to: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}
