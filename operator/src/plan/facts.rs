//! What engines tell of the state of their data, which readiness of pods does not show. Pure: who asks is elsewhere.
//!
//! A question that was not asked, or not answered, is [`Told::Unknown`]. Nothing that could cost data follows from that.

/// An answer of an engine, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told<T> {
    /// The engine said so during this reconciliation.
    Known(T),
    /// Why nobody knows, in words that follow "because".
    Unknown(String),
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self::Unknown("nobody has asked".to_owned())
    }
}

impl<T> Told<T> {
    /// The answer, or why there is none.
    pub const fn known(&self) -> Result<&T, &String> {
        match self {
            Self::Known(fact) => Ok(fact),
            Self::Unknown(why) => Err(why),
        }
    }
}

/// Replicas of a Kafka partition, by name of the broker's pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Topic and number, for messages.
    pub name: String,
    /// Pods that should hold it.
    pub replicas: Vec<String>,
    /// Pods that are in sync.
    pub in_sync: Vec<String>,
    /// In-sync replicas that a write of its topic needs: the effective `min.insync.replicas`.
    pub minimum: usize,
}

/// What the active NameNode says of the blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    /// Blocks that no live DataNode has.
    pub missing: u64,
    /// Blocks with fewer live copies than asked for, of which no copy is under way yet.
    pub low: u64,
    /// Blocks of which a copy is under way. A file that was just closed counts for a moment, too.
    pub pending: u64,
    /// Pods of DataNodes that are live and have reported their blocks.
    pub reported: Vec<String>,
    /// DataNodes that are gone and still counted, with the copies that went with them: one whose disk was lost comes back as another.
    pub gone: u64,
}

/// What Cassandra's nodes say of each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    /// Pods of nodes that every node which was asked sees up and as full members.
    pub up: Vec<String>,
    /// What goes on that must not be disturbed, in words: a node joins or leaves, or schemas differ.
    pub unsettled: Option<String>,
}
