//! How far a replay is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crds::wire::ReplayStatus;

/// Damaged files named at most.
const NAMED_FILES: usize = 20;

/// Shared by the thread that reads, the feed and the status. Cloning gives another handle to the same.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<ReplayStatus>>);

impl Progress {
    /// What is told, while so many trades that were read are not acknowledged yet.
    pub fn status(&self, in_flight: u64) -> ReplayStatus {
        let status = self.lock().clone();
        ReplayStatus {
            finished: status.finished && in_flight == 0,
            ..status
        }
    }

    /// So many files are read from now on, from the first.
    pub fn begins(&self, files: u64) {
        *self.lock() = ReplayStatus {
            files,
            ..ReplayStatus::default()
        };
    }

    /// There is nothing to read, for this reason.
    pub fn waits(&self, reason: String) {
        self.lock().waiting = Some(reason);
    }

    /// A file was read to its end.
    pub fn file_done(&self) {
        self.lock().files_done += 1;
    }

    /// The rest of a file cannot be read.
    pub fn file_damaged(&self, name: String) {
        let mut status = self.lock();
        status.files_done += 1;
        if status.damaged_files.len() < NAMED_FILES {
            status.damaged_files.push(name);
        }
    }

    /// A trade was read.
    pub fn trade(&self) {
        self.lock().trades += 1;
    }

    /// Everything was read and passed on.
    pub fn ended(&self) {
        let mut status = self.lock();
        status.finished = true;
        tracing::info!(
            files = status.files,
            trades = status.trades,
            "every file was played"
        );
    }

    fn lock(&self) -> MutexGuard<'_, ReplayStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
