//! The second exchange. It has its own frames, ids and limits, and the pipeline behind it is the same.

use std::time::Duration;

use anyhow::{Result, ensure};
use crds::status::condition;
use e2e::{gaps, stream::Stream, testbed::Testbed};
use exchange_sim::Fault;
use serde_json::json;

/// Trades that Coinbase sent to nobody and those of a cut connection are fetched; every trade is in all three places once. Then
/// the pipeline reads Binance again.
pub async fn coinbase_is_read_without_a_loss(bed: &Testbed) -> Result<()> {
    let before = bed.pipeline.get().await?.spec.ingest;
    let stream = Stream::open_at_coinbase(&bed.pipeline, &bed.sim, "VENUE").await?;
    for symbol in &stream.symbols {
        let symbol = symbol.clone();
        bed.sim.inflict(&Fault::Drop { symbol, trades: 20 }).await?;
    }
    stream.flow(200).await?;
    bed.sim.inflict(&Fault::Cut).await?;
    stream.flow(200).await?;

    let repaired = gaps::closed(&bed.pipeline, &stream.symbols).await?;
    for symbol in &stream.symbols {
        ensure!(repaired.contains_key(symbol), "no gap of {symbol} was told of");
    }
    bed.pipeline
        .wait_condition(condition::DATA_FLOWING, Duration::from_mins(2), |flowing| {
            flowing.reason == "TradesFlow"
        })
        .await?;
    stream.end_repaired().await?;

    bed.pipeline
        .settle(json!({"ingest": {"exchange": before.exchange, "symbols": before.symbols}}))
        .await
}
