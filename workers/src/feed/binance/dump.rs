//! Binance's public dumps of spot trades (binance-public-data: README.md, "Trades"), as published on data.binance.vision.
//! Pure.
//!
//! Columns: trade id, price, quantity, quote quantity, time, whether the buyer was the maker, whether it was the best
//! match; the two last as `True` or `true`. Days from 2025-01-01 on have their times in microseconds, earlier ones in
//! milliseconds. Some files have a line of names at their head.

use bytes::Bytes;

use super::trades::Row;
use crate::{
    feed::stream::Told,
    model::{Decimal, DecimalError, Symbol},
};

/// Between the symbol and the day or month in the name of a file.
const TRADES: &str = "-trades-";
/// Endings of the name: as it is unpacked, packed by hand, and as it is published.
const ENDINGS: [&str; 3] = [".csv", ".csv.gz", ".zip"];
/// Times above are microseconds: as milliseconds they would be of the year 5138.
const LAST_MS: i64 = 100_000_000_000_000;

/// Why a line is no trade.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum LineError {
    #[error("not seven columns of a trade")]
    Columns,
    #[error("price or quantity: {0}")]
    Decimal(#[from] DecimalError),
}

/// The symbol, and the day or month, of the file of that name; `None` when it is no dump of trades.
pub fn file(name: &str) -> Option<(Symbol, &str)> {
    let stem = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending))?;
    let (symbol, date) = stem.split_once(TRADES)?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (date.split('-').count() >= 2 && date.split('-').all(digits))
        .then(|| Some((symbol.parse().ok()?, date)))?
}

/// Whether a line names the columns.
pub fn is_head(line: &str) -> bool {
    line.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// Reads a line, without its end, into the event that the live stream would have sent.
pub fn read(symbol: &Symbol, line: &str) -> Told {
    let unreadable = |reason| Told::Unreadable(Bytes::copy_from_slice(line.as_bytes()), reason);
    let row = match row(line) {
        Ok(row) => row,
        Err(error) => {
            tracing::warn!(%symbol, line, %error, "line of a dump cannot be read");
            return unreadable("InvalidRow");
        }
    };
    match row.event(symbol) {
        Ok((event, trade)) => Told::Trade(event, trade),
        Err(error) => {
            tracing::warn!(%symbol, line, %error, "line of a dump holds no trade");
            unreadable(error.reason())
        }
    }
}

fn row(line: &str) -> Result<Row, LineError> {
    let mut columns = line.split(',');
    let mut next = || columns.next().ok_or(LineError::Columns);
    let (id, price, quantity, _, time) = (next()?, next()?, next()?, next()?, next()?);
    let (maker, best) = (next()?, next()?);
    if columns.next().is_some() {
        return Err(LineError::Columns);
    }
    let time = number::<i64>(time)?;
    Ok(Row {
        id: number(id)?,
        price: eight_places(price)?,
        qty: eight_places(quantity)?,
        // The stream's unit. A trade is the same row in every store, whichever way it came.
        time: if time > LAST_MS { time / 1_000 } else { time },
        is_buyer_maker: truth(maker)?,
        is_best_match: truth(best)?,
    })
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, LineError> {
    text.parse().map_err(|_| LineError::Columns)
}

fn truth(text: &str) -> Result<bool, LineError> {
    match text {
        "True" | "true" => Ok(true),
        "False" | "false" => Ok(false),
        _ => Err(LineError::Columns),
    }
}

/// As the stream writes it.
fn eight_places(text: &str) -> Result<String, LineError> {
    Ok(text.parse::<Decimal>()?.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const EVENT: &str = r#"{"e":"trade","E":1610064000278,"s":"BTCUSDT","t":553287559,"p":"39432.48000000","q":"0.00026300","T":1610064000278,"m":true,"M":true}"#;

    fn symbol() -> Symbol {
        "BTCUSDT".parse().unwrap()
    }

    #[rstest]
    #[case::as_published("553287559,39432.48000000,0.00026300,10.37074224,1610064000278,True,True")]
    #[case::lower_case("553287559,39432.48000000,0.00026300,10.37074224,1610064000278,true,true")]
    #[case::in_microseconds("553287559,39432.48000000,0.00026300,10.37074224,1610064000278123,True,True")]
    #[case::shortened("553287559,39432.48,0.000263,10.37074224,1610064000278,True,True")]
    fn a_line_becomes_the_bytes_of_the_stream(#[case] line: &str) {
        let Told::Trade(event, trade) = read(&symbol(), line) else {
            panic!("{line}")
        };
        assert_eq!(event, EVENT);
        assert_eq!(trade.trade_id, 553_287_559);
    }

    #[rstest]
    #[case("", "InvalidRow")]
    #[case("1,2,3", "InvalidRow")]
    #[case("1,1.0,1.0,1.0,1610064000278,True,True,True", "InvalidRow")]
    #[case("1,1.0,1.0,1.0,1610064000278,yes,True", "InvalidRow")]
    #[case("-1,1.0,1.0,1.0,1610064000278,True,True", "InvalidRow")]
    #[case("1,1e3,1.0,1.0,1610064000278,True,True", "InvalidRow")]
    #[case("1,0.0,1.0,1.0,1610064000278,True,True", "AbsurdValue")]
    #[case("1,1.0,1.0,1.0,1610064000,True,True", "AbsurdValue")]
    fn a_line_that_holds_no_trade_is_kept_with_the_reason(#[case] line: &str, #[case] expected: &str) {
        let Told::Unreadable(bytes, reason) = read(&symbol(), line) else {
            panic!("{line}")
        };
        assert_eq!((bytes.as_ref(), reason), (line.as_bytes(), expected));
    }

    #[test]
    fn a_file_is_known_by_its_name() {
        for name in [
            "BTCUSDT-trades-2024-12-31.csv",
            "BTCUSDT-trades-2024-12-31.csv.gz",
            "BTCUSDT-trades-2024-12-31.zip",
        ] {
            assert_eq!(file(name), Some((symbol(), "2024-12-31")), "{name}");
        }
        assert_eq!(
            file("BTCUSDT-trades-2024-12.zip").map(|(_, month)| month),
            Some("2024-12")
        );
        for name in [
            "BTCUSDT-trades-2024-12-31.zip.CHECKSUM",
            "BTCUSDT-aggTrades-2024-12-31.csv",
            "BTCUSDT-1m-2024-12-31.csv",
            "BTCUSDT-trades-all.csv",
            "-trades-2024-12-31.csv",
        ] {
            assert_eq!(file(name), None, "{name}");
        }
        assert!(is_head(
            "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match"
        ));
        assert!(!is_head(
            "553287559,39432.48,0.000263,10.37,1610064000278,True,True"
        ));
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_kept(line: String) {
            let _ = read(&symbol(), &line);
        }
    }
}
