//! Processors are added and taken away while trades stream.

use std::time::Duration;

use anyhow::Result;
use e2e::{
    progress::{Look, until},
    stream::Stream,
    testbed::Testbed,
    workers,
};
use serde_json::json;

/// 1, 3, 1: partitions change hands twice, and no trade is lost or doubled on the way.
pub async fn processors_come_and_go_during_the_stream(bed: &Testbed) -> Result<()> {
    let stream = Stream::open(&bed.pipeline, &bed.sim, "SCALE").await?;
    for replicas in [3, 1] {
        bed.pipeline
            .settle(json!({"processor": {"replicas": replicas}}))
            .await?;
        wait_shared(bed, replicas).await?;
        stream.flow(200).await?;
    }
    stream.end_complete().await
}

/// Every partition has one owner, and every processor owns at least one.
async fn wait_shared(bed: &Testbed, processors: usize) -> Result<()> {
    let partitions = usize::try_from(bed.pipeline.get().await?.spec.kafka.topics.trades.partitions)?;
    until("partitions shared out", Duration::from_mins(2), async || {
        let statuses = workers::processors(&bed.pipeline).await?;
        let owned: Vec<_> = statuses
            .iter()
            .map(|status| status.archive.as_ref().map_or(0, |lane| lane.partitions.len()))
            .collect();
        let shared =
            owned.len() == processors && !owned.contains(&0) && owned.iter().sum::<usize>() == partitions;
        Ok(Look::when(
            shared,
            (),
            format!("{owned:?} of {partitions} partitions"),
        ))
    })
    .await
}
