//! The CryptoPipeline operator: turns one `CryptoPipeline` object into a running Kafka, Cassandra, HDFS and the workers
//! between them, and tells the truth about all of it in the object's status.

pub mod build;
pub mod reconcile;
