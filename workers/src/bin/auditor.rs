//! The auditor: counts every trade in the topic, in Cassandra and in the archive, and says what is missing or double.
//! Exit code 0: complete; 1: not complete; 2: could not count.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use crds::{
    duration::HumanDuration,
    wire::{AuditReport, AuditorConfig, CONFIG_PATH},
};
use workers::{
    audit::{self, AuditError, table},
    config, telemetry,
};

/// Counts every trade in the topic, in Cassandra and in the archive.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Configuration file.
    #[arg(long, default_value = CONFIG_PATH)]
    config: PathBuf,
    /// Only these symbols, comma-separated, upper case. Absent: all that are found.
    #[arg(long, value_delimiter = ',')]
    symbols: Vec<String>,
    /// Print JSON with every range instead of the table.
    #[arg(long)]
    json: bool,
    /// Count again until complete, for at most this long, such as 5m.
    #[arg(long)]
    wait: Option<HumanDuration>,
}

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::init();
    match audit(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("auditor: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Prints the report and returns whether it is complete.
async fn audit(arguments: &Arguments) -> anyhow::Result<bool> {
    let config: AuditorConfig = config::load(&arguments.config)?;
    let patience = arguments.wait.as_ref().map_or(Duration::ZERO, HumanDuration::get);
    let report = audit::until_complete(&config, &arguments.symbols, patience, progress).await?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", table::render(&report));
    }
    Ok(report.complete)
}

fn progress(result: &Result<AuditReport, AuditError>, elapsed: Duration) {
    let seconds = elapsed.as_secs();
    match result {
        Ok(report) => {
            let total =
                |place: fn(&crds::wire::SymbolAudit) -> u64| report.symbols.values().map(place).sum::<u64>();
            eprintln!(
                "{seconds:>4} s  kafka {}  cassandra {}  parquet {}",
                total(|symbol| symbol.kafka.trades),
                total(|symbol| symbol.cassandra.trades),
                total(|symbol| symbol.archive.trades),
            );
        }
        Err(error) => eprintln!("{seconds:>4} s  {}: {error}", error.reason()),
    }
}
