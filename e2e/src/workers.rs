//! What the workers themselves say of their progress, read from their `/status`.

use anyhow::Result;
use crds::{
    names::{Role, WORKER_HTTP_PORT},
    wire::{IngestStatus, LaneStatus, ProcessorStatus},
};
use kube::ResourceExt;
use serde::de::DeserializeOwned;

use crate::{chaos::is_ready, pipeline::Pipeline};

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
    statuses(pipeline, Role::Processor).await
}

/// The status of every ready ingest worker.
pub async fn ingests(pipeline: &Pipeline) -> Result<Vec<IngestStatus>> {
    statuses(pipeline, Role::Ingest).await
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

fn trades(lane: Option<&LaneStatus>) -> u64 {
    lane.into_iter()
        .flat_map(|lane| lane.partitions.values())
        .map(|partition| partition.trades)
        .sum()
}

async fn statuses<T: DeserializeOwned>(pipeline: &Pipeline, role: Role) -> Result<Vec<T>> {
    let mut statuses = Vec::new();
    for pod in pipeline.pods(role).await?.iter().filter(|pod| is_ready(pod)) {
        let text = pipeline
            .cluster
            .get_from_pod(&pipeline.namespace, &pod.name_any(), WORKER_HTTP_PORT, "/status")
            .await?;
        statuses.push(serde_json::from_str(&text)?);
    }
    Ok(statuses)
}
