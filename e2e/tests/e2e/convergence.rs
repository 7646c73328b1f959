//! A pipeline at rest leaves the API server alone.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::{
    operator,
    progress::{Look, hold, until},
    testbed::Testbed,
};

const REST: Duration = Duration::from_mins(2);
const SETTLED: Duration = Duration::from_secs(40);

/// Two minutes without a single write by the operator, counted by its own metrics.
pub async fn a_converged_pipeline_causes_no_write(bed: &Testbed) -> Result<()> {
    let before = wait_settled(bed).await?;
    ensure!(!before.is_empty(), "the operator counts no writes at all");
    let version = bed.pipeline.get().await?.metadata.resource_version;
    hold("at rest", REST).await;
    let after = operator::writes(&bed.cluster).await?;
    ensure!(
        before == after,
        "the operator wrote at rest: {before:?} became {after:?}"
    );
    let unchanged = bed.pipeline.get().await?.metadata.resource_version == version;
    ensure!(unchanged, "somebody wrote the object at rest");
    Ok(())
}

/// The last figures of the last stream are told: no write for longer than the operator waits between two looks at the workers.
async fn wait_settled(bed: &Testbed) -> Result<std::collections::BTreeMap<String, u64>> {
    let mut last = (operator::writes(&bed.cluster).await?, Instant::now());
    until("the status to settle", Duration::from_mins(4), async || {
        let writes = operator::writes(&bed.cluster).await?;
        if writes != last.0 {
            last = (writes.clone(), Instant::now());
        }
        let settled = last.1.elapsed() > SETTLED;
        let total: u64 = writes.values().sum();
        Ok(Look::when(settled, writes, format!("{total} writes so far")))
    })
    .await
}
