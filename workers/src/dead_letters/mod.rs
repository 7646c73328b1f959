//! The dead-letter topic, read and emptied by hand: lists what could not be read, and puts corrected records back into the
//! topic of trades.
//!
//! Nothing is sent that the lanes could not read. What was put back is noted in the dead-letter topic itself, after Kafka has
//! acknowledged the record, so that a run that broke off is simply repeated: a record may then be in the topic of trades
//! twice, and the lanes drop the copy by its trade id as they drop any other.

mod letter;
mod list;
mod put;
mod scan;
mod select;
#[cfg(test)]
mod tests;

use rdkafka::error::KafkaError;

use crate::kafka::bounded::BoundedReadError;

pub use self::{
    letter::Place,
    list::{Listed, list},
    put::{Outcome, Put, Source, put},
    select::Selection,
};

/// Why dead letters could not be listed or put back.
#[derive(Debug, thiserror::Error)]
pub enum DeadLettersError {
    /// The dead-letter topic cannot be read.
    #[error("cannot read the dead-letter topic: {0}")]
    Read(#[from] BoundedReadError),
    /// Kafka did not take a record. What was put back before it is noted; run it again.
    #[error("Kafka did not acknowledge a record ({0}); what was put back before is noted, run it again")]
    Send(#[from] KafkaError),
}

impl DeadLettersError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Read(error) => error.reason(),
            Self::Send(_) => "KafkaUnavailable",
        }
    }
}
