//! What the operator creates inside the engines: topics, keyspace and tables, archive folders.
//!
//! Each engine has a trait, so that the reconcile loop is tested without engines, and one real client. Every call is
//! idempotent and bounded in time; a failure is a reason to wait, never a crash. What exists is compared, widened where
//! that is safe, and otherwise reported; nothing is shrunk or dropped.

pub mod cassandra;
pub mod hdfs;
pub mod kafka;
mod memory;
mod schema;
mod topics;
mod wanted;

use futures::future::BoxFuture;

pub use self::{
    memory::{Memories, Recorded, Remembered},
    wanted::{ArchiveWanted, SchemaWanted, TopicWanted, TopicsWanted, Wanted},
};
use crate::plan::Partition;

/// Kafka's admin interface.
pub trait TopicAdmin: Send + Sync {
    /// Creates or widens the topics.
    fn ensure(&self, wanted: TopicsWanted) -> BoxFuture<'_, Result<Outcome, Unavailable>>;

    /// Every partition with its replicas, brokers named by their pods.
    fn partitions(&self, bootstrap: String) -> BoxFuture<'_, Result<Vec<Partition>, Unavailable>>;
}

/// Cassandra's schema.
pub trait SchemaAdmin: Send + Sync {
    /// Creates or widens keyspace and tables.
    fn ensure(&self, wanted: SchemaWanted) -> BoxFuture<'_, Result<Outcome, Unavailable>>;
}

/// HDFS' folders.
pub trait ArchiveAdmin: Send + Sync {
    /// Creates the folders.
    fn ensure(&self, wanted: ArchiveWanted) -> BoxFuture<'_, Result<Outcome, Unavailable>>;
}

/// What a bootstrap did and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What was created or widened; one event each.
    pub changes: Vec<Finding>,
    /// What differs from what is asked for and is left as it is.
    pub differences: Vec<Finding>,
}

/// Something that was done or found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable, `CamelCase`.
    pub reason: &'static str,
    /// Names the object, and for a difference the remedy.
    pub message: String,
}

impl Finding {
    /// A finding.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

/// An engine could not do what it was asked; the operator tries again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unavailable {
    reason: &'static str,
    message: String,
}

impl Unavailable {
    /// An engine is not available for this reason.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    /// Stable reason for conditions, events and metrics.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}
