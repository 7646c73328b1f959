//! The CryptoPipeline operator: turns one `CryptoPipeline` object into a running Kafka, Cassandra, HDFS and the workers
//! between them, and tells the truth about all of it in the object's status.

pub mod api;
pub mod bootstrap;
pub mod build;
pub mod cli;
pub mod connect;
pub mod context;
pub mod controller;
pub mod disks;
pub mod engine;
pub mod events;
pub mod http;
pub mod leader;
pub mod metrics;
pub mod milestone;
pub mod name_node;
pub mod placement;
pub mod plan;
pub mod reconcile;
pub mod ring;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod worker_status;
