//! The project's own auditor, run inside the cluster: what Kafka, Cassandra and the archive hold.

use std::time::Duration;

use anyhow::{Context, Result};
use crds::wire::AuditReport;

use crate::{
    job::{self, Program},
    pipeline::Pipeline,
    progress::{Look, until},
};

/// How long the lanes may take to bring the last trades to their stores.
const CATCH_UP: Duration = Duration::from_mins(3);

/// Counts these symbols, or all where none is named, as they are at this moment.
pub async fn report(pipeline: &Pipeline, symbols: &[String]) -> Result<AuditReport> {
    let mut arguments = vec!["--json".to_owned()];
    if !symbols.is_empty() {
        arguments.extend(["--symbols".to_owned(), symbols.join(",")]);
    }
    let output = run(pipeline, arguments).await?;
    parse(&output).with_context(|| format!("no report in the auditor's output:\n{output}"))
}

/// The auditor's table, as a person reads it, once it is complete or the lanes have had their time.
pub async fn table(pipeline: &Pipeline) -> Result<String> {
    let wait = format!("{}s", CATCH_UP.as_secs());
    let output = run(pipeline, vec!["--wait".to_owned(), wait]).await?;
    let table = output.find("SYMBOL").and_then(|start| output.get(start..));
    Ok(table.unwrap_or(&output).to_owned())
}

/// Counts again until the judge is content, and returns its verdict; fails with its complaint once the lanes have had their
/// time. The auditor's own patience ends when all places are alike, which they also are before the last trades arrive.
pub async fn prove<T>(
    pipeline: &Pipeline,
    symbols: &[String],
    judge: impl Fn(&AuditReport) -> Result<T>,
) -> Result<T> {
    until("the count", CATCH_UP, async || {
        judge(&report(pipeline, symbols).await?).map(Look::Found)
    })
    .await
}

/// The exit code says whether the count is complete; the callers judge the report itself, which says what is not.
async fn run(pipeline: &Pipeline, arguments: Vec<String>) -> Result<String> {
    let mut command = vec!["/usr/local/bin/auditor".to_owned()];
    command.extend(arguments);
    let program = Program {
        name: "auditor",
        image: "workers",
        command,
        config_map: pipeline.auditor_config(),
        limit: CATCH_UP + Duration::from_mins(1),
    };
    let job = job::run(&pipeline.cluster, &pipeline.namespace, &program);
    Ok(Box::pin(job).await?.output)
}

/// The report stands between lines of log: from the first line that is `{` alone to the end of that value.
fn parse(output: &str) -> Option<AuditReport> {
    let start = output.find("{\n")?;
    let mut values = serde_json::Deserializer::from_str(output.get(start..)?).into_iter();
    values.next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_runs_the_auditor_of_this_version() {
        let example = include_str!("../../examples/auditor.yaml");
        assert!(example.contains(&format!("image: {}\n", job::image("workers"))));
    }

    #[test]
    fn the_report_is_found_between_lines_of_log() {
        let report = AuditReport {
            complete: true,
            ..AuditReport::default()
        };
        let json = serde_json::to_string_pretty(&report).unwrap();
        let output = format!("   2 s  kafka 1\n{{\"level\":\"WARN\"}}\n{json}\nbye\n");
        assert_eq!(parse(&output), Some(report));
        assert_eq!(parse("auditor: cannot reach Kafka"), None);
    }
}
