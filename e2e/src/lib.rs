//! What the demo and the end-to-end tests share: a client of the test cluster, the pipeline under test, the simulated
//! exchange beside it, and the proof that every trade arrived exactly once. Needs a running cluster; see `run.sh`.

pub mod archive_watch;
pub mod audit;
pub mod candles;
pub mod cases;
pub mod chaos;
pub mod cluster;
pub mod diagnostics;
pub mod gaps;
pub mod hdfs;
pub mod job;
pub mod link;
pub mod operator;
pub mod parts;
pub mod pipeline;
pub mod progress;
pub mod proof;
pub mod random;
pub mod readers;
pub mod readiness;
pub mod recording;
pub mod sim;
pub mod spread;
pub mod stream;
pub mod testbed;
pub mod usage;
pub mod workers;

/// Where the demo's pipeline lives.
pub const DEMO_NAMESPACE: &str = "cryptopipeline-demo";
