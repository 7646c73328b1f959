//! What one processor costs per trade with the real Kafka, Cassandra and HDFS, and how old a trade is when it can be read
//! there. Prints a table of each, or of the part that its argument names. `bench.sh` is what a person runs.
//!
//! Engines, exchange and processor share one machine: CPU seconds of the process compare from run to run, trades per second
//! do not, and ages only where nothing else runs.

mod backlog;
mod steady;

use std::{env, time::Duration};

use anyhow::{Result, bail};
use crds::CryptoPipelineSpec;
use e2e::{
    DEMO_NAMESPACE,
    cluster::Cluster,
    testbed::{NAMESPACE, Testbed},
};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(10);

#[tokio::main]
async fn main() -> Result<()> {
    let (costs, ages) = match env::args().nth(1).as_deref() {
        None => (true, true),
        Some("costs") => (true, false),
        Some("ages") => (false, true),
        Some(other) => bail!("`{other}` is no part of the bench: say `costs`, `ages`, or nothing for both"),
    };
    let cluster = Cluster::connect().await?;
    cluster.delete_namespace(DEMO_NAMESPACE).await?;
    let bed = Testbed::with(&cluster, engines).await?;
    let mut table = Vec::new();
    if costs {
        table.append(&mut backlog::measure(&bed).await?);
    }
    if ages {
        table.append(&mut steady::measure(&bed).await?);
    }
    for line in table {
        println!("{line}");
    }
    // Tests that follow want the whole testbed.
    cluster.delete_namespace(NAMESPACE).await
}

/// One Cassandra node, one NameNode and two DataNodes, beside three brokers: what the figures of the stack that this replaces
/// were measured with, on a machine of two cores.
fn engines(spec: &mut CryptoPipelineSpec) {
    spec.cassandra.nodes = 1;
    spec.hdfs.name_nodes = 1;
    spec.hdfs.data_nodes = 2;
}

/// How many times its own speed a stream of two symbols must have for so many trades in a second.
fn speed(rate: f64) -> f64 {
    /// Trades in a second that each symbol has at its own speed.
    const RECORDED: f64 = 43.5;
    rate / 2.0 / RECORDED
}

/// Changes the processor and waits until that is done.
async fn processors(bed: &Testbed, processor: Value) -> Result<()> {
    bed.pipeline.settle(json!({ "processor": processor })).await
}
