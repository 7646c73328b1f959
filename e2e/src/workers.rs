//! What the workers themselves say of their progress, read from their `/status` and `/metrics`.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use crds::{
    names::{Role, WORKER_HTTP_PORT},
    scrape::{self, Histogram},
    wire::{IngestStatus, LaneStatus, ProcessorStatus},
};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde::de::DeserializeOwned;

use crate::{
    chaos::{is_ready, is_running},
    pipeline::Pipeline,
};

/// When the archive lane last made something durable, seconds since 1970; 0 before the first time.
const LAST_ARCHIVE_WRITE: &str = "cryptopipeline_processor_archive_last_write_timestamp_seconds";

/// The two lanes, summed over all processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Distinct trades in closed archive files.
    pub archived: u64,
    /// Distinct trades acknowledged by Cassandra.
    pub hot: u64,
    /// Partitions that some processor archives.
    pub archive_partitions: usize,
    /// Records that the archive lane sent to the dead-letter topic.
    pub dead_letters: u64,
}

/// The status of every ready processor.
pub async fn processors(pipeline: &Pipeline) -> Result<Vec<ProcessorStatus>> {
    statuses(pipeline, Role::Processor, is_ready).await
}

/// The status of every ready ingest worker.
pub async fn ingests(pipeline: &Pipeline) -> Result<Vec<IngestStatus>> {
    statuses(pipeline, Role::Ingest, is_ready).await
}

/// The status of the only ingest worker, whether it is ready or not: without Kafka it is not.
pub async fn ingest(pipeline: &Pipeline) -> Result<IngestStatus> {
    let statuses = statuses(pipeline, Role::Ingest, is_running).await?;
    let [status]: [IngestStatus; 1] = statuses
        .try_into()
        .map_err(|statuses| anyhow!("not one ingest worker runs: {statuses:?}"))?;
    Ok(status)
}

/// The progress of all processors together.
pub async fn progress(pipeline: &Pipeline) -> Result<Progress> {
    let mut sum = Progress::default();
    for status in processors(pipeline).await? {
        sum.archived += trades(status.archive.as_ref());
        sum.hot += trades(status.hot.as_ref());
        for partition in status.archive.iter().flat_map(|lane| lane.partitions.values()) {
            sum.archive_partitions += 1;
            sum.dead_letters += partition.dead_letters;
        }
    }
    Ok(sum)
}

/// When a processor last put a file into the archive, since 1970; absent where none has yet.
pub async fn last_archive_write(pipeline: &Pipeline) -> Result<Option<Duration>> {
    let mut last = None;
    for page in pages(pipeline, Role::Processor, is_ready, "/metrics").await? {
        let seconds = gauge(&page, LAST_ARCHIVE_WRITE)?;
        last = last.max((seconds > 0.0).then(|| Duration::from_secs_f64(seconds)));
    }
    Ok(last)
}

/// What the only processor has used so far, and what one lane has done with it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// User and system time of the process, seconds.
    pub cpu_seconds: f64,
    /// The most resident memory so far, bytes.
    pub peak_bytes: f64,
    /// Trades that became durable.
    pub rows: f64,
    /// Files put into the archive.
    pub files: f64,
    /// Their size.
    pub file_bytes: f64,
}

/// The cost of the only processor, by its lane (`archive` or `hot`).
pub async fn cost(pipeline: &Pipeline, lane: &str) -> Result<Cost> {
    let page = &only_processor(pipeline).await?;
    let of_lane = |name: &str| gauge(page, &format!("cryptopipeline_processor_{lane}_{name}_total"));
    Ok(Cost {
        cpu_seconds: gauge(page, "process_cpu_seconds_total")?,
        peak_bytes: gauge(page, "process_resident_memory_max_bytes")?,
        rows: of_lane("rows")?,
        files: of_lane("files")?,
        file_bytes: of_lane("files_bytes")?,
    })
}

/// How old trades were when a lane (`archive` or `hot`) of the only processor made them durable.
pub async fn ages(pipeline: &Pipeline, lane: &str) -> Result<Histogram> {
    let page = only_processor(pipeline).await?;
    let name = format!("cryptopipeline_processor_{lane}_kafka_to_durable_seconds");
    Histogram::parse(&page, &name).with_context(|| format!("no histogram {name}"))
}

async fn only_processor(pipeline: &Pipeline) -> Result<String> {
    let pages = pages(pipeline, Role::Processor, is_ready, "/metrics").await?;
    let [page]: [String; 1] = pages
        .try_into()
        .map_err(|pages: Vec<_>| anyhow!("{} processors are ready", pages.len()))?;
    Ok(page)
}

fn gauge(page: &str, name: &str) -> Result<f64> {
    scrape::value(page, name).with_context(|| format!("no metric {name}"))
}

fn trades(lane: Option<&LaneStatus>) -> u64 {
    lane.into_iter()
        .flat_map(|lane| lane.partitions.values())
        .map(|partition| partition.trades)
        .sum()
}

async fn statuses<T: DeserializeOwned>(
    pipeline: &Pipeline,
    role: Role,
    asked: fn(&Pod) -> bool,
) -> Result<Vec<T>> {
    let pages = pages(pipeline, role, asked, "/status").await?;
    let statuses = pages.iter().map(|page| serde_json::from_str(page));
    Ok(statuses.collect::<Result<_, _>>()?)
}

/// What the workers of a role answer that are asked.
async fn pages(pipeline: &Pipeline, role: Role, asked: fn(&Pod) -> bool, path: &str) -> Result<Vec<String>> {
    let mut pages = Vec::new();
    for pod in pipeline.pods(role).await?.iter().filter(|pod| asked(pod)) {
        let page = pipeline
            .cluster
            .get_from_pod(&pipeline.namespace, &pod.name_any(), WORKER_HTTP_PORT, path)
            .await?;
        pages.push(page);
    }
    Ok(pages)
}
