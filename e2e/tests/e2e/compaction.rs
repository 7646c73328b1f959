//! The archive's small files of days that are over become large ones.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crds::status::condition::COMPACTION_HEALTHY;
use e2e::{
    audit,
    pipeline::{Pipeline, current_condition},
    progress::note,
    proof, readers,
    stream::Stream,
    testbed::Testbed,
};
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt, api::LogParams};
use serde_json::{Value, json};

/// 435 trades a second of both symbols together.
const SPEED: f64 = 5.0;
/// Trades of each symbol.
const TRADES: u64 = 6_000;
/// Until a run that is due every minute has ended well.
const LIMIT: Duration = Duration::from_mins(5);

/// The recorded trades are years old, so that every hour of theirs may be merged. A reader that counts until then, and once
/// afterwards, finds every trade once each time.
pub async fn a_day_that_is_over_is_merged_and_no_reader_notices(bed: &Testbed) -> Result<()> {
    let roll_interval = bed.pipeline.get().await?.spec.processor.archive.roll_interval;
    archive(bed, json!({"rollInterval": "5s"})).await?;
    let stream = Stream::open_at(&bed.pipeline, &bed.sim, "MERGE", SPEED).await?;
    let symbols = stream.symbols.clone();
    stream.flow(TRADES).await?;
    stream.end_complete().await?;
    let before = audit::report(&bed.pipeline, &symbols).await?;
    // A file is left alone until no writer can have forgotten of it.
    readers::read(&bed.pipeline, &["backdate", "4"]).await?;

    archive(
        bed,
        json!({"compaction": {"enabled": true, "schedule": "* * * * *"}}),
    )
    .await?;
    let began = Instant::now();
    let (files, made) = loop {
        proof::unchanged(&before, &audit::report(&bed.pipeline, &symbols).await?)?;
        let object = bed.pipeline.get().await?;
        let told = current_condition(&object, COMPACTION_HEALTHY).context("nothing is told of compaction")?;
        let merged = merged(&bed.pipeline).await?;
        if told.reason == "LastRunSucceeded" && merged.0 > 0 {
            break merged;
        }
        ensure!(
            began.elapsed() < LIMIT,
            "no run has merged anything: {merged:?}, {told:?}"
        );
    };
    ensure!(
        made > 0 && files > 2 * made,
        "{files} files became {made}, which is no merge"
    );
    proof::unchanged(&before, &audit::report(&bed.pipeline, &symbols).await?)?;
    archive(
        bed,
        json!({"rollInterval": roll_interval.to_string(), "compaction": {"enabled": false}}),
    )
    .await
}

async fn archive(bed: &Testbed, archive: Value) -> Result<()> {
    bed.pipeline
        .settle(json!({"processor": {"archive": archive}}))
        .await
}

/// How many files the runs of which there still is a pod made into how many, by their own words.
async fn merged(pipeline: &Pipeline) -> Result<(u64, u64)> {
    let pods: Vec<Pod> = pipeline
        .cluster
        .list(&pipeline.namespace, "app.kubernetes.io/component=compactor")
        .await?;
    let (mut files, mut made) = (0, 0);
    for pod in pods.iter().filter(|pod| has_succeeded(pod)) {
        let api = pipeline.cluster.api::<Pod>(&pipeline.namespace);
        let log = api.logs(&pod.name_any(), &LogParams::default()).await?;
        for line in log.lines().filter(|line| line.contains(" became ")) {
            note(line);
            files += number_before(line, " files of ")?;
            made += number_before(line.split(" became ").nth(1).unwrap_or_default(), " of ")?;
        }
    }
    Ok((files, made))
}

fn has_succeeded(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    status.and_then(|status| status.phase.as_deref()) == Some("Succeeded")
}

fn number_before(line: &str, words: &str) -> Result<u64> {
    let before = line.split(words).next().unwrap_or_default();
    let number = before.rsplit(' ').next().unwrap_or_default();
    number
        .parse()
        .with_context(|| format!("no number before `{words}` in `{line}`"))
}
