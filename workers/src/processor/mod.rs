//! The processor: each partition of the topic into the archive and into Cassandra, by two lanes that know nothing of
//! each other. Each is a consumer group of its own, so that one that waits for its sink never delays the other; Kafka
//! is the buffer.
//!
//! [`lane`] runs a lane's partitions as the group assigns them; [`archive`] and [`hot`] say what happens to one. A third
//! lane, [`gaps`], copies what ingest tells of gaps from its topic to its table.

pub mod age;
#[cfg(test)]
mod age_tests;
pub mod archive;
#[cfg(test)]
mod archive_tests;
pub mod backlog;
pub mod board;
pub mod candles;
pub mod context;
pub mod gaps;
#[cfg(test)]
mod hand_over_tests;
pub mod hot;
#[cfg(test)]
mod hot_tests;
#[cfg(test)]
mod lag_tests;
pub mod lane;
#[cfg(test)]
mod lane_tests;
#[cfg(test)]
mod memory_store;
pub mod metrics;
pub mod roll;
mod seen;
#[cfg(test)]
pub(crate) mod testing;

pub use self::seen::SeenIds;
