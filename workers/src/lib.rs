//! The data plane of a CryptoPipeline: ingest (exchange to Kafka), processor (Kafka to Cassandra and HDFS) and
//! auditor (counts what is where).
//!
//! Read it in the order of the data: [`feed`], [`decode`], [`kafka`]; [`ingest`] ties the first half together. Then
//! [`sink`]; [`processor`] ties the second half together, [`audit`] counts what came of it, and
//! [`dead_letters`] puts back what could not be read.
//! [`model`] is what all of them speak of, and does no I/O.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod audit;
pub mod backoff;
pub mod clock;
pub mod config;
pub mod dead_letters;
pub mod decode;
pub mod feed;
pub mod health;
pub mod ingest;
pub mod kafka;
pub mod metrics;
pub mod model;
mod panics;
pub mod process;
pub mod processor;
pub mod recording;
pub mod reload;
pub mod shutdown;
pub mod sink;
pub mod telemetry;
