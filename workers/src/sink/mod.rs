//! Where trades end: the archive on HDFS, the tables in Cassandra, and the dead-letter topic.

pub mod archive;
pub mod dead_letter;
pub mod hot;
