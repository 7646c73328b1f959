//! Kafka, on both ends.

pub mod arrivals;
pub mod bounded;
pub mod consumer;
pub mod fetch;
pub mod headers;
pub mod partition;
pub mod producer;
pub mod rebalance;
mod record;
pub mod table;

pub use self::record::Record;
