//! Compaction: the files of an hour of a closed day become one, sorted by exchange, symbol and trade id, without a moment
//! in which a reader of the folders sees a row twice or not at all (`docs/decisions/0021`).
//!
//! An hour is merged in groups of at most [`plan::GROUP_BYTES`]. A group's files are read into memory, checked, merged,
//! and the result is checked against them: number of rows, ids of each symbol, a checksum over all columns. Then they are
//! swapped ([`swap`]). Memory: twice a group for originals and result, as much again while the result is read back, and
//! the pages that are being decoded; below 1 GiB, however large the day is.
//!
//! Only one compactor acts at a time: it deletes the folder without which an earlier one can write nothing and rename
//! nothing. Stopped anywhere, it leaves an archive that is complete, and the next run finishes the work.

pub mod digest;
pub mod files;
mod merge;
mod pieces;
pub mod plan;
pub mod store;
mod swap;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use parquet::{
    errors::ParquetError,
    file::metadata::{PageIndexPolicy, ParquetMetaDataReader},
};
use serde::Serialize;

use self::{
    files::{Original, Prepared},
    plan::Candidate,
    store::SwapStore,
    swap::Swap,
};
use super::{
    clean,
    layout::Hour,
    store::{StoreError, StoredFile},
};

/// Unfinished files of compaction, each run's in a folder of its own.
const FOLDER: &str = "_tmp/compactor";

/// Why files were not merged.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// The file system.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An original is damaged. Nothing of its hour is touched.
    #[error(
        "{path}: {source}; the hour stays as it is. Keep the file for inspection and put a sound one in its place"
    )]
    Unreadable {
        /// Relative to the archive's folder.
        path: String,
        /// What is wrong.
        source: ParquetError,
    },
    /// An original is not of this version's columns.
    #[error("{0} has other columns than this version writes; the hour stays as it is")]
    OtherColumns(String),
    /// The result does not hold what the originals hold. It was thrown away.
    #[error("the merged file does not hold the rows of its originals; it was thrown away")]
    Differs,
    /// Rows could not be encoded: a defect of this program.
    #[error("cannot merge: {0}")]
    Merge(#[from] ParquetError),
    /// The thread that merged ended.
    #[error("merging was given up: {0}")]
    GivenUp(#[from] tokio::task::JoinError),
    /// Another compactor began at the same time.
    #[error("{0} compacts this archive; try again when it has ended")]
    Superseded(String),
}

impl CompactError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Store(error) => error.reason(),
            Self::Unreadable { .. } => "ArchiveFileUnreadable",
            Self::OtherColumns(_) => "ArchiveColumnsDiffer",
            Self::Differs => "CompactionDiffers",
            Self::Merge(_) => "CompactionFailed",
            Self::GivenUp(_) => "CompactionGivenUp",
            Self::Superseded(_) => "CompactionSuperseded",
        }
    }
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Hours that were looked at.
    pub hours: usize,
    /// Files that were merged, or would be.
    pub merged: usize,
    /// Files that hold their rows now, or would.
    pub made: usize,
    /// Rows in them; unknown before they are read.
    pub rows: u64,
    /// Bytes of the files that were merged.
    pub bytes_before: u64,
    /// Bytes of the files that hold their rows now; unknown before they are made.
    pub bytes_after: u64,
    /// Hours that were left as they are.
    pub failed: Vec<Failure>,
}

/// An hour that could not be compacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Its folder.
    pub hour: Hour,
    /// Stable CamelCase name of the error.
    pub reason: &'static str,
    /// The error.
    pub message: String,
}

/// One run over an archive.
pub struct Compactor<S> {
    store: Arc<S>,
    run: String,
    number: usize,
    report: Report,
}

impl<S: SwapStore> Compactor<S> {
    /// `name` is one that no other living compactor has: the pod's.
    pub fn new(store: Arc<S>, name: &str, now: SystemTime) -> Self {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            store,
            // Later runs have greater names.
            run: format!("{:017}-{name}", since.as_micros()),
            number: 0,
            report: Report::default(),
        }
    }

    /// Merges what may be merged now. An hour that fails does not keep the others from it.
    pub async fn run(mut self, now: SystemTime) -> Result<Report, CompactError> {
        let deleted = clean::orphans(&*self.store, "", now).await?;
        self.take_over().await?;
        let mut files = self.store.list("").await?;
        for stray in files.extract_if(.., |file| plan::is_stray_footer(&file.path)) {
            self.store.delete(&stray.path).await?;
        }
        tracing::info!(run = self.run, deleted, "compacting");
        for (hour, candidates) in plan::candidates(&files, now) {
            self.report.hours += 1;
            if let Err(error) = self.hour(hour, candidates).await {
                let (reason, message) = (error.reason(), error.to_string());
                tracing::error!(%hour, reason, message, "the hour stays as it is");
                self.report.failed.push(Failure {
                    hour,
                    reason,
                    message,
                });
            }
        }
        self.store.delete(&format!("{FOLDER}/{}", self.run)).await?;
        Ok(self.report)
    }

    /// What a run would merge now, and nothing else.
    pub async fn dry_run(mut self, now: SystemTime) -> Result<Report, CompactError> {
        let files: Vec<StoredFile> = self.store.list("").await?;
        for (hour, candidates) in plan::candidates(&files, now) {
            self.report.hours += 1;
            let mut files = self.with_marks(candidates).await?;
            while let Some(group) = plan::next_group(&files) {
                let bytes: u64 = group.iter().map(|file| file.length).sum();
                tracing::info!(%hour, files = group.len(), bytes, "would be merged");
                files.retain(|(file, _)| !group.contains(file));
                self.report.merged += group.len();
                self.report.made += 1;
                self.report.bytes_before += bytes;
            }
        }
        Ok(self.report)
    }

    /// Makes this the only compactor. Without its folder an earlier one can write no file and has none to rename, and
    /// without its footers, which are deleted next, it can join none. Of two that begin at the same time the later
    /// stays.
    async fn take_over(&self) -> Result<(), CompactError> {
        self.store.delete(FOLDER).await?;
        let own = format!("{FOLDER}/{}/", self.run);
        self.store
            .write(&format!("{own}run"), Bytes::from(self.run.clone()))
            .await?;
        for file in self.store.list(FOLDER).await? {
            let other = file
                .path
                .strip_prefix(FOLDER)
                .map(|path| path.trim_start_matches('/'));
            match other.and_then(|path| path.split('/').next()) {
                Some(other) if *other > *self.run => return Err(CompactError::Superseded(other.to_owned())),
                Some(other) if other != self.run => self.store.delete(&format!("{FOLDER}/{other}")).await?,
                _ => {}
            }
        }
        Ok(())
    }

    async fn hour(&mut self, hour: Hour, candidates: Vec<Candidate>) -> Result<(), CompactError> {
        let mut files = self.with_marks(candidates).await?;
        while let Some(group) = plan::next_group(&files) {
            let made = self.group(hour, &group).await?;
            files.retain(|(file, _)| !group.contains(file));
            files.push((made, true));
        }
        Ok(())
    }

    /// With each file whether it is sorted.
    async fn with_marks(&self, candidates: Vec<Candidate>) -> Result<Vec<(Candidate, bool)>, CompactError> {
        let mut files = Vec::with_capacity(candidates.len());
        for file in candidates {
            let sorted = !file.compacted || self.is_sorted(&file.path).await?;
            files.push((file, sorted));
        }
        Ok(files)
    }

    async fn is_sorted(&self, path: &str) -> Result<bool, CompactError> {
        let unreadable = |source| CompactError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let mut length = super::publish::TAIL_BYTES;
        loop {
            let tail = self.store.read_tail(path, length).await?;
            let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
            match reader.try_parse_sized(&tail.bytes, tail.file_length) {
                Err(ParquetError::NeedMoreData(bytes)) if bytes as u64 > length => length = bytes as u64,
                Err(error) => return Err(unreadable(error)),
                Ok(()) => return Ok(files::is_sorted(&reader.finish().map_err(unreadable)?)),
            }
        }
    }

    async fn group(&mut self, hour: Hour, group: &[Candidate]) -> Result<Candidate, CompactError> {
        let mut originals = Vec::with_capacity(group.len());
        for file in group {
            originals.push(Original {
                path: file.path.clone(),
                bytes: self.store.read_tail(&file.path, u64::MAX).await?.bytes,
            });
        }
        let run = self.run.clone();
        let prepared: Prepared =
            tokio::task::spawn_blocking(move || files::prepare(&originals, &run)).await??;
        let swap = Swap {
            store: &*self.store,
            run: &self.run,
            number: self.number,
            hour,
        };
        self.number += 1;
        let path = match group {
            [only] if only.compacted => {
                swap.one(&only.path, &prepared).await?;
                only.path.clone()
            }
            _ => {
                let paths: Vec<String> = group.iter().map(|file| file.path.clone()).collect();
                swap.many(&paths, &prepared).await?
            }
        };
        let made = Candidate {
            path,
            length: prepared.merged.len() as u64,
            compacted: true,
        };
        let before: u64 = group.iter().map(|file| file.length).sum();
        tracing::info!(%hour, files = group.len(), rows = prepared.rows, bytes_before = before,
            bytes_after = made.length, "compacted");
        self.report.merged += group.len();
        self.report.made += 1;
        self.report.rows += prepared.rows;
        self.report.bytes_before += before;
        self.report.bytes_after += made.length;
        Ok(made)
    }
}
