//! The ingest worker between the simulated exchange and librdkafka's mock cluster.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod coinbase;
mod faults;
mod gaps;
mod kafka;
mod outage;
mod producer;
mod replay;
mod restarts;
mod storm;
mod stream;
mod symbols;
mod worker;
