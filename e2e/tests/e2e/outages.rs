//! A store is down for a minute. Kafka is the buffer: the lane into the other store never notices, and the lane that had to wait
//! catches up. Kafka itself is down for two: ingest is the buffer.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use crds::names::Role;
use e2e::{
    chaos,
    progress::{Look, hold, note, until},
    stream::Stream,
    testbed::{READY_LIMIT, Testbed},
    usage,
    workers::{self, Progress},
};

const OUTAGE: Duration = Duration::from_mins(1);
const KAFKA_OUTAGE: Duration = Duration::from_mins(2);
/// The longest that Kafka, just started, may take for what waited.
const DRAIN: Duration = Duration::from_mins(10);
/// 1,000 trades a second of each symbol.
const KILO_TRADES: f64 = 23.0;

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

/// Kafka is down for two minutes while 2,000 trades a second come in: ingest goes on listening, and afterwards every trade is
/// everywhere once and, in the topic, in the order in which it was read.
pub async fn ingest_goes_on_without_kafka(bed: &Testbed) -> Result<()> {
    let stream = Stream::open_at(&bed.pipeline, &bed.sim, "NOKAFKA", KILO_TRADES).await?;
    let symbols = stream.symbols.clone();
    let before = workers::ingest(&bed.pipeline).await?;
    chaos::stop(&bed.pipeline, &[Role::KafkaBroker]).await?;
    let mut peak = 0;
    let began = Instant::now();
    until("Kafka down", KAFKA_OUTAGE * 2, async || {
        peak = peak.max(resident_mib(bed).await?);
        Ok(Look::when(
            began.elapsed() >= KAFKA_OUTAGE,
            (),
            format!("ingest has {peak} MiB resident"),
        ))
    })
    .await?;
    let during = workers::ingest(&bed.pipeline).await?;
    ensure!(
        during.connected && !during.held,
        "ingest does not listen: {during:?}"
    );
    ensure!(during.spooled > 0, "nothing waits on the disk: {during:?}");
    chaos::resume(&bed.pipeline).await?;
    bed.pipeline.wait_ready(READY_LIMIT).await?;
    stream.stop_issuing().await?;
    until("what waited acknowledged", DRAIN, async || {
        let waiting = workers::ingest(&bed.pipeline).await?.in_flight;
        Ok(Look::when(waiting == 0, (), format!("{waiting} trades wait")))
    })
    .await?;
    stream.end_in_order().await?;
    peak = peak.max(resident_mib(bed).await?);
    let after = workers::ingest(&bed.pipeline).await?;
    ensure!(
        after.acknowledged > before.acknowledged && after.connections >= before.connections,
        "ingest did not live on: {before:?}, {after:?}"
    );
    note(format_args!(
        "{} trades waited, {} of them on the disk; ingest had {peak} MiB resident at most; {symbols:?} in order",
        during.in_flight, during.spooled
    ));
    Ok(())
}

async fn resident_mib(bed: &Testbed) -> Result<u64> {
    let labels = bed.pipeline.role_labels(Role::Ingest);
    let usages = usage::of_pods(&bed.cluster, &bed.pipeline.namespace, &labels).await?;
    Ok(usages.iter().map(|usage| usage.resident_bytes >> 20).sum())
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
