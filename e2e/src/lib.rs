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

use std::{env, path::PathBuf};

/// Where the demo's pipeline lives.
pub const DEMO_NAMESPACE: &str = "cryptopipeline-demo";

/// The folder `e2e/` of this checkout: where these programs were compiled, unless `run.sh` says that they were compiled elsewhere.
pub fn folder() -> PathBuf {
    env::var_os("E2E_FOLDER").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}
