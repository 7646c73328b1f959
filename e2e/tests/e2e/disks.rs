//! Disks are lost and claims are deleted: nothing is lost by doing what docs/operations.md says.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::{names::Role, status::condition, wire::AuditReport};
use e2e::{
    audit, chaos,
    pipeline::Pipeline,
    progress::{hold, note},
    proof::{self, Copies},
    sim,
    stream::Stream,
    testbed::{READY_LIMIT, Testbed},
};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::{Api, ResourceExt, api::DeleteParams};
use serde_json::json;

/// The longest that the operator may take to see that something is amiss.
const SEEN: Duration = Duration::from_mins(2);
/// The longest that HDFS may take to forget a DataNode (ten and a half minutes) and to make its copies anew.
const COPIED: Duration = Duration::from_mins(18);
/// So long the operator must keep its hands off.
const HANDS_OFF: Duration = Duration::from_mins(1);

/// The disks of all DataNodes are replaced one after the other, each as soon as `HdfsReady` allows it. No block is lost.
pub async fn three_data_nodes_lose_their_disks(bed: &Testbed) -> Result<()> {
    let pipeline = &bed.pipeline;
    let stream = Stream::open(pipeline, &bed.sim, "DISK").await?;
    stream.flow(500).await?;
    for pod in names(pipeline, Role::DataNode).await? {
        pipeline
            .wait_condition(condition::HDFS_READY, COPIED, |c| c.status == "True")
            .await?;
        chaos::wipe(pipeline, Role::DataNode, &pod).await?;
        let told = pipeline
            .wait_condition(condition::HDFS_READY, SEEN, |c| {
                c.reason == "BlocksUnderReplicated"
            })
            .await?;
        note(format_args!(
            "{pod} has lost its disk: {} ({})",
            told.message, told.reason
        ));
    }
    pipeline
        .wait_condition(condition::HDFS_READY, COPIED, |c| c.status == "True")
        .await?;
    pipeline.wait_ready(READY_LIMIT).await?;
    stream.end_complete().await?;
    // What was archived before the first disk was lost is there too.
    let listed = sim::LISTED.map(str::to_owned);
    let ledger = bed.sim.wait_finished(&listed).await?;
    let judge = |report: &AuditReport| proof::complete(report, &ledger, &listed, Copies::None);
    let trades = audit::prove(pipeline, &listed, judge).await?;
    note(format_args!("{trades} older trades are there too"));
    Ok(())
}

/// The claim of a running broker is deleted, and then a rolling restart is asked for: the operator restarts nobody, and says why.
/// Only the pod's deletion by a person gives the disk up; then everything goes on.
pub async fn a_deleted_claim_stops_every_restart(bed: &Testbed) -> Result<()> {
    let pipeline = &bed.pipeline;
    let stream = Stream::open(pipeline, &bed.sim, "CLAIM").await?;
    let broker = names(pipeline, Role::KafkaBroker)
        .await?
        .pop()
        .context("no broker runs")?;
    let claim = format!("data-{broker}");
    let claims: Api<PersistentVolumeClaim> = bed.cluster.api(&pipeline.namespace);
    claims.delete(&claim, &DeleteParams::background()).await?;
    let before = uids(pipeline, Role::KafkaBroker).await?;
    pipeline.change(json!({"kafka": {"heapSize": "264Mi"}})).await?;
    let told = pipeline
        .wait_condition(condition::KAFKA_READY, SEEN, |c| c.reason == "VolumeDeleting")
        .await?;
    ensure!(
        told.message.contains(&claim),
        "the claim is not named: {}",
        told.message
    );
    hold("no restart", HANDS_OFF).await;
    let after = uids(pipeline, Role::KafkaBroker).await?;
    ensure!(
        before == after,
        "brokers were restarted: {before:?} became {after:?}"
    );

    chaos::kill(
        &bed.cluster,
        &pipeline.namespace,
        &pipeline.role_labels(Role::KafkaBroker),
        Some(&broker),
    )
    .await?;
    pipeline.wait_ready(READY_LIMIT * 2).await?;
    let renewed = uids(pipeline, Role::KafkaBroker).await?;
    ensure!(
        renewed.iter().all(|uid| !before.contains(uid)),
        "Ready, but a broker still runs with the old heap: {before:?}, {renewed:?}"
    );
    stream.end_complete().await
}

async fn names(pipeline: &Pipeline, role: Role) -> Result<Vec<String>> {
    let mut names: Vec<_> = pipeline
        .pods(role)
        .await?
        .iter()
        .map(ResourceExt::name_any)
        .collect();
    names.sort();
    Ok(names)
}

async fn uids(pipeline: &Pipeline, role: Role) -> Result<Vec<String>> {
    let pods: Vec<Pod> = pipeline.pods(role).await?;
    Ok(pods.iter().filter_map(ResourceExt::uid).collect())
}
