//! Where trades wait that Kafka does not take: a queue in order, whose middle is on the disk.
//!
//! Records are collected to a batch in memory; a full batch is written to the disk; batches are read from there, the oldest
//! first. While nothing is on the disk, what was collected is taken from memory.
//!
//! The files are an extension of this process's memory and no more: what an earlier process left is discarded, because the
//! ledger finds what Kafka lacks and it is fetched by REST (docs/decisions/0018).

mod batch;
mod disk;
mod item;
mod layout;
mod state;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf};

use bytes::Bytes;

pub use self::state::State;
use self::{batch::Batch, disk::Disk};
use crate::feed::Received;

/// A batch is written when it has so many bytes.
const BATCH_BYTES: usize = 256 * 1024;
/// A segment file has about so many bytes, or an eighth of the spool where that is less.
const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;

/// Why what waits on the disk cannot be had. What cannot be written stays in memory and is no such error.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The folder cannot be used.
    #[error("cannot use the folder {folder} of the spool: {source}; check the volume")]
    Folder {
        /// Its path.
        folder: String,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read the spool: {0}; after a restart its trades are fetched from the exchange")]
    Read(io::Error),
    /// Other bytes than were written.
    #[error("the spool is damaged on the disk; after a restart its trades are fetched from the exchange")]
    Damaged,
}

impl SpoolError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "SpoolFolderUnusable",
            Self::Read(_) => "SpoolUnreadable",
            Self::Damaged => "SpoolDamaged",
        }
    }
}

/// How much may wait, in bytes on the disk.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nothing more is taken.
    pub full: u64,
    /// Kept free for what a feed has read when it is closed.
    pub reserve: u64,
}

impl Limits {
    /// Of a disk of `full` bytes before which `queued` bytes may be under way.
    pub fn new(full: u64, queued: u64) -> Self {
        Self {
            full,
            reserve: queued.min(full / 2),
        }
    }

    /// Whether feeds are to be closed. Once they are, they stay so until the spool is half empty.
    fn hold(self, held: bool, bytes: u64) -> bool {
        let most = self.full - self.reserve;
        bytes > if held { most / 2 } else { most }
    }
}

/// The queue.
#[derive(Debug)]
pub struct Spool {
    limits: Limits,
    /// Read from the disk, or never there; older than everything on it.
    front: Bytes,
    disk: Disk,
    /// Newer than everything on the disk.
    back: Batch,
    records: u64,
    oldest_us: i64,
    /// The last attempt to write failed.
    failed: bool,
    held: bool,
    state: State,
}

impl Spool {
    /// An empty one in this folder.
    pub async fn open(folder: PathBuf, limits: Limits, state: State) -> Result<Self, SpoolError> {
        let segment_bytes = SEGMENT_BYTES.min(limits.full / 8);
        Ok(Self {
            limits,
            front: Bytes::new(),
            disk: Disk::open(folder, segment_bytes).await?,
            back: Batch::default(),
            records: 0,
            oldest_us: 0,
            failed: false,
            held: false,
            state,
        })
    }

    /// Adds a record at the end and writes to the disk what is due. Never fails: what cannot be written waits in memory,
    /// and there is no room meanwhile.
    pub async fn push(&mut self, received: &Received) {
        if self.records == 0 {
            self.oldest_us = received.wall_us;
        }
        self.back.push(received);
        self.records += 1;
        self.write().await;
    }

    /// Writes what is due: after a failure, once more.
    pub async fn write(&mut self) {
        if self.back.len() >= BATCH_BYTES {
            let records = self.back.take();
            let written = self.disk.append(&records).await;
            if let Err(error) = &written {
                self.back.restore(records);
                self.state.write_error();
                tracing::warn!(%error, "the spool cannot be written to; the feed is closed until it can");
            }
            self.failed = written.is_err();
        }
        self.look();
    }

    /// The oldest record; `None` when there is none.
    pub async fn pop(&mut self) -> Result<Option<Received>, SpoolError> {
        if self.records == 0 {
            return Ok(None);
        }
        if self.front.is_empty() {
            self.front = if let Some(records) = self.disk.take().await? {
                records
            } else {
                self.failed = false;
                self.back.take()
            };
        }
        let received = batch::next(&mut self.front).ok_or(SpoolError::Damaged)?;
        self.records -= 1;
        self.oldest_us = if self.records == 0 { 0 } else { received.wall_us };
        self.look();
        Ok(Some(received))
    }

    /// Records that wait.
    pub const fn len(&self) -> u64 {
        self.records
    }

    /// Whether no record waits.
    pub const fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Whether a record may be pushed.
    pub fn has_room(&self) -> bool {
        self.is_empty() || (!self.failed && self.bytes() < self.limits.full)
    }

    /// Whether the last attempt to write failed.
    pub const fn has_failed(&self) -> bool {
        self.failed
    }

    /// What is told of it.
    pub fn state(&self) -> State {
        self.state.clone()
    }

    /// Whether feeds are to be closed.
    pub const fn holds(&self) -> bool {
        self.held
    }

    fn bytes(&self) -> u64 {
        self.disk.bytes() + self.back.len() as u64
    }

    fn look(&mut self) {
        let bytes = self.bytes();
        self.held = self.failed || self.limits.hold(self.held, bytes);
        self.state.waiting(self.records, bytes, self.oldest_us);
        self.state.hold(self.held);
    }
}
