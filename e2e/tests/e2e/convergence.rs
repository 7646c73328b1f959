//! A pipeline at rest leaves the API server alone.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use crds::{CryptoPipeline, status::condition};
use e2e::{
    operator,
    pipeline::current_condition,
    progress::{Look, hold, note, until},
    testbed::Testbed,
};

/// Tries, when the machine's disk fills or empties.
const ATTEMPTS: u32 = 3;
const REST: Duration = Duration::from_mins(2);
const SETTLED: Duration = Duration::from_secs(40);

/// Two minutes without a single write by the operator, counted by its own metrics. The nodes of this cluster share one disk with the
/// whole machine: when what is told of it has changed meanwhile, the two minutes begin anew.
pub async fn a_converged_pipeline_causes_no_write(bed: &Testbed) -> Result<()> {
    for attempt in 1..=ATTEMPTS {
        let before = wait_settled(bed).await?;
        ensure!(!before.is_empty(), "the operator counts no writes at all");
        let object = bed.pipeline.get().await?;
        hold("at rest", REST).await;
        let after = operator::writes(&bed.cluster).await?;
        let now = bed.pipeline.get().await?;
        if before == after && now.metadata.resource_version == object.metadata.resource_version {
            return Ok(());
        }
        ensure!(
            stores(&object) != stores(&now) && attempt < ATTEMPTS,
            "somebody wrote at rest: {before:?} became {after:?}"
        );
        note("what is told of the machine's disk has changed; once more");
    }
    Ok(())
}

/// What the status tells of the disks: how full each store is, and whether one will be full within a day.
fn stores(object: &CryptoPipeline) -> (Option<String>, Option<String>) {
    let status = object.status.as_ref();
    let filling = current_condition(object, condition::STORAGE_FILLING);
    (
        status.map(|status| format!("{:?}", status.buffer.as_ref().map(|buffer| &buffer.stores))),
        filling.map(|filling| filling.message.clone()),
    )
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
