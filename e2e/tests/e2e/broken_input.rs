//! What no worker can read: it is counted or kept aside, the trades behind it arrive, and it can be put back corrected.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::{names::Role, wire::IdRange};
use e2e::{
    audit,
    chaos::is_ready,
    progress::{Look, note, until},
    proof::{self, Copies},
    readers::{DeadLetter, dead_letters, read},
    stream::Stream,
    testbed::Testbed,
    workers,
};
use jiff::Timestamp;
use kube::ResourceExt;
use serde::Deserialize;
use serde_json::Value;

/// Frames that the exchange might send on a bad day: no JSON, half of it, an event that nobody knows.
const FRAMES: [&str; 3] = [
    "\u{fffd} no JSON",
    r#"{"e":"trade","t":1"#,
    r#"{"e":"novelty","E":1,"s":"BTCUSDT"}"#,
];
/// Records that somebody else wrote to the topic: no JSON, a trade without a price, a price that is no number.
const RECORDS: [&str; 3] = [
    "no JSON",
    r#"{"e":"trade","E":1610064000278,"s":"BTCUSDT","t":1}"#,
    r#"{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"dear","q":"1","T":1,"m":true,"M":true}"#,
];

/// A price that no decoder reads, and what it should have been.
const WRONG: &str = "27,5";
const RIGHT: &str = "27.5";

#[derive(Deserialize)]
struct Written {
    partition: i32,
    offset: i64,
}

/// Broken frames and events are counted by ingest; broken records reach the dead-letter topic with their origin and the reason.
pub async fn nothing_stops_and_nothing_is_hidden(bed: &Testbed) -> Result<()> {
    let stream = Stream::open(&bed.pipeline, &bed.sim, "BROKEN").await?;
    let key = stream.symbols[0].as_str();

    let before = rejected_frames(bed).await?;
    for frame in FRAMES {
        bed.sim.inject(key, frame).await?;
    }
    until("broken frames counted", Duration::from_mins(1), async || {
        let rejected = rejected_frames(bed).await?.saturating_sub(before);
        Ok(Look::when(rejected >= 3, (), format!("{rejected} of 3")))
    })
    .await?;

    let mut written = Vec::new();
    for record in RECORDS {
        let lines = read(&bed.pipeline, &["produce", key, record]).await?;
        written.push(serde_json::from_str::<Written>(
            lines.first().context("no answer")?,
        )?);
    }
    stream.flow(200).await?;
    wait_dead_letters(bed, &written).await?;
    note(format_args!(
        "{} dead letters, with their origin and the reason",
        RECORDS.len()
    ));
    stream.end_complete().await
}

/// The letters of a symbol are listed, corrected and put back as docs/operations.md says: each trade is in all three places once,
/// and no letter can be put back twice.
pub async fn what_was_corrected_arrives_once(bed: &Testbed) -> Result<()> {
    let symbol = format!("MENDED{}USDT", Timestamp::now().as_second());
    for id in 1..=2 {
        let record = format!(
            r#"{{"e":"trade","E":1610064000278,"s":"{symbol}","t":{id},"p":"{WRONG}","q":"1.5","T":1610064000277,"m":true,"M":true}}"#
        );
        read(&bed.pipeline, &["produce", &symbol, &record]).await?;
    }
    let letters = until("letters to correct", Duration::from_mins(2), async || {
        let of_symbol = letters_of(bed, &symbol).await?;
        let seen = format!("{} of 2", of_symbol.len());
        Ok(Look::when(of_symbol.len() == 2, of_symbol, seen))
    })
    .await?;
    let corrected = letters.join("\n").replace(WRONG, RIGHT);

    ensure_outcomes(
        &replay_dlq(bed, &["put", "--dry-run"], &corrected).await?,
        "WouldBeDone",
    )?;
    ensure_outcomes(&replay_dlq(bed, &["put"], &corrected).await?, "Done")?;
    ensure_outcomes(&replay_dlq(bed, &["put"], &corrected).await?, "DoneBefore")?;
    let left = letters_of(bed, &symbol).await?;
    ensure!(left.is_empty(), "still listed: {left:?}");
    audit::prove(&bed.pipeline, std::slice::from_ref(&symbol), |report| {
        let found = report.symbols.get(&symbol).context("not found anywhere")?;
        proof::exactly(&symbol, found, IdRange(1, 2), Copies::None)
    })
    .await?;
    note("2 letters corrected and put back: in all three places exactly once");
    Ok(())
}

/// The lines of `replay-dlq list` that name a symbol.
async fn letters_of(bed: &Testbed, symbol: &str) -> Result<Vec<String>> {
    let mut listed = replay_dlq(bed, &["list"], "").await?;
    listed.retain(|line| line.contains(symbol));
    Ok(listed)
}

/// Runs `replay-dlq` in a processor's container, and returns the lines it printed.
async fn replay_dlq(bed: &Testbed, arguments: &[&str], input: &str) -> Result<Vec<String>> {
    let pods = bed.pipeline.pods(Role::Processor).await?;
    let pod = pods
        .iter()
        .find(|pod| is_ready(pod))
        .context("no processor is ready")?;
    let command = [&["replay-dlq"], arguments].concat();
    let cluster = &bed.pipeline.cluster;
    let container = Role::Processor.as_str();
    let printed = cluster
        .exec(
            &bed.pipeline.namespace,
            &pod.name_any(),
            container,
            &command,
            input,
        )
        .await?;
    Ok(printed.lines().map(str::to_owned).collect())
}

/// Both letters came to this.
fn ensure_outcomes(lines: &[String], outcome: &str) -> Result<()> {
    let outcomes: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line))
        .collect::<Result<_, _>>()?;
    let as_expected = outcomes.len() == 2 && outcomes.iter().all(|put| put["outcome"] == outcome);
    ensure!(as_expected, "not {outcome}: {outcomes:?}");
    Ok(())
}

async fn rejected_frames(bed: &Testbed) -> Result<u64> {
    let statuses = workers::ingests(&bed.pipeline).await?;
    Ok(statuses.iter().map(|status| status.rejected_frames).sum())
}

/// Whether this is what became of the record written there.
fn tells_of(letter: &DeadLetter, record: &str, written: &Written) -> bool {
    letter.value == record
        && letter.header("partition") == written.partition.to_string()
        && letter.header("offset") == written.offset.to_string()
        && !letter.header("reason").is_empty()
        && letter.header("lane") == "archive"
}

/// Waits until the archive lane, the one that buries while it is enabled, has put every broken record aside. After a failure that
/// may happen twice.
async fn wait_dead_letters(bed: &Testbed, written: &[Written]) -> Result<()> {
    until("dead letters", Duration::from_mins(2), async || {
        let letters = dead_letters(&bed.pipeline).await?;
        let arrived = RECORDS
            .iter()
            .zip(written)
            .filter(|(record, written)| letters.iter().any(|letter| tells_of(letter, record, written)))
            .count();
        let wanted = RECORDS.len();
        Ok(Look::when(
            arrived == wanted,
            (),
            format!("{arrived} of {wanted}: {letters:?}"),
        ))
    })
    .await
}
