//! Binance's limits as pure state machines: the caller brings the time, so tests need no waiting.

pub mod heartbeat;
pub mod ip;
pub mod refusals;
pub mod window;
