//! Ingest dies while trades stream. Nothing repairs the gap yet, so the count must say exactly what is missing.

use std::time::Duration;

use anyhow::Result;
use crds::names::Role;
use e2e::{chaos, stream::Stream, testbed::Testbed};

/// One stretch of ids per symbol, equal in Kafka, Cassandra and the archive; present and missing make up what was issued.
pub async fn what_ingest_missed_is_named_exactly(bed: &Testbed) -> Result<()> {
    let stream = Stream::open(&bed.pipeline, &bed.sim, "LOSS").await?;
    let labels = bed.pipeline.role_labels(Role::Ingest);
    let namespace = &bed.pipeline.namespace;
    let victim = chaos::kill(&bed.cluster, namespace, &labels, None).await?;
    chaos::wait_healed(&bed.cluster, namespace, &labels, &victim).await?;
    bed.pipeline.wait_ready(Duration::from_mins(2)).await?;
    stream.flow(200).await?;
    stream.end_with_one_loss().await
}
