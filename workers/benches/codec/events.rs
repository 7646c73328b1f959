//! The recorded trades as records' values, once or as often as a batch is long.

use std::io::Read;

use anyhow::{Result, ensure};
use flate2::read::GzDecoder;
use serde_json::{Map, Value};

const RECORDING: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../e2e/exchange-sim/data/BTCUSDT-trades-2021-01-08.jsonl.gz"
));
/// From one playing of the recording to the next, milliseconds: a little more than its length.
const PERIOD_MS: u64 = 46_100;

/// Values, none empty, ids ascending.
#[derive(Clone)]
pub struct Events(Vec<String>);

impl Events {
    /// The recording, byte for byte.
    pub fn recorded() -> Result<Self> {
        let mut text = String::new();
        GzDecoder::new(RECORDING).read_to_string(&mut text)?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        ensure!(!lines.is_empty(), "the recording is empty");
        Ok(Self(lines))
    }

    /// The same trades, with fields in the order of their names.
    pub fn in_another_order(&self) -> Result<Self> {
        let reordered = self.0.iter().map(|line| {
            let event: Map<String, Value> = serde_json::from_str(line)?;
            let mut fields: Vec<_> = event.into_iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("\"{name}\":{value}"))
                .collect();
            Ok(format!("{{{}}}", fields.join(",")))
        });
        reordered.collect::<Result<_>>().map(Self)
    }

    /// So many trades: the recording again and again, with ids and times that go on.
    pub fn repeated(&self, rows: usize) -> Result<Self> {
        let count = u64::try_from(self.0.len())?;
        let mut events = Vec::with_capacity(rows);
        for (round, line) in (0..).flat_map(|round| self.0.iter().map(move |line| (round, line))) {
            if events.len() == rows {
                break;
            }
            let event: Value = serde_json::from_str(line)?;
            let mut text = line.clone();
            for (field, step) in [("t", count), ("E", PERIOD_MS), ("T", PERIOD_MS)] {
                let number = event[field].as_u64().unwrap_or_default();
                text = text.replace(
                    &format!("\"{field}\":{number}"),
                    &format!("\"{field}\":{}", number + round * step),
                );
            }
            events.push(text);
        }
        Ok(Self(events))
    }

    /// The values.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.0.iter().map(String::as_bytes)
    }

    /// Mean length of a value.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn mean_bytes(&self) -> f64 {
        self.0.iter().map(String::len).sum::<usize>() as f64 / self.0.len() as f64
    }
}
