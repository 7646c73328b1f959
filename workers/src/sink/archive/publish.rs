//! A closed batch into the archive: each file is written under `_tmp/`, closed, and renamed to its name.
//!
//! The first rename is of the anchor, the hour of the batch's first new trade. All writers that start at the same
//! offset have the same anchor, so that exactly one of them names the batch: the NameNode is the compare-and-swap. Once
//! the anchor is there the batch is decided, and whoever finds it incomplete adds the other hours.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    batch::{ClosedBatch, ClosedFile},
    footer::{Footer, FooterError},
    store::{ArchiveStore, StoreError},
};

/// Footers are a few KiB; a file that is smaller is read whole.
pub const TAIL_BYTES: u64 = 64 * 1024;

/// What a writer knows of the archive's end holds for so long; after that it looks again before it publishes. Files that
/// compaction may take away are older ([`SETTLED`](super::compact::plan::SETTLED)).
pub const KNOWN_FOR: Duration = Duration::from_mins(90);

/// Makes the names of unfinished files unique, also after a restart under the same name: begins at the clock.
static ATTEMPTS: LazyLock<AtomicU64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    AtomicU64::new(u64::try_from(now.as_micros()).unwrap_or(0))
});

/// Why a batch is not in the archive.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The file system.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of ours that tells nothing.
    #[error("{path}: {source}")]
    Footer {
        /// Relative to the archive's folder.
        path: String,
        /// What is wrong.
        source: FooterError,
    },
    /// A file that no writer can have put there.
    #[error("{path} belongs to no batch that can be there; move the file away and keep it for inspection")]
    Inconsistent {
        /// Relative to the archive's folder.
        path: String,
    },
}

impl PublishError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Store(error) => error.reason(),
            Self::Footer { .. } => "ArchiveFileUnreadable",
            Self::Inconsistent { .. } => "ArchiveInconsistent",
        }
    }
}

/// How a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// All its files are in the archive.
    Complete,
    /// Another writer named the batch first, with another end, or may have: what is known of the archive is too old.
    /// Start again from what is in the archive.
    Lost,
}

/// A batch on its way into the archive. [`Publication::advance`] may be repeated after an error, also when the error was
/// only a lost answer.
#[derive(Debug)]
pub struct Publication {
    batch: ClosedBatch,
    /// Files, from the first on, that are known to be there.
    placed: usize,
    /// Whether the batch's end is decided by an anchor that is there.
    decided: bool,
    /// When the archive was last known to lack what this batch adds.
    known: SystemTime,
}

impl Publication {
    /// A new batch, which has to win its name. `known` is a time at which the archive ended where the batch begins.
    pub fn new(batch: ClosedBatch, known: SystemTime) -> Self {
        Self {
            batch,
            placed: 0,
            decided: false,
            known,
        }
    }

    /// A batch whose anchor is there already; `batch` holds the files that were missing at the time `known`.
    pub fn completing(batch: ClosedBatch, known: SystemTime) -> Self {
        Self {
            batch,
            placed: 0,
            decided: true,
            known,
        }
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> usize {
        self.batch.files.iter().map(|file| file.bytes.len()).sum()
    }

    /// The batch.
    pub fn batch(&self) -> &ClosedBatch {
        &self.batch
    }

    /// Puts all remaining files in place, and tells of each as soon as it is there.
    pub async fn advance(
        &mut self,
        store: &impl ArchiveStore,
        mut in_place: impl FnMut(&ClosedFile),
    ) -> Result<Published, PublishError> {
        while let Some(file) = self.batch.files.get(self.placed) {
            let name = self.batch.id.path(file.hour);
            let attempt = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
            let temporary = self
                .batch
                .id
                .temporary_path(file.hour, &self.batch.footer.writer, attempt);
            store.write(&temporary, file.bytes.clone()).await?;
            // After the write, whose file is cleaned away from a writer that sleeps between here and the rename.
            if !is_fresh(self.known) {
                return Ok(Published::Lost);
            }
            match store.rename(&temporary, &name).await {
                Ok(()) => {}
                // Another writer has the name, or this one had it already and the answer was lost: the footer tells.
                Err(StoreError::AlreadyExists(_) | StoreError::NotFound(_)) => {
                    let there = read_footer(store, &name).await?;
                    // Best effort: the cleaner takes what stays.
                    if let Err(error) = store.delete(&temporary).await {
                        tracing::debug!(%error, temporary, "unfinished file stays for now");
                    }
                    if !there.same_batch(&self.batch.footer) {
                        if self.decided {
                            return Err(PublishError::Inconsistent { path: name });
                        }
                        return Ok(Published::Lost);
                    }
                }
                Err(error) => return Err(error.into()),
            }
            in_place(file);
            self.placed += 1;
            self.decided = true;
        }
        Ok(Published::Complete)
    }
}

/// Whether what was known at that time may still be acted on. Compaction takes the names of older files away, and a name
/// that is gone no longer stops a late writer.
pub fn is_fresh(known: SystemTime) -> bool {
    // A clock that went back says nothing.
    known.elapsed().is_ok_and(|age| age <= KNOWN_FOR)
}

/// The footer of a file of the archive.
pub async fn read_footer(store: &impl ArchiveStore, path: &str) -> Result<Footer, PublishError> {
    let mut length = TAIL_BYTES;
    loop {
        let tail = store.read_tail(path, length).await?;
        match Footer::from_tail(&tail.bytes, tail.file_length) {
            Err(FooterError::NeedMore(bytes)) if bytes as u64 > length => length = bytes as u64,
            Ok(footer) => return Ok(footer),
            Err(source) => {
                return Err(PublishError::Footer {
                    path: path.to_owned(),
                    source,
                });
            }
        }
    }
}
