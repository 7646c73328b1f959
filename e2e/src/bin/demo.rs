//! The demo, once cluster, images and chart are in place: a pipeline from one manifest, real trades through it, and the proof
//! that every one of them arrived exactly once. `demo.sh` is what a person runs.

use std::process::Command;

use anyhow::{Context, Result};
use e2e::{
    DEMO_NAMESPACE, audit,
    cluster::Cluster,
    hdfs, job, operator,
    pipeline::Pipeline,
    progress::step,
    proof::{self, Copies},
    readiness::TimeToReady,
    sim::{self, Sim},
    testbed, usage,
};

const MANIFEST: &str = include_str!("../../../examples/demo.yaml");
const IMAGES: [&str; 5] = ["kafka", "cassandra", "hadoop", "operator", "workers"];

#[tokio::main]
async fn main() -> Result<()> {
    let cluster = Cluster::connect().await?;

    step("remove earlier runs", async {
        cluster.delete_namespace(testbed::NAMESPACE).await?;
        cluster.fresh_namespace(DEMO_NAMESPACE).await
    })
    .await?;
    let sim = step("start exchange-sim", Sim::start(&cluster, DEMO_NAMESPACE)).await?;
    let pipeline = step(
        "apply examples/demo.yaml",
        Pipeline::apply(&cluster, DEMO_NAMESPACE, MANIFEST),
    )
    .await?;
    let ready = step(
        "pipeline becomes Ready",
        pipeline.wait_ready(testbed::READY_LIMIT),
    )
    .await?;
    let time = TimeToReady::of(&ready).context("a ready pipeline has transition times")?;

    let symbols = sim::LISTED.map(str::to_owned);
    let ledger = step("trades stream", sim.wait_finished(&symbols)).await?;
    let table = step("audit Kafka, Cassandra and the archive", audit::table(&pipeline)).await?;
    println!(
        "
{table}"
    );
    let report = audit::report(&pipeline, &symbols).await?;
    let proof = proof::complete(&report, &ledger, &symbols, Copies::None);

    println!("{time}");
    print_costs(&cluster).await?;
    print_hints(&pipeline).await;
    let trades = proof?;
    println!(
        "{trades} trades issued by the exchange: each in Kafka, in Cassandra and in the archive exactly once."
    );
    Ok(())
}

/// What the operator needs at rest, and how large the images are.
async fn print_costs(cluster: &Cluster) -> Result<()> {
    println!("operator at rest");
    for usage in usage::of_pods(cluster, operator::NAMESPACE, operator::LABELS).await? {
        println!(
            "  {:<50} {:>3} MiB resident  {:>3} m CPU",
            usage.pod,
            usage.resident_bytes >> 20,
            usage.millicores
        );
    }
    println!("images");
    for name in IMAGES {
        let image = job::repository(name);
        let answer = Command::new("docker")
            .args([
                "image",
                "ls",
                "--format",
                "{{.Repository}}:{{.Tag}}  {{.Size}}",
                &image,
            ])
            .output()
            .context("asking docker for the size of the images")?;
        String::from_utf8_lossy(&answer.stdout)
            .lines()
            .for_each(|line| println!("  {line}"));
    }
    Ok(())
}

async fn print_hints(pipeline: &Pipeline) {
    let (namespace, name) = (&pipeline.namespace, &pipeline.name);
    // The other one shows its state, but no files.
    let name_node = match hdfs::active(pipeline).await {
        Ok(active) => active.pod,
        Err(_) => format!("{name}-namenode-0"),
    };
    println!(
        "
to look further (source e2e/cluster/env.sh first)
  kubectl -n {namespace} get cpl
  kubectl -n {namespace} describe cpl {name}
  kubectl -n {namespace} port-forward service/exchange-sim 8080       then http://localhost:8080/sim/ledger
  kubectl -n {namespace} port-forward pod/{name_node} 9870      then http://localhost:9870/explorer.html#/crypto_data/trades
  kubectl -n {namespace} port-forward deployment/{name}-processor 9400 then http://localhost:9400/status
"
    );
}
