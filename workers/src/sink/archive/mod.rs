//! The archive: Parquet files on HDFS that hold every trade exactly once, for every reader and without a manifest.
//!
//! How. The records of one Kafka partition are cut into batches; a batch is a run of offsets `[first, next)` and begins
//! where the one before ends. Its new trades (by id; copies are dropped) become one file per hour of trade time, all
//! named after `first`. A file is written under `_tmp/`, closed and renamed without overwriting, the batch's anchor hour
//! first: that rename decides which offsets the batch has. Every file's footer tells the whole batch and all ids seen
//! up to its end, so the newest file of a partition is the checkpoint from which anyone goes on.
//!
//! Why it holds. A batch's rows are a function of its offsets, of the topic and of the ids seen before, and the ids seen
//! before are in the footer of the batch before. So two writers at the same offset have the same anchor, only one of
//! them wins it, and the files that a dead winner did not get to can be made by anyone. A batch without a new trade is
//! never closed; it would leave no trace of where it ends.
//!
//! Read in this order: [`layout`], [`batch`], [`footer`], [`publish`], [`recover`]; [`retry`] for what a failover of HDFS
//! does to all of them: nothing; [`compact`] for how the files of a day that is over become few.

pub mod batch;
pub mod clean;
pub mod columns;
pub mod compact;
pub mod encode;
pub mod footer;
pub mod hdfs;
pub mod layout;
#[cfg(test)]
pub(crate) mod memory;
pub mod publish;
pub mod recover;
pub mod retry;
pub mod schema;
pub mod store;
