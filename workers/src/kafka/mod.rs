//! Kafka, on both ends.

pub mod headers;
pub mod producer;
