//! Clients that share no code with the workers: Python programs in the image `readers`, run beside the pipeline.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::{
    job::{self, Program},
    pipeline::Pipeline,
};

/// Runs `read.py` with these arguments and returns the lines it printed.
pub async fn read(pipeline: &Pipeline, arguments: &[&str]) -> Result<Vec<String>> {
    run(pipeline, "read.py", arguments, Duration::from_mins(2)).await
}

/// Runs one of the programs and returns the lines it printed.
pub async fn run(
    pipeline: &Pipeline,
    program: &str,
    arguments: &[&str],
    limit: Duration,
) -> Result<Vec<String>> {
    let path = format!("/opt/readers/{program}");
    let command = ["/usr/bin/python3", &path];
    let job = Program {
        name: "reader",
        image: "readers",
        command: command.iter().chain(arguments).map(ToString::to_string).collect(),
        config_map: pipeline.auditor_config(),
        limit,
    };
    let outcome = job::run(&pipeline.cluster, &pipeline.namespace, &job).await?;
    ensure!(
        outcome.succeeded,
        "{program} {arguments:?} failed:\n{}",
        outcome.output
    );
    Ok(outcome.output.lines().map(str::to_owned).collect())
}
