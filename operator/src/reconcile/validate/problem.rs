//! What can be wrong with a pipeline. Each message names the field and the remedy.

use crds::{names::Role, reason::Reason};

/// Everything that is wrong with a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl Invalid {
    /// Stable reason for conditions, events and metrics: that of the first problem.
    pub fn reason(&self) -> &'static str {
        self.problems.first().map_or("Invalid", Problem::reason)
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

/// One thing that is wrong with a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says it")]
pub enum Problem {
    #[error("metadata.uid is missing; create the object through the API server")]
    NotStored,
    #[error(
        "status.identity.{0} is not known yet, although names on disk are made from it; wait for the operator to record it"
    )]
    IdentityUnknown(&'static str),
    #[error(
        "spec.hdfs.nameNodes is 1, but the JournalNodes hold edits that a single NameNode would not read; set it to 2"
    )]
    NameNodesReduced,
    #[error(
        "spec.{field} is {asked}, but the smallest volume, that of claim {claim}, has {given}, and no volume can shrink; set it \
         to {given} or more"
    )]
    VolumeCannotShrink {
        field: &'static str,
        asked: String,
        claim: String,
        given: String,
    },
    #[error(
        "spec.{field} is {asked}, but the claims {claims} hold the data of members that it leaves out; restore the number, or \
         delete these claims if nothing on them is needed any more"
    )]
    FewerMembers {
        field: &'static str,
        asked: usize,
        claims: String,
    },
    #[error(
        "of the {of} volumes of {role} {left} are left, and at least {needed} are needed; restore the claims that are \
         missing, {remedy}"
    )]
    QuorumLost {
        role: Role,
        left: usize,
        of: usize,
        needed: usize,
        remedy: &'static str,
    },
    #[error(
        "spec.{component}.placement `{placement}` is no key of spec.placements; add the placement or correct the name"
    )]
    UnknownPlacement {
        component: &'static str,
        placement: String,
    },
    #[error(
        "spec.placements.{placement}.nodeExpressions: `{key}` with operator `{operator}` needs {needs}; correct the expression"
    )]
    InvalidNodeExpression {
        placement: String,
        key: String,
        operator: String,
        needs: &'static str,
    },
    #[error(
        "spec.{component} would have {count} racks, and at most {max} are supported; name the zones to use in spec.placements.*.zones"
    )]
    TooManyRacks {
        component: &'static str,
        count: usize,
        max: usize,
    },
    #[error(
        "spec.placements.*.zones of {component} says [{asked}], but its members were spread over [{fixed}] at the first start, and stored data cannot follow; restore the old list"
    )]
    ZonesFixed {
        component: &'static str,
        asked: String,
        fixed: String,
    },
    #[error("spec.kafka.config.{key} is set by the operator: {why}; remove the key")]
    ConfigKeyOwned { key: String, why: &'static str },
    #[error(
        "spec.kafka.config.{key} may not contain a line break, which would start another property; write it on one line"
    )]
    ConfigValueMultiline { key: String },
    #[error(
        "spec.kafka.topics.trades.minInSyncReplicas is {min_in_sync}, but the topic has {replicas} replicas, so that one lost broker would stop every write; lower it or raise replicationFactor"
    )]
    MinInSyncReplicasTooHigh { min_in_sync: i32, replicas: i32 },
    #[error(
        "spec.kafka.topics.trades.retention {retention} is not more than twice processor.archive.rollInterval {roll_interval}, so that records could expire before they are archived; raise retention"
    )]
    RetentionTooShort {
        retention: String,
        roll_interval: String,
    },
    #[error(
        "spec.ingest.startFrom.ids.{0} must be a trade id of 0 or more, of one of spec.ingest.symbols; correct or remove it"
    )]
    StartIdUnusable(String),
    #[error("spec.ingest.startFrom.time `{0}` is no time; write it as in 2026-01-31T00:00:00Z")]
    StartTimeUnreadable(String),
    #[error(
        "spec.cassandra.tradeRetention must be between 1s and 7300d, the longest time to live that Cassandra stores"
    )]
    TradeRetentionOutOfRange,
    #[error("spec.{field} is not a size: {reason}; write for example 512Mi or 10Gi")]
    NotASize { field: String, reason: String },
    #[error(
        "spec.{field} is {heap_mib}Mi, which is more than {percent}% of the memory limit of {limit_mib}Mi; lower the heap or raise the limit, because Java needs memory beside its heap"
    )]
    HeapExceedsMemory {
        field: String,
        heap_mib: u64,
        limit_mib: u64,
        percent: u64,
    },
    #[error(
        "spec.{field} leaves a Java heap of {heap_mib}Mi, and at least {min_mib}Mi are needed; raise the memory limit"
    )]
    HeapTooSmall {
        field: String,
        heap_mib: u64,
        min_mib: u64,
    },
    #[error("spec.{field}: the memory request exceeds the limit; lower the request or raise the limit")]
    RequestExceedsLimit { field: String },
    #[error(
        "spec.processor.archive.rollSize must be between 1Mi and 1Gi; a file is kept in memory until it is closed"
    )]
    RollSizeOutOfRange,
    #[error("spec.ingest.buffer.{field} must be between {least} and {most}")]
    BufferOutOfRange {
        field: &'static str,
        least: &'static str,
        most: &'static str,
    },
    #[error(
        "spec.processor.archive.rollInterval must be at least 1s; shorter files would flood the NameNode"
    )]
    RollIntervalTooShort,
    #[error(
        "spec.processor.autoscaling.maxBehind must be at least 10 s, because the ends of partitions are looked at every 5 s; \
         raise it"
    )]
    MaxBehindTooShort,
    #[error(
        "spec.processor.autoscaling.scaleDownAfter must be at least one minute, because partitions change hands each time; \
         raise it"
    )]
    ScaleDownTooSoon,
    #[error(
        "spec.processor.hot.candles: `{0}` is longer than a day, which is the longest interval; remove it"
    )]
    CandleTooLong(String),
    #[error("spec.ingest.shards is {shards}, but there are only {symbols} symbols; lower it")]
    TooManyShards { shards: i32, symbols: usize },
    #[error("spec.ingest.symbols contains `{0}` twice; remove one")]
    DuplicateSymbol(String),
}

impl Problem {
    /// Stable reason for conditions, events and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NotStored => "NotStored",
            Self::IdentityUnknown(_) => "IdentityUnknown",
            Self::NameNodesReduced => "NameNodesReduced",
            Self::VolumeCannotShrink { .. } => Reason::VolumeCannotShrink.as_str(),
            Self::FewerMembers { .. } => Reason::FewerMembers.as_str(),
            Self::QuorumLost { .. } => Reason::QuorumLost.as_str(),
            Self::UnknownPlacement { .. } => "UnknownPlacement",
            Self::InvalidNodeExpression { .. } => "InvalidNodeExpression",
            Self::TooManyRacks { .. } => "TooManyRacks",
            Self::ZonesFixed { .. } => "ZonesFixed",
            Self::ConfigKeyOwned { .. } => "ConfigKeyOwned",
            Self::ConfigValueMultiline { .. } => "ConfigValueMultiline",
            Self::MinInSyncReplicasTooHigh { .. } => "MinInSyncReplicasTooHigh",
            Self::RetentionTooShort { .. } => "RetentionTooShort",
            Self::StartIdUnusable(_) => "StartIdUnusable",
            Self::StartTimeUnreadable(_) => "StartTimeUnreadable",
            Self::TradeRetentionOutOfRange => "TradeRetentionOutOfRange",
            Self::NotASize { .. } => "NotASize",
            Self::HeapExceedsMemory { .. } => "HeapExceedsMemory",
            Self::HeapTooSmall { .. } => "HeapTooSmall",
            Self::RequestExceedsLimit { .. } => "RequestExceedsLimit",
            Self::RollSizeOutOfRange => "RollSizeOutOfRange",
            Self::BufferOutOfRange { .. } => "BufferOutOfRange",
            Self::RollIntervalTooShort => "RollIntervalTooShort",
            Self::MaxBehindTooShort => "MaxBehindTooShort",
            Self::ScaleDownTooSoon => "ScaleDownTooSoon",
            Self::CandleTooLong(_) => "CandleTooLong",
            Self::TooManyShards { .. } => "TooManyShards",
            Self::DuplicateSymbol(_) => "DuplicateSymbol",
        }
    }
}
