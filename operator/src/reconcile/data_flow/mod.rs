//! From the workers' answers to `status.dataFlow` and the condition `DataFlowing`. Pure.

mod judge;
mod lost;
mod merge;
pub mod replay;
mod restarted;
#[cfg(test)]
mod tests;

use crds::wire::{IngestStatus, LaneStatus, ProcessorStatus};

pub use judge::{Verdict, judge, waiting};
pub use merge::{behind, merge, whole};

/// The answers of all workers; `None` where one did not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Of ingest workers.
    pub ingest: Vec<Option<IngestStatus>>,
    /// Of processors.
    pub processors: Vec<Option<ProcessorStatus>>,
}

impl Answers {
    /// Workers run, and none of them answers.
    fn are_all_silent(&self) -> bool {
        let runs = !self.ingest.is_empty() || !self.processors.is_empty();
        runs && self.ingest.iter().all(Option::is_none) && self.processors.iter().all(Option::is_none)
    }
}

/// What the answers are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Partitions of the topic of trades.
    pub partitions: i32,
    /// Whether the archive lane is asked for.
    pub archive: bool,
    /// Whether the hot lane is asked for.
    pub hot: bool,
    /// Seconds since the workers were last asked.
    pub seconds: i64,
}

/// Picks a lane of a processor.
pub type Pick = fn(&ProcessorStatus) -> Option<&LaneStatus>;
const LANES: [(&str, Pick); 2] = [
    ("archive", |status| status.archive.as_ref()),
    ("hot", |status| status.hot.as_ref()),
];
