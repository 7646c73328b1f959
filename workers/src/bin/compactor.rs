//! The compactor: merges the archive's files of days that are over, once, and ends.
//! Exit code 0: everything that could be merged is; 1: an hour stays as it was; 2: could not begin.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::SystemTime};

use clap::Parser;
use crds::wire::{AuditorConfig, CONFIG_PATH};
use workers::{
    config,
    sink::archive::{
        compact::{CompactError, Compactor, Report},
        hdfs::HdfsStore,
        retry::Retrying,
    },
    telemetry,
};

/// Merges the archive's files of days that are over into one sorted file per hour.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Configuration file: the auditor's.
    #[arg(long, default_value = CONFIG_PATH)]
    config: PathBuf,
    /// A name that no other living compactor has: the pod's.
    #[arg(long, env = "POD_NAME", default_value = "compactor")]
    name: String,
    /// Only say what would be merged.
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON instead of a line.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::init();
    let arguments = Arguments::parse();
    match compact(&arguments).await {
        Ok(report) if report.failed.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            let reason = error.downcast_ref().map_or("ConfigInvalid", CompactError::reason);
            tracing::error!(
                reason,
                error = format!("{error:#}"),
                "the archive was not compacted"
            );
            ExitCode::from(2)
        }
    }
}

async fn compact(arguments: &Arguments) -> anyhow::Result<Report> {
    let config: AuditorConfig = config::load(&arguments.config)?;
    let store = Arc::new(Retrying::new(HdfsStore::new(config.hdfs)));
    let now = SystemTime::now();
    let compactor = Compactor::new(store, &arguments.name, now);
    let report = if arguments.dry_run {
        compactor.dry_run(now).await?
    } else {
        compactor.run(now).await?
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        let Report {
            hours,
            merged,
            made,
            rows,
            ..
        } = &report;
        println!(
            "{hours} hours: {merged} files of {} bytes became {made} of {} bytes with {rows} rows; {} hours failed",
            report.bytes_before,
            report.bytes_after,
            report.failed.len()
        );
    }
    Ok(report)
}
