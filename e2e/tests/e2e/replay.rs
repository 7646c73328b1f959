//! Files instead of a feed: the exchange's own dumps, and what ingest has recorded.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::{
    status::condition,
    wire::{IdRange, ReplayStatus},
};
use e2e::{
    audit,
    progress::{Look, note, until},
    proof::{self, Copies},
    stream::Stream,
    testbed::Testbed,
    workers,
};
use k8s_openapi::{api::batch::v1::Job, apimachinery::pkg::apis::meta::v1::Condition};
use serde_json::{Value, json};

const DUMPS: &str = include_str!("../../manifests/dump.yaml");
/// What the Job of the manifest writes.
const DUMPED: (&str, IdRange) = ("DUMPUSDT", IdRange(1, 100_000));
const LIMIT: Duration = Duration::from_mins(4);

/// Two days of a dump, packed and not, are in all three places exactly once.
pub async fn a_dump_is_played_into_all_three_places(bed: &Testbed) -> Result<()> {
    bed.cluster.apply(&bed.pipeline.namespace, DUMPS).await?;
    until("dumps on the volume", LIMIT, async || {
        let job = bed
            .cluster
            .api::<Job>(&bed.pipeline.namespace)
            .get_status("write-dumps")
            .await?;
        let written = job.status.and_then(|status| status.succeeded) == Some(1);
        Ok(Look::when(written, (), "being written"))
    })
    .await?;
    let symbols = bed.pipeline.get().await?.spec.ingest.symbols;
    let files = json!({"claim": "dumps", "path": "spot", "format": "binanceCsv"});
    play(bed, files, &[DUMPED.0.to_owned()]).await?;

    let (symbol, all) = DUMPED;
    audit::prove(&bed.pipeline, &[symbol.to_owned()], |report| {
        let found = report
            .symbols
            .get(symbol)
            .context("no trade of the dump is anywhere")?;
        proof::exactly(symbol, found, all, Copies::None)
    })
    .await?;
    note(format_args!(
        "{} trades of {symbol}: in all three places exactly once",
        all.count()
    ));
    listen(bed, &symbols).await
}

/// What was recorded while trades streamed is played again: all of it is there, and Kafka, which has it, gets none of it twice.
pub async fn a_recording_holds_what_was_streamed(bed: &Testbed) -> Result<()> {
    let symbols = bed.pipeline.get().await?.spec.ingest.symbols;
    bed.pipeline
        .settle(json!({"ingest": {"record": true, "recording": {"rotateInterval": "10s"}}}))
        .await?;
    let stream = Stream::open(&bed.pipeline, &bed.sim, "FILM").await?;
    stream.flow(500).await?;
    let recorded = stream.symbols.clone();
    stream.end_complete().await?;
    let before = audit::report(&bed.pipeline, &recorded).await?;

    let claim = format!("{}-ingest-0-recording", bed.pipeline.name);
    let played = play(bed, json!({"claim": claim, "format": "frames"}), &recorded).await?;
    let streamed: u64 = before.symbols.values().map(|symbol| symbol.kafka.trades).sum();
    ensure!(
        played.trades >= streamed && played.damaged_files.is_empty(),
        "of {streamed} trades the recording holds {played:?}"
    );
    note(format_args!(
        "{} trades were played, {streamed} of them once in the topic",
        played.trades
    ));
    proof::unchanged(&before, &audit::report(&bed.pipeline, &recorded).await?)?;
    listen(bed, &symbols).await
}

/// Plays files to their end, and returns what the worker says of them.
async fn play(bed: &Testbed, files: Value, symbols: &[String]) -> Result<ReplayStatus> {
    bed.pipeline
        .change(json!({"ingest": {"source": "replay", "replay": files, "record": false, "symbols": symbols}}))
        .await?;
    let finished = |flowing: &Condition| flowing.reason == "ReplayFinished";
    bed.pipeline
        .wait_condition(condition::DATA_FLOWING, LIMIT, finished)
        .await?;
    let status = workers::ingest(&bed.pipeline).await?;
    status.replay.context("ingest plays no files")
}

/// Listens to the exchange again.
async fn listen(bed: &Testbed, symbols: &[String]) -> Result<()> {
    bed.pipeline
        .settle(json!({"ingest": {"source": "exchange", "replay": null, "symbols": symbols}}))
        .await
}
