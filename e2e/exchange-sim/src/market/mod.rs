//! The trades: what was recorded, the series of each symbol, and the clock that issues it.

pub mod clock;
pub mod decimal;
pub mod ids;
pub mod lag;
pub mod mishaps;
pub mod numbering;
pub mod recording;
pub mod series;
pub mod symbol;
