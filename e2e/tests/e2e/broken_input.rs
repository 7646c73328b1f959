//! What no worker can read: it is counted or kept aside, and the trades behind it arrive.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::{
    progress::{Look, note, until},
    readers::{DeadLetter, dead_letters, read},
    stream::Stream,
    testbed::Testbed,
    workers,
};
use serde::Deserialize;

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
