//! `ingest`: streams an exchange's trades to Kafka until SIGTERM.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use crds::wire::{CONFIG_PATH, IngestConfig};
use tokio::sync::watch;
use workers::{
    config,
    health::server::PORT,
    ingest::{Ingest, Options},
    reload, shutdown, telemetry,
};

/// Streams an exchange's trades to Kafka.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// The configuration that the operator wrote
    #[arg(long, env = "CONFIG", default_value = CONFIG_PATH)]
    config: PathBuf,
    /// Where /livez, /readyz, /metrics and /status are served
    #[arg(long, env = "LISTEN", default_value_t = SocketAddr::from(([0, 0, 0, 0], PORT)))]
    listen: SocketAddr,
    /// Seconds after SIGTERM in which what was read may still be acknowledged; less than the pod's grace period
    #[arg(long, env = "FLUSH_SECONDS", default_value_t = 20)]
    flush_seconds: u64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    telemetry::init();
    let cli = Cli::parse();
    let stop = shutdown::signal()?;
    let config: IngestConfig = config::load(&cli.config)?;
    tracing::info!(
        exchange = config.exchange.as_str(),
        endpoint = config.endpoints.stream,
        symbols = config.symbols.len(),
        topic = config.kafka.topic,
        "starting"
    );
    let options = Options {
        listen: cli.listen,
        flush_limit: Duration::from_secs(cli.flush_seconds),
    };
    let (sender, current) = watch::channel(config);
    tokio::spawn(reload::follow(cli.config, sender, reload::INTERVAL, stop.clone()));
    let result = Ingest::start(current, options, stop).await?.finished().await;
    if let Err(error) = &result {
        tracing::error!(reason = error.reason(), %error, "ingest failed");
    }
    Ok(result?)
}
