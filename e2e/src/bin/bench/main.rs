//! What one processor costs per trade with the real Kafka, Cassandra and HDFS, and how old a trade is when it can be read
//! there. Prints a table of each. `bench.sh` is what a person runs.
//!
//! Engines, exchange and processor share one machine: CPU seconds of the process compare from run to run, trades per second
//! do not, and ages only where nothing else runs.

mod backlog;
mod steady;

use std::time::Duration;

use anyhow::Result;
use e2e::{DEMO_NAMESPACE, cluster::Cluster, testbed::Testbed};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(10);

#[tokio::main]
async fn main() -> Result<()> {
    let cluster = Cluster::connect().await?;
    cluster.delete_namespace(DEMO_NAMESPACE).await?;
    let bed = Testbed::ready(&cluster).await?;
    let costs = backlog::measure(&bed).await?;
    let ages = steady::measure(&bed).await?;
    for line in costs.iter().chain(&ages) {
        println!("{line}");
    }
    Ok(())
}

/// Changes the processor and waits until that is done.
async fn processors(bed: &Testbed, processor: Value) -> Result<()> {
    bed.pipeline.change(json!({ "processor": processor })).await?;
    bed.pipeline.wait_ready(LIMIT).await?;
    Ok(())
}
