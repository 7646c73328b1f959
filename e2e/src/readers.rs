//! Clients that share no code with the workers: Python programs in the image `readers`, run beside the pipeline.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::{
    job::{self, Program},
    pipeline::Pipeline,
};

/// Runs `read.py` with these arguments and returns the lines it printed.
pub async fn read(pipeline: &Pipeline, arguments: &[&str]) -> Result<Vec<String>> {
    run(pipeline, "read.py", arguments, Duration::from_mins(2)).await
}

/// A record of the dead-letter topic.
#[derive(Debug, Deserialize)]
pub struct DeadLetter {
    /// As it was buried.
    pub value: String,
    /// By name.
    pub headers: BTreeMap<String, String>,
}

impl DeadLetter {
    /// A header's value; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// All dead letters of a pipeline.
pub async fn dead_letters(pipeline: &Pipeline) -> Result<Vec<DeadLetter>> {
    let lines = read(pipeline, &["dead-letters"]).await?;
    let letters = lines.iter().map(|line| serde_json::from_str(line));
    Ok(letters.collect::<Result<_, _>>()?)
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
