//! A sink is away for almost as long as Kafka keeps records, and for longer: the deadline is told before it comes, and what was lost is
//! named, id by id.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crds::{
    names::Role,
    status::condition,
    wire::{AuditReport, IdRange},
};
use e2e::{
    audit, chaos,
    cluster::Cluster,
    progress::{Look, hold, note, until},
    stream::Stream,
    testbed::{READY_LIMIT, Testbed},
};

/// How long the topic keeps records.
const RETENTION: Duration = Duration::from_mins(10);
/// An outage that ends in time.
const SHORT: Duration = Duration::from_mins(8);
/// An outage that does not.
const LONG: Duration = Duration::from_mins(15);

/// Cassandra is away for 8 of the 10 minutes: told before the deadline, nothing is lost.
pub async fn a_short_outage_is_told_before_the_deadline(cluster: &Cluster) -> Result<()> {
    let bed = testbed(cluster).await?;
    let stream = Stream::open(&bed.pipeline, &bed.sim, "SHORT").await?;
    outage(&bed, SHORT).await?;
    bed.pipeline
        .wait_condition("BufferAtRisk", READY_LIMIT, |c| c.status == "False")
        .await?;
    stream.end_complete().await
}

/// Cassandra is away for 15 minutes: the ids that Kafka dropped in the meantime are named, and no others.
pub async fn a_long_outage_names_what_was_lost(cluster: &Cluster) -> Result<()> {
    let bed = testbed(cluster).await?;
    let stream = Stream::open(&bed.pipeline, &bed.sim, "LONG").await?;
    let symbols = stream.symbols.clone();
    outage(&bed, LONG).await?;
    stream.stop_issuing().await?;
    let settled = |report: &AuditReport| lost(report, &symbols);
    let lost = audit::prove(&bed.pipeline, &symbols, settled).await?;
    ensure!(
        !lost.is_empty(),
        "15 minutes without a sink lost nothing of 10 minutes of retention"
    );
    let told = bed
        .pipeline
        .wait_condition(condition::DATA_FLOWING, READY_LIMIT, |c| {
            c.reason == "IdsNotInTable" || c.reason == "IdsNotArchived"
        })
        .await?;
    note(format_args!(
        "the auditor misses {lost:?}; told: {}",
        told.message
    ));
    for (symbol, range) in &lost {
        let named = format!("{}-{}", range.0, range.1);
        ensure!(
            told.message.contains(symbol.as_str()) && told.message.contains(&named),
            "{symbol} {named} is not named: {}",
            told.message
        );
    }
    Ok(())
}

/// The table's missing ids, once the archive has every id that the exchange issued.
fn lost(report: &AuditReport, symbols: &[String]) -> Result<Vec<(String, IdRange)>> {
    let mut lost = Vec::new();
    for symbol in symbols {
        let found = report
            .symbols
            .get(symbol)
            .with_context(|| format!("the auditor found no {symbol}"))?;
        ensure!(
            found.archive.missing.is_empty() && found.archive.duplicates.is_empty(),
            "{symbol}: the archive, whose sink was there, misses {:?}",
            found.archive.missing
        );
        ensure!(
            found.cassandra.ids.last().map(|range| range.1) == found.last_id,
            "{symbol}: the table has not caught up"
        );
        lost.extend(
            found
                .cassandra
                .missing
                .iter()
                .map(|range| (symbol.clone(), *range)),
        );
    }
    Ok(lost)
}

/// Cassandra goes; `BufferAtRisk` becomes True before the first record expires.
async fn outage(bed: &Testbed, time: Duration) -> Result<()> {
    let began = Instant::now();
    chaos::stop(&bed.pipeline, &[Role::Cassandra]).await?;
    let told = until("BufferAtRisk", RETENTION, async || {
        let object = bed.pipeline.get().await?;
        let conditions = object.status.unwrap_or_default().conditions;
        let risk = conditions.into_iter().find(|c| c.type_ == "BufferAtRisk");
        let seen = risk
            .as_ref()
            .map_or("not told".to_owned(), |c| format!("{}: {}", c.status, c.message));
        let told = risk.filter(|c| c.status == "True");
        Ok(told.map_or(Look::Waiting(seen), Look::Found))
    })
    .await?;
    let after = began.elapsed();
    ensure!(
        after < RETENTION,
        "told after {} s, when records were gone",
        after.as_secs()
    );
    note(format_args!("told after {} s: {}", after.as_secs(), told.message));
    hold("Cassandra away", time.saturating_sub(began.elapsed())).await;
    chaos::resume(&bed.pipeline).await?;
    Ok(())
}

/// A pipeline whose trades topic keeps records for ten minutes. Whole segments expire, and only when the broker looks.
async fn testbed(cluster: &Cluster) -> Result<Testbed> {
    let retention = format!("{}s", RETENTION.as_secs()).parse()?;
    let bed = Testbed::with(cluster, |spec| {
        spec.kafka.topics.trades.retention = retention;
        spec.kafka.config.extend([
            ("log.roll.ms".to_owned(), "60000".to_owned()),
            ("log.retention.check.interval.ms".to_owned(), "15000".to_owned()),
        ]);
    })
    .await?;
    bed.pipeline.wait_ready(READY_LIMIT).await?;
    Ok(bed)
}
