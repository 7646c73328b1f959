//! The recorded trades that the simulated exchange replays, read independently of it.

use std::io::Read;

use anyhow::Result;
use flate2::read::GzDecoder;
use serde::Deserialize;

const RECORDING: &[u8] = include_bytes!("../exchange-sim/data/BTCUSDT-trades-2021-01-08.jsonl.gz");

/// The symbol of the recording.
pub const SYMBOL: &str = "BTCUSDT";

/// One trade with the fields that every store keeps. Numbers with a fraction stay text, as the exchange wrote them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Trade {
    /// Trade id.
    pub t: u64,
    /// Price, eight decimals.
    pub p: String,
    /// Quantity, eight decimals.
    pub q: String,
    /// Trade time, milliseconds since 1970.
    #[serde(rename = "T")]
    pub time: u64,
    /// Event time, milliseconds since 1970.
    #[serde(rename = "E")]
    pub event_time: u64,
    /// Whether the buyer is the maker.
    pub m: bool,
}

/// The recorded events, byte for byte, in the order of their ids.
pub fn lines() -> Result<Vec<String>> {
    let mut text = String::new();
    GzDecoder::new(RECORDING).read_to_string(&mut text)?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The trades in these events.
pub fn trades(lines: &[String]) -> Result<Vec<Trade>> {
    lines.iter().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_recording_has_2001_trades_without_a_hole() {
        let trades = super::trades(&super::lines().unwrap()).unwrap();
        assert_eq!(trades.len(), 2_001);
        assert!(trades.windows(2).all(|pair| pair[0].t + 1 == pair[1].t));
    }
}
