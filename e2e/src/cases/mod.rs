//! What is known of an end-to-end case beside what it does: its level, how long it took last, which run takes it, how it ended. Nothing
//! here touches a cluster.

mod results;
mod selection;
mod table;

use std::fmt;

use clap::ValueEnum;

pub use self::{
    results::{Outcome, Results},
    selection::Selection,
    table::{note_times, render_table},
};

/// How soon a defect that a case finds must be known. A level takes in those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Level {
    /// Whether the pipeline works at all. A part of `make test`.
    Smoke,
    /// What each change must pass. A part of `make test`.
    Gate,
    /// What takes too long for each change: `make test-nightly`.
    Nightly,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Smoke => "smoke",
            Self::Gate => "gate",
            Self::Nightly => "nightly",
        })
    }
}

/// A case as the list of all cases names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Module and function.
    pub name: &'static str,
    /// Its level.
    pub level: Level,
    /// How long it took last, seconds, on two cores. What comes after a new testbed includes none of its time.
    pub seconds: u64,
}
