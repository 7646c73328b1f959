//! Runs a simulated exchange until it is told to stop.

use std::io::{IsTerminal, stdout};

use anyhow::Context;
use clap::Parser;
use exchange_sim::{Sim, SimConfig, cli::Cli};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(stdout().is_terminal())
        .init();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let sim = Sim::start(SimConfig::from(Cli::parse())).await?;
    tracing::info!(address = %sim.addr(), "the exchange is open");
    tokio::select! {
        _ = terminate.recv() => {}
        interrupt = tokio::signal::ctrl_c() => interrupt.context("cannot listen for an interrupt")?,
    }
    sim.stop().await;
    tracing::info!("the exchange is closed");
    Ok(())
}
