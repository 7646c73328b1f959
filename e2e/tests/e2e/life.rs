//! The object is changed while trades stream.

use anyhow::{Result, ensure};
use crds::names::Role;
use e2e::{chaos::is_ready, progress::note, readers, stream::Stream, testbed::Testbed};
use serde_json::json;

const SETTING: &str = "log.segment.bytes";

/// A Kafka setting and the number of processors: both in effect afterwards, no trade lost. (The stream's own symbols are a
/// third change: they are added to the running object.)
pub async fn a_changed_config_reaches_the_running_system(bed: &Testbed) -> Result<()> {
    let stream = Stream::open(&bed.pipeline, &bed.sim, "LIFE").await?;
    let brokers = usize::try_from(bed.pipeline.get().await?.spec.kafka.brokers)?;
    let before = readers::read(&bed.pipeline, &["broker-config", SETTING]).await?;
    ensure!(
        before.len() == brokers,
        "{} of {brokers} brokers answered",
        before.len()
    );
    // Another value at each run, so that there is always something to change.
    let value = if before[0] == "134217728" {
        "268435456"
    } else {
        "134217728"
    };

    let change = json!({"kafka": {"config": {SETTING: value}}, "processor": {"replicas": 2}});
    bed.pipeline.settle(change).await?;
    let after = readers::read(&bed.pipeline, &["broker-config", SETTING]).await?;
    ensure!(
        after == vec![value; brokers],
        "Ready, but the brokers run with {SETTING} = {after:?} instead of {value}"
    );
    let processors = bed.pipeline.pods(Role::Processor).await?;
    let ready = processors.iter().filter(|pod| is_ready(pod)).count();
    ensure!(ready == 2, "Ready, but {ready} processors run instead of 2");
    note(format_args!(
        "{SETTING} went from {} to {value} at {brokers} brokers",
        before[0]
    ));

    stream.flow(200).await?;
    stream.end_complete().await?;
    bed.pipeline.settle(json!({"processor": {"replicas": 1}})).await
}
