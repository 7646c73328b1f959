//! Ingest dies while trades stream. When it is back it finds what it missed, and fetches it.

use std::time::Duration;

use anyhow::{Result, ensure};
use crds::{names::Role, status::condition};
use e2e::{chaos, stream::Stream, testbed::Testbed};

/// The exchange sent trades to nobody, and yet every trade issued is in all three places exactly once, and the status says so.
pub async fn what_ingest_missed_is_fetched(bed: &Testbed) -> Result<()> {
    let stream = Stream::open(&bed.pipeline, &bed.sim, "LOSS").await?;
    let labels = bed.pipeline.role_labels(Role::Ingest);
    let namespace = &bed.pipeline.namespace;
    let victim = chaos::kill(&bed.cluster, namespace, &labels, None).await?;
    chaos::wait_healed(&bed.cluster, namespace, &labels, &victim).await?;
    bed.pipeline.wait_ready(Duration::from_mins(2)).await?;
    stream.flow(200).await?;
    stream.end_repaired().await?;

    let told = bed
        .pipeline
        .wait_condition(condition::DATA_FLOWING, Duration::from_mins(2), |flowing| {
            flowing.reason == "TradesFlow"
        });
    told.await?;
    let status = bed.pipeline.get().await?.status.unwrap_or_default();
    let missing = status.data_flow.map(|flow| flow.missing_ids);
    ensure!(missing == Some(0), "the status counts missing ids: {missing:?}");
    Ok(())
}
