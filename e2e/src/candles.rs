//! The table `candles`, compared with what Python computes from the topic's records; it shares no code with the workers.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{pipeline::Pipeline, progress::note, readers};

/// The longest that reading, computing and the hot lane may take together.
const LIMIT: Duration = Duration::from_mins(15);

/// What was compared and found equal in every field.
#[derive(Debug, Deserialize)]
pub struct Compared {
    /// Records of the symbols in the topic.
    pub records: u64,
    /// Records of a trade that had come before.
    pub copies: u64,
    /// Trades that came after one with a higher id.
    pub late: u64,
    /// Candles by interval.
    pub candles: BTreeMap<String, u64>,
    /// Those of them that are final.
    #[serde(rename = "final")]
    pub finals: BTreeMap<String, u64>,
}

/// Compares every candle of these symbols, of every interval that the pipeline has. Each series must be at its end and whole in
/// the topic.
pub async fn compare(pipeline: &Pipeline, symbols: &[String]) -> Result<Compared> {
    let intervals = pipeline.get().await?.spec.processor.hot.candles.join(",");
    let arguments: Vec<_> = [&intervals]
        .into_iter()
        .chain(symbols)
        .map(String::as_str)
        .collect();
    let lines = readers::run(pipeline, "candles.py", &arguments, LIMIT).await?;
    let line = lines.last().context("candles.py printed nothing")?;
    note(format_args!("candles equal those computed: {line}"));
    serde_json::from_str(line).with_context(|| line.clone())
}
