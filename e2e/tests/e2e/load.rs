//! The operator chooses the number of processors by the seconds that they are behind.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::{
    progress::{Look, until},
    stream::Stream,
    testbed::Testbed,
};
use serde_json::json;

/// Of a core.
const TOO_LITTLE: &str = "20m";
/// 3,000 trades a second of each symbol.
const CROWD: f64 = 70.0;

/// A processor that may use too little of a core falls behind what comes: the operator adds others. Once they are well ahead it
/// takes them away again, one after the other.
pub async fn processors_are_added_and_taken_away_by_it(bed: &Testbed) -> Result<()> {
    let autoscaling = json!({"enabled": true, "maxReplicas": 3, "maxBehind": "10s", "scaleDownAfter": "1m"});
    limit_cpu(bed, Some(TOO_LITTLE)).await?;
    bed.pipeline
        .settle(json!({"processor": {"autoscaling": autoscaling}}))
        .await?;
    let stream = Stream::open_at(&bed.pipeline, &bed.sim, "CROWD", CROWD).await?;
    wait_chosen(bed, "more processors", |replicas| replicas > 1).await?;
    limit_cpu(bed, None).await?;
    stream.end_complete().await?;
    wait_chosen(bed, "one processor", |replicas| replicas == 1).await?;
    bed.pipeline
        .settle(json!({"processor": {"autoscaling": null}}))
        .await
}

async fn limit_cpu(bed: &Testbed, cpu: Option<&str>) -> Result<()> {
    let resources = json!({"limits": {"cpu": cpu}});
    bed.pipeline
        .settle(json!({"processor": {"resources": resources}}))
        .await
}

/// Waits until the operator has chosen such a number of processors.
async fn wait_chosen(bed: &Testbed, what: &str, wanted: impl Fn(i32) -> bool) -> Result<()> {
    until(what, Duration::from_mins(6), async || {
        let status = bed.pipeline.get().await?.status.unwrap_or_default();
        let flow = status.data_flow.unwrap_or_default();
        let behind = flow.archive_behind_seconds.max(flow.hot_behind_seconds);
        let replicas = status.autoscaling.context("no number chosen yet")?.replicas;
        Ok(Look::when(
            wanted(replicas),
            (),
            format!("{replicas} of them, {behind} s behind"),
        ))
    })
    .await
}
