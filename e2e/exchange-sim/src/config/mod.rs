//! What a simulated exchange is made of: its symbols, its limits, its address, and what can be made to go wrong. No I/O.

mod fault;
mod limits;
mod symbol;
mod symbol_text;

use std::{net::SocketAddr, path::PathBuf};

pub use self::{
    fault::{Fault, Refusal, Service},
    limits::Limits,
    symbol::{Speed, Start, SymbolSpec},
    symbol_text::SymbolSpecError,
};

/// Everything [`Sim::start`](crate::Sim::start) needs.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// The one address of WebSocket, REST and admin API; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Gzipped JSON lines of Binance trade events; the recording inside the program when absent.
    pub recording: Option<PathBuf>,
    /// The symbols listed at the start; more can be added while it runs.
    pub symbols: Vec<SymbolSpec>,
    /// The rules a client is held to.
    pub limits: Limits,
}

impl SimConfig {
    /// A simulated exchange on a free local port, with Binance's own limits.
    pub fn new(symbols: impl IntoIterator<Item = SymbolSpec>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            recording: None,
            symbols: symbols.into_iter().collect(),
            limits: Limits::default(),
        }
    }

    /// Replaces the limits.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }
}

impl Default for SimConfig {
    fn default() -> Self {
        Self::new(SymbolSpec::defaults())
    }
}
