//! Candles are those of the trades, however the trades came.

use anyhow::{Result, ensure};
use e2e::{candles, stream::Stream, testbed::Testbed};
use exchange_sim::Fault;
use serde_json::json;

/// 435 trades a second of both symbols together, so that minutes pass in seconds.
const SPEED: f64 = 5.0;
/// Trades of each symbol between two rounds of faults.
const TRADES: u64 = 1_500;
const ROUNDS: usize = 5;

/// Two workers listen, so that every trade comes twice; some are missed by both and repaired late, some come twice to each, some
/// are held back. Every candle equals, field by field, what Python computes from all trades.
pub async fn they_equal_an_independent_computation(bed: &Testbed) -> Result<()> {
    bed.pipeline.settle(json!({"ingest": {"replicas": 2}})).await?;
    let stream = Stream::open_at(&bed.pipeline, &bed.sim, "CANDLE", SPEED).await?;
    let symbols = stream.symbols.clone();
    for _ in 0..ROUNDS {
        for symbol in symbols.iter().cloned() {
            let faults = [
                Fault::Drop {
                    symbol: symbol.clone(),
                    trades: 50,
                },
                Fault::Duplicate {
                    symbol: symbol.clone(),
                    trades: 50,
                },
                Fault::Hold { symbol, trades: 30 },
            ];
            for fault in &faults {
                bed.sim.inflict(fault).await?;
            }
        }
        stream.flow(TRADES).await?;
    }
    stream.end_repaired().await?;
    let compared = candles::compare(&bed.pipeline, &symbols).await?;
    ensure!(
        compared.copies > 0 && compared.late > 0,
        "no trade came twice, or none came late: {compared:?}"
    );
    bed.pipeline.settle(json!({"ingest": {"replicas": 1}})).await
}
