//! Candles as rows of `candles`. Pure.

use scylla::{
    SerializeRow,
    value::{CqlDate, CqlTimestamp},
};

use super::{number::Number, row::timestamp};
use crate::model::Candle;

const DAY_US: i64 = 86_400_000_000;
/// CQL's dates count days from 1970-01-01 as this number.
const EPOCH: i64 = 1 << 31;

/// A row of `candles`; a field per column (`crds::tables::CANDLES`) and the write timestamp, [`Candle::version`]: the more
/// complete version stays, whatever was written last. It is far below any clock, so that a DELETE, stamped with today,
/// would win for ever: empty the table with TRUNCATE.
#[derive(Debug, SerializeRow)]
pub struct CandleValues<'a> {
    exchange: &'a str,
    symbol: &'a str,
    interval: &'a str,
    day: CqlDate,
    open_time: CqlTimestamp,
    open: Number,
    high: Number,
    low: Number,
    close: Number,
    volume: Number,
    quote_volume: Number,
    taker_buy_volume: Number,
    trades: i64,
    first_id: i64,
    last_id: i64,
    vwap: Number,
    #[scylla(rename = "final")]
    is_final: bool,
    written_at: i64,
}

impl<'a> CandleValues<'a> {
    /// The row of a candle.
    pub fn of(candle: &'a Candle) -> Self {
        let (window, figures) = (&candle.window, &candle.figures);
        Self {
            exchange: window.exchange.as_str(),
            symbol: window.symbol.as_str(),
            interval: window.interval.name(),
            day: CqlDate(day(window.open_us)),
            open_time: timestamp(window.open_us),
            open: figures.open.into(),
            high: figures.high.into(),
            low: figures.low.into(),
            close: figures.close.into(),
            volume: figures.volume.into(),
            quote_volume: figures.quote_volume.into(),
            taker_buy_volume: figures.taker_buy_volume.into(),
            trades: figures.trades.cast_signed(),
            first_id: figures.first_id.cast_signed(),
            last_id: figures.last_id.cast_signed(),
            vwap: figures.vwap.into(),
            is_final: candle.is_final,
            written_at: candle.version(),
        }
    }
}

/// The Cassandra partition of a candle's row.
pub fn partition(candle: &Candle) -> (&str, &str, &str, u32) {
    let window = &candle.window;
    (
        window.exchange.as_str(),
        window.symbol.as_str(),
        window.interval.name(),
        day(window.open_us),
    )
}

/// The day in UTC on which a window starts, as CQL counts days.
fn day(open_us: i64) -> u32 {
    u32::try_from(open_us.div_euclid(DAY_US) + EPOCH).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    // As CQL's binary protocol has it: 2^31 is 1970-01-01. 2021-01-08 is day 18635.
    #[case(0, 1 << 31)]
    #[case(1_610_064_000_000_000, (1 << 31) + 18_635)]
    #[case(1_610_063_999_000_000, (1 << 31) + 18_634)]
    #[case(-1, (1 << 31) - 1)]
    fn a_window_stands_in_the_day_in_which_it_starts(#[case] open_us: i64, #[case] expected: u32) {
        assert_eq!(day(open_us), expected);
    }
}
