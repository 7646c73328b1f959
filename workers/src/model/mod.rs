//! What the workers speak of: trades, symbols, exact decimals and sets of trade ids. No I/O.

mod decimal;
mod id_intervals;
mod symbol;
mod trade;

pub use self::{
    decimal::{Decimal, DecimalError},
    id_intervals::{IdInterval, IdIntervals, IdIntervalsError},
    symbol::{Symbol, SymbolError},
    trade::Trade,
};
