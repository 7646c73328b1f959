//! The link between the two sites is cut while trades stream: the status says so and where, no pod is taken away, and afterwards every
//! trade is in all three places once.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use crds::{
    names::Role,
    status::{Phase, condition},
};
use e2e::{
    link::{ApiServer, Cut},
    pipeline::Pipeline,
    progress::{Look, hold, note, until},
    stream::Stream,
    testbed::{READY_LIMIT, Testbed},
    workers,
};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

/// A user is promised to read of a cut within this time.
const TOLD: Duration = Duration::from_secs(90);
/// A user is promised that the lanes have caught up after so long.
const CAUGHT_UP: Duration = Duration::from_mins(2);
/// Noise of a shared machine: a promise is broken only beyond twice its time.
const SLACK: u32 = 2;
/// The placement of Cassandra and HDFS in the shared pipeline.
const SITE: &str = "onPrem";

/// Two minutes; nodes stay ready.
pub async fn two_minutes(bed: &Testbed) -> Result<()> {
    cut(bed, 2, ApiServer::Reachable).await
}

/// Two minutes; kubelets are not heard of.
pub async fn two_minutes_without_api_server(bed: &Testbed) -> Result<()> {
    cut(bed, 2, ApiServer::Away).await
}

/// Six minutes: longer than Kubernetes leaves pods on an unreachable node by itself.
pub async fn six_minutes(bed: &Testbed) -> Result<()> {
    cut(bed, 6, ApiServer::Reachable).await
}

/// The same; kubelets are not heard of.
pub async fn six_minutes_without_api_server(bed: &Testbed) -> Result<()> {
    cut(bed, 6, ApiServer::Away).await
}

/// Twelve minutes: longer than a NameNode waits for a DataNode.
pub async fn twelve_minutes(bed: &Testbed) -> Result<()> {
    cut(bed, 12, ApiServer::Reachable).await
}

/// The same; kubelets are not heard of.
pub async fn twelve_minutes_without_api_server(bed: &Testbed) -> Result<()> {
    cut(bed, 12, ApiServer::Away).await
}

async fn cut(bed: &Testbed, minutes: u64, api_server: ApiServer) -> Result<()> {
    let pipeline = &bed.pipeline;
    let stream = Stream::open(pipeline, &bed.sim, "CUT").await?;
    let before = pods(pipeline).await?;
    let began = Instant::now();
    let link = Cut::make(&bed.cluster, api_server).await?;
    let outcome = during(pipeline, minutes, began).await;
    // Whatever was seen: the next test needs both sites.
    link.mend().await?;
    outcome?;
    let mended = Instant::now();
    caught_up(pipeline, mended).await?;
    pipeline.wait_ready(READY_LIMIT).await?;
    let after = pods(pipeline).await?;
    ensure!(
        before == after,
        "pods were taken away or replaced by the cut: {before:?} became {after:?}"
    );
    stream.end_complete().await
}

/// The status names the site in time, and goes on naming it.
async fn during(pipeline: &Pipeline, minutes: u64, began: Instant) -> Result<()> {
    let says = async || {
        let object = pipeline.get().await?;
        let status = object.status.unwrap_or_default();
        let ready = status
            .conditions
            .iter()
            .find(|c| c.type_ == condition::READY)
            .cloned();
        let told = status.phase != Some(Phase::Ready)
            && ready
                .as_ref()
                .is_some_and(|ready| ready.status != "True" && ready.message.contains(SITE));
        let seen = ready.map_or_else(String::new, |ready| {
            format!("{:?}, Ready {}: {}", status.phase, ready.status, ready.message)
        });
        anyhow::Ok((told, seen))
    };
    let seen = until("the cut told", TOLD * SLACK, async || {
        let (told, seen) = says().await?;
        Ok(Look::when(told, seen.clone(), seen))
    })
    .await?;
    let after = began.elapsed().as_secs();
    note(format_args!(
        "told after {after} s, promised within {} s: {seen}",
        TOLD.as_secs()
    ));
    hold(
        "the link cut",
        Duration::from_mins(minutes).saturating_sub(began.elapsed()),
    )
    .await;
    let (told, seen) = says().await?;
    ensure!(
        told,
        "the status no longer names the cut before it is mended: {seen}"
    );
    Ok(())
}

/// Both lanes read and store what waited.
async fn caught_up(pipeline: &Pipeline, mended: Instant) -> Result<()> {
    until("both lanes caught up", CAUGHT_UP * SLACK, async || {
        let statuses = workers::processors(pipeline).await?;
        let lanes: Vec<_> = statuses
            .iter()
            .flat_map(|status| [&status.archive, &status.hot])
            .flatten()
            .collect();
        let behind = lanes
            .iter()
            .flat_map(|lane| lane.partitions.values())
            .map(|partition| partition.behind_seconds)
            .max()
            .unwrap_or(u64::MAX);
        let waiting = lanes.iter().any(|lane| lane.waiting.is_some());
        let good = !lanes.is_empty() && !waiting && behind <= 5;
        Ok(Look::when(
            good,
            (),
            format!("reading is {behind} s behind, a lane waits: {waiting}"),
        ))
    })
    .await?;
    note(format_args!(
        "caught up {} s after the link was mended, promised within {} s",
        mended.elapsed().as_secs(),
        CAUGHT_UP.as_secs()
    ));
    Ok(())
}

/// Every pod of the pipeline with its uid.
async fn pods(pipeline: &Pipeline) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for role in [
        Role::KafkaController,
        Role::KafkaBroker,
        Role::Cassandra,
        Role::ZooKeeper,
        Role::JournalNode,
        Role::NameNode,
        Role::DataNode,
        Role::Ingest,
        Role::Processor,
    ] {
        let pods: Vec<Pod> = pipeline.pods(role).await?;
        all.extend(
            pods.iter()
                .map(|pod| (pod.name_any(), pod.uid().unwrap_or_default())),
        );
    }
    Ok(all)
}
