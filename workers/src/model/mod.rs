//! What the workers speak of: trades, candles, symbols, exact decimals and sets of trade ids. No I/O.

mod candle;
mod decimal;
mod digits;
mod id_intervals;
mod interval;
mod product;
mod symbol;
mod trade;

pub use self::{
    candle::{Candle, CandleError, Figures, Fill, Tally, Window},
    decimal::{Decimal, DecimalError},
    digits::leading_digits,
    id_intervals::{IdInterval, IdIntervals, IdIntervalsError},
    interval::{Interval, IntervalError},
    product::Product,
    symbol::{Symbol, SymbolError},
    trade::Trade,
};
