//! A stand-in for the market-data side of the Binance spot exchange, and of Coinbase Exchange.
//!
//! It streams recorded trades over the paths Binance uses, and punishes what Binance punishes: a client that
//! runs against it cannot tell it from the real exchange except by its address. Symbols with a hyphen, as in `BTC-USD`, are
//! Coinbase's products: they are served over Coinbase's paths, by Coinbase's rules. What it issued, what nobody
//! heard and which rules were broken can be read from its ledger, which no real exchange offers.
//!
//! ```no_run
//! # async fn example() -> Result<(), exchange_sim::SimError> {
//! use exchange_sim::{Sim, SimConfig, SymbolSpec};
//!
//! let sim = Sim::start(SimConfig::new([SymbolSpec::new("BTCUSDT").speed(0.0)])).await?;
//! println!("stream at {}, REST at {}", sim.stream_url(), sim.rest_url());
//! assert!(sim.ledger().symbols["BTCUSDT"].unheard.is_empty());
//! # Ok(()) }
//! ```

mod admin;
pub mod cli;
mod coinbase;
mod config;
mod exchange;
mod ledger;
mod market;
mod rest;
mod rules;
mod sim;
mod sync;
mod ws;

pub use config::{Fault, Limits, Refusal, Service, SimConfig, Speed, Start, SymbolSpec, SymbolSpecError};
pub use exchange::ExchangeError;
pub use ledger::{IdRange, Ledger, SymbolLedger, Violation, ViolationRecord};
pub use market::recording::RecordingError;
pub use sim::{Sim, SimError};
