//! Logging: one JSON object per line, as log collectors expect; plain text on a terminal. Level by `RUST_LOG`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::panics;

/// What is logged unless `RUST_LOG` says otherwise. The HDFS client warns of each file that it gives up, several in a second
/// while HDFS has no room; the archive itself says what it waits for, and not as often.
const DEFAULT_FILTER: &str = "info,hdfs_native=error";

/// Starts logging to standard error. Call it once, first of all; a second call changes nothing.
pub fn init() {
    panics::keep_caught_quiet();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // An error only says that a logger is in place already.
    let _ = if std::io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
}
