//! Logs: one JSON object per line on standard output.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Libraries that log each failed connection themselves. The operator reports the same failures once, with their
/// reason, in conditions and in its own log.
const QUIET: &str =
    "rdkafka=off,librdkafka=off,scylla=off,hdfs_native=off,kube_client::client::builder=off,hyper_util=warn";

/// Starts logging.
///
/// # Errors
/// When `filter` is not in tracing's syntax, or logging was started before.
pub fn start(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}"))?;
    tracing_subscriber::registry()
        .with(filter)
        .with(fmt::layer().json().flatten_event(true).with_current_span(true))
        .try_init()?;
    Ok(())
}
