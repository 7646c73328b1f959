//! Symbols move from one ingest worker to another while they trade.

use std::time::Duration;

use anyhow::Result;
use e2e::{
    progress::{Look, until},
    stream::Stream,
    testbed::Testbed,
    workers,
};
use serde_json::json;

/// The longest that a symbol may be read by two workers.
const HAND_OVER: Duration = Duration::from_mins(5);

/// 1, 3, 1: both symbols move away and back, each time read by two workers until the new one hears it.
pub async fn symbols_move_between_shards_without_a_gap(bed: &Testbed) -> Result<()> {
    // Names that shard 0 of three does not read.
    let stream = Stream::open(&bed.pipeline, &bed.sim, "SHARD").await?;
    for shards in [3, 1] {
        bed.pipeline.settle(json!({"ingest": {"shards": shards}})).await?;
        wait_shared(bed, &stream.symbols, shards).await?;
        stream.flow(200).await?;
    }
    stream.end_unbroken().await
}

/// Each symbol is read by one worker alone: by the only one, or by not the same. A shard that has no symbol has no worker.
async fn wait_shared(bed: &Testbed, symbols: &[String], shards: usize) -> Result<()> {
    until("symbols shared out", HAND_OVER, async || {
        let statuses = workers::ingests(&bed.pipeline).await?;
        let read: Vec<usize> = statuses
            .iter()
            .map(|status| {
                symbols
                    .iter()
                    .filter(|symbol| status.symbols.contains_key(*symbol))
                    .count()
            })
            .collect();
        let apart = match shards {
            1 => read.len() == 1,
            _ => read.iter().all(|count| *count < symbols.len()),
        };
        let shared = apart && read.iter().sum::<usize>() == symbols.len();
        Ok(Look::when(
            shared,
            (),
            format!("{read:?} of {} symbols", symbols.len()),
        ))
    })
    .await
}
