//! The command line of the program, each option also an environment variable.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;

use crate::{Limits, SimConfig, SymbolSpec};

/// A stand-in for Binance spot market data: recorded trades over the real paths, under the real rules.
#[derive(Debug, Parser)]
#[command(name = "exchange-sim", version)]
pub struct Cli {
    /// Address of WebSocket, REST and admin API
    #[arg(long, env = "EXCHANGE_SIM_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Gzipped JSON lines of Binance trade events instead of the built-in 2,001 BTCUSDT trades
    #[arg(long, env = "EXCHANGE_SIM_RECORDING")]
    recording: Option<PathBuf>,
    /// A symbol, as NAME[:id-base=ID][:repeat=TIMES][:speed=FACTOR][:start=subscription|now|command][:start-at=TRADES];
    /// may be repeated. Default: BTCUSDT, ETHUSDT and SOLUSDT at tenfold speed
    #[arg(long = "symbol", env = "EXCHANGE_SIM_SYMBOLS", value_delimiter = ',')]
    symbols: Vec<SymbolSpec>,
    #[command(flatten)]
    limits: Limits,
}

impl From<Cli> for SimConfig {
    fn from(
        Cli {
            listen,
            recording,
            symbols,
            limits,
        }: Cli,
    ) -> Self {
        let symbols = if symbols.is_empty() {
            SymbolSpec::defaults()
        } else {
            symbols
        };
        Self {
            listen,
            recording,
            symbols,
            limits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_command_line_are_those_of_the_library() {
        let config = SimConfig::from(Cli::parse_from(["exchange-sim"]));
        assert_eq!(format!("{:?}", config.limits), format!("{:?}", Limits::default()));
        assert_eq!(config.symbols, SymbolSpec::defaults());
    }

    #[test]
    fn symbols_and_limits_are_taken_from_the_command_line() {
        let line = [
            "exchange-sim",
            "--symbol",
            "ETHUSDT:repeat=2",
            "--symbol",
            "BTCUSDT",
            "--pong-timeout",
            "0.5",
        ];
        let config = SimConfig::from(Cli::parse_from(line));
        assert_eq!(
            config.symbols,
            [SymbolSpec::new("ETHUSDT").repeat(2), SymbolSpec::new("BTCUSDT")]
        );
        assert_eq!(config.limits.pong_timeout.as_millis(), 500);
    }
}
