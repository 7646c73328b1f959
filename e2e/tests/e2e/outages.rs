//! A store is down for a minute. Kafka is the buffer: the lane into the other store never notices, and the lane that had to wait
//! catches up.

use std::time::Duration;

use anyhow::{Result, ensure};
use crds::names::Role;
use e2e::{
    chaos,
    progress::{hold, note},
    stream::Stream,
    testbed::{READY_LIMIT, Testbed},
    workers::{self, Progress},
};

const OUTAGE: Duration = Duration::from_mins(1);

/// Cassandra is down: Parquet files are closed as ever, rows wait.
pub async fn the_archive_goes_on_without_cassandra(bed: &Testbed) -> Result<()> {
    outage(bed, "NOROWS", &[Role::Cassandra], |before, after| {
        ensure!(
            after.archived > before.archived,
            "the archive stood still: {before:?}, {after:?}"
        );
        ensure!(
            after.hot == before.hot,
            "rows were written without Cassandra: {before:?}, {after:?}"
        );
        Ok(())
    })
    .await
}

/// HDFS is down: rows are written as ever, files wait.
pub async fn the_table_goes_on_without_hdfs(bed: &Testbed) -> Result<()> {
    outage(
        bed,
        "NOFILES",
        &[Role::NameNode, Role::DataNode],
        |before, after| {
            ensure!(
                after.hot > before.hot,
                "the table stood still: {before:?}, {after:?}"
            );
            ensure!(
                after.archived == before.archived,
                "files were closed without HDFS: {before:?}, {after:?}"
            );
            Ok(())
        },
    )
    .await
}

async fn outage(
    bed: &Testbed,
    prefix: &str,
    roles: &[Role],
    judge: impl Fn(Progress, Progress) -> Result<()>,
) -> Result<()> {
    let stream = Stream::open(&bed.pipeline, &bed.sim, prefix).await?;
    chaos::stop(&bed.pipeline, roles).await?;
    let before = workers::progress(&bed.pipeline).await?;
    hold(&format!("{roles:?} down"), OUTAGE).await;
    let after = workers::progress(&bed.pipeline).await?;
    note(format_args!("{before:?} became {after:?}"));
    judge(before, after)?;

    chaos::resume(&bed.pipeline).await?;
    bed.pipeline.wait_ready(READY_LIMIT).await?;
    stream.end_complete().await
}
