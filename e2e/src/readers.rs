//! Clients that share no code with the workers: Python programs in the image `readers`, run beside the pipeline.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::{
    job::{self, Program},
    pipeline::Pipeline,
};

/// Runs `read.py` with these arguments and returns the lines it printed.
pub async fn read(pipeline: &Pipeline, arguments: &[&str]) -> Result<Vec<String>> {
    let command = ["/usr/bin/python3", "/opt/readers/read.py"];
    let program = Program {
        name: "reader",
        image: "readers",
        command: command.iter().chain(arguments).map(ToString::to_string).collect(),
        config_map: pipeline.auditor_config(),
        limit: Duration::from_mins(2),
    };
    let outcome = job::run(&pipeline.cluster, &pipeline.namespace, &program).await?;
    ensure!(
        outcome.succeeded,
        "read.py {arguments:?} failed:\n{}",
        outcome.output
    );
    Ok(outcome.output.lines().map(str::to_owned).collect())
}
