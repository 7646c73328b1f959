//! The recorded trades, read once at the start from the copy inside the program or from a file.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::decimal::Decimal;

const BUILT_IN: &[u8] = include_bytes!("../../data/BTCUSDT-trades-2021-01-08.jsonl.gz");

/// Trades of one symbol, in order and without a hole in their ids.
#[derive(Debug)]
pub struct Recording {
    /// The symbol that was recorded.
    pub symbol: String,
    /// Never empty.
    pub trades: Vec<RecordedTrade>,
}

/// One recorded event, as sent and as understood.
#[derive(Debug)]
pub struct RecordedTrade {
    /// The event byte for byte.
    pub text: String,
    /// Trade id.
    pub id: u64,
    /// Price in the quote asset.
    pub price: Decimal,
    /// Quantity in the base asset.
    pub quantity: Decimal,
    /// Milliseconds since the Unix epoch at which the event was sent.
    pub event_time: u64,
    /// Milliseconds since the Unix epoch at which the trade happened.
    pub trade_time: u64,
    /// Whether the buyer's order was in the book first.
    pub buyer_is_maker: bool,
    /// Binance's `M`: always true on the stream, `isBestMatch` in REST.
    pub best_match: bool,
}

/// A recording that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be opened or is no gzip.
    #[error("cannot read the recording {}: {source}; give a gzipped file of JSON lines", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not a trade event in Binance's form.
    #[error("line {line} of the recording is not a trade event: {problem}; remove or repair it")]
    BadLine {
        /// Counted from 1.
        line: usize,
        /// What does not fit.
        problem: String,
    },
    /// There is no trade at all.
    #[error("the recording holds no trade; record at least one")]
    Empty,
}

impl RecordingError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "RecordingUnreadable",
            Self::BadLine { .. } => "RecordingBadLine",
            Self::Empty => "RecordingEmpty",
        }
    }
}

impl Recording {
    /// Reads the file, or the built-in recording when there is none.
    pub fn load(path: Option<&Path>) -> Result<Self, RecordingError> {
        let Some(path) = path else {
            return read("(built in)".as_ref(), BUILT_IN);
        };
        let unreadable = |source| RecordingError::Unreadable {
            path: path.to_owned(),
            source,
        };
        read(path, File::open(path).map_err(unreadable)?)
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    e: &'a str,
    #[serde(rename = "E")]
    event_time: u64,
    s: String,
    t: u64,
    p: &'a str,
    q: &'a str,
    #[serde(rename = "T")]
    trade_time: u64,
    m: bool,
    #[serde(rename = "M")]
    best_match: bool,
}

fn read(path: &Path, gzip: impl Read) -> Result<Recording, RecordingError> {
    let mut recording = Recording {
        symbol: String::new(),
        trades: Vec::new(),
    };
    for (index, text) in BufReader::new(MultiGzDecoder::new(gzip)).lines().enumerate() {
        let text = text.map_err(|source| RecordingError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        append(&mut recording, text).map_err(|problem| RecordingError::BadLine {
            line: index + 1,
            problem,
        })?;
    }
    if recording.trades.is_empty() {
        Err(RecordingError::Empty)
    } else {
        Ok(recording)
    }
}

fn append(recording: &mut Recording, text: String) -> Result<(), String> {
    let event: Line<'_> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if event.e != "trade" {
        return Err(format!("its type is `{}`", event.e));
    }
    let trade = RecordedTrade {
        id: event.t,
        price: event.p.parse().map_err(|error| format!("p: {error}"))?,
        quantity: event.q.parse().map_err(|error| format!("q: {error}"))?,
        event_time: event.event_time,
        trade_time: event.trade_time,
        buyer_is_maker: event.m,
        best_match: event.best_match,
        text: String::new(),
    };
    match recording.trades.last() {
        None => recording.symbol = event.s,
        Some(_) if event.s != recording.symbol => {
            return Err(format!("its symbol is `{}`, not `{}`", event.s, recording.symbol));
        }
        Some(last) if trade.id != last.id + 1 || trade.event_time < last.event_time => {
            return Err(format!("trade {} does not follow trade {}", trade.id, last.id));
        }
        Some(_) => {}
    }
    recording.trades.push(RecordedTrade { text, ..trade });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn line(symbol: &str, id: u64) -> String {
        format!(
            r#"{{"e":"trade","E":5,"s":"{symbol}","t":{id},"p":"1.00000000","q":"2.00000000","T":5,"m":true,"M":true}}"#
        )
    }

    #[test]
    fn the_built_in_recording_is_complete_and_understood_exactly() {
        let recording = Recording::load(None).unwrap();
        assert_eq!(
            (recording.symbol.as_str(), recording.trades.len()),
            ("BTCUSDT", 2001)
        );
        assert_eq!(recording.trades[0].id, 553_287_559);
        for trade in &recording.trades {
            assert!(
                trade
                    .text
                    .contains(&format!(r#""p":"{}","q":"{}""#, trade.price, trade.quantity))
            );
        }
    }

    #[rstest::rstest]
    #[case::hole(format!("{}\n{}\n", line("A", 1), line("A", 3)), "RecordingBadLine")]
    #[case::two_symbols(format!("{}\n{}\n", line("A", 1), line("B", 2)), "RecordingBadLine")]
    #[case::no_json("{\n".to_owned(), "RecordingBadLine")]
    #[case::other_event(line("A", 1).replace("trade", "aggTrade"), "RecordingBadLine")]
    #[case::empty(String::new(), "RecordingEmpty")]
    fn a_recording_that_would_mislead_is_refused(#[case] text: String, #[case] reason: &str) {
        assert_eq!(
            read("test".as_ref(), gzip(&text).as_slice())
                .unwrap_err()
                .reason(),
            reason
        );
    }

    #[test]
    fn a_file_that_is_no_gzip_is_refused() {
        assert_eq!(
            read("test".as_ref(), &b"plain"[..]).unwrap_err().reason(),
            "RecordingUnreadable"
        );
    }
}
