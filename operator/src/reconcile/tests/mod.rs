//! The whole reconciliation against a cluster in the test process.

mod changes;
mod compaction;
mod first_start;
mod outages;
mod refused_spec;
mod trouble;
mod volumes;

use crate::testing::Cluster;

fn kinds(writes: &[String]) -> Vec<&str> {
    writes
        .iter()
        .map(|write| write.split('/').rev().nth(1).unwrap())
        .collect()
}

async fn ready() -> Cluster {
    let mut cluster = Cluster::new();
    cluster.apply(|_| {});
    cluster.converge(|_| {}).await;
    cluster
}
