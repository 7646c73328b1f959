//! The operator under test: who leads, what it wrote to the API and what it logged.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use jiff::Timestamp;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api,
    api::{ListParams, LogParams},
};

use crate::{
    cluster::Cluster,
    progress::{Look, until},
};

/// Where the chart is installed.
pub const NAMESPACE: &str = "cryptopipeline-system";
/// Label selector of the operator's pods.
pub const LABELS: &str = "app.kubernetes.io/name=cryptopipeline-operator";
/// Port of `/livez`, `/readyz` and `/metrics`.
const HTTP_PORT: u16 = 8080;
/// Counts every write to the API by verb and kind.
const WRITES_METRIC: &str = "cryptopipeline_api_writes_total";

/// Errors that a test provokes on purpose, as they may stand in the operator's log, each with the reason why it is no fault.
const EXPECTED_ERRORS: [&str; 0] = [];

/// The pod that holds the lease.
pub async fn leader(cluster: &Cluster) -> Result<String> {
    let leases: Api<Lease> = cluster.api(NAMESPACE);
    let holders = leases.list(&ListParams::default()).await?;
    let pods = cluster.pod_names(NAMESPACE, LABELS).await?;
    let holders: Vec<_> = holders
        .iter()
        .filter_map(|lease| lease.spec.as_ref()?.holder_identity.clone())
        .collect();
    pods.into_iter()
        .find(|pod| holders.iter().any(|holder| holder.contains(pod)))
        .with_context(|| format!("no operator pod holds a lease; holders are {holders:?}"))
}

/// Writes to the API since each operator pod started, by `verb kind`, without those of the lease.
pub async fn writes(cluster: &Cluster) -> Result<BTreeMap<String, u64>> {
    let mut writes = BTreeMap::new();
    for pod in cluster.pod_names(NAMESPACE, LABELS).await? {
        let metrics = cluster
            .get_from_pod(NAMESPACE, &pod, HTTP_PORT, "/metrics")
            .await?;
        for (series, count) in metrics.lines().filter_map(write_count) {
            *writes.entry(series).or_default() += count;
        }
    }
    Ok(writes)
}

/// `cryptopipeline_api_writes_total{verb="patch",kind="Service"} 3` as (`verb="patch",kind="Service"`, 3).
fn write_count(line: &str) -> Option<(String, u64)> {
    let (labels, count) = line.strip_prefix(WRITES_METRIC)?.rsplit_once(' ')?;
    let labels = labels.trim_matches(['{', '}']);
    (!labels.contains("\"Lease\"")).then_some((labels.to_owned(), count.parse().ok()?))
}

/// Lines of level ERROR that any operator pod logged since then, previous containers included. A reconciliation that
/// failed for a reason that passes by itself (a conflict, a timeout) is logged below that level.
pub async fn errors_since(cluster: &Cluster, since: Timestamp) -> Result<Vec<String>> {
    let pods: Api<Pod> = cluster.api(NAMESPACE);
    let names = until("the operator's pods", Duration::from_secs(30), async || {
        cluster.pod_names(NAMESPACE, LABELS).await.map(Look::Found)
    });
    let mut errors = Vec::new();
    for pod in names.await? {
        for previous in [false, true] {
            let params = LogParams {
                previous,
                since_time: Some(since),
                ..LogParams::default()
            };
            // A pod that never restarted has no previous log.
            let log = pods.logs(&pod, &params).await.unwrap_or_default();
            errors.extend(
                log.lines()
                    .filter(|line| is_error(line))
                    .map(|line| format!("{pod}: {line}")),
            );
        }
    }
    Ok(errors)
}

fn is_error(line: &str) -> bool {
    let error =
        line.contains(r#""level":"ERROR""#) || line.contains(" ERROR ") || line.contains("panicked at");
    error && !EXPECTED_ERRORS.iter().any(|expected| line.contains(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_counted_without_those_of_the_lease() {
        let line = |kind| format!("{WRITES_METRIC}{{verb=\"patch\",kind=\"{kind}\"}} 3");
        assert_eq!(
            write_count(&line("Service")),
            Some((r#"verb="patch",kind="Service""#.to_owned(), 3))
        );
        assert_eq!(write_count(&line("Lease")), None);
        assert_eq!(
            write_count("# TYPE cryptopipeline_api_writes_total counter"),
            None
        );
    }

    #[test]
    fn errors_are_seen_in_both_forms_of_log() {
        assert!(is_error(r#"{"timestamp":"…","level":"ERROR","fields":{}}"#));
        assert!(is_error("2026-01-01T00:00:00Z ERROR operator: no"));
        assert!(!is_error("2026-01-01T00:00:00Z  INFO operator: no error"));
    }
}
