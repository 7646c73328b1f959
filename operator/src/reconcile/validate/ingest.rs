//! What CEL cannot check of `spec.ingest`.

use std::collections::BTreeSet;

use crds::{spec::IngestSpec, wire::StartFrom};
use jiff::Timestamp;

use super::Problem;

/// Each symbol once, and enough of them for all shards.
pub fn check_symbols(ingest: &IngestSpec, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for symbol in &ingest.symbols {
        if !seen.insert(symbol) {
            problems.push(Problem::DuplicateSymbol(symbol.clone()));
        }
    }
    if usize::try_from(ingest.shards).is_ok_and(|shards| shards > seen.len()) {
        problems.push(Problem::TooManyShards {
            shards: ingest.shards,
            symbols: seen.len(),
        });
    }
}

/// Where the ids of symbols begin to count, in the workers' terms.
pub fn start_from(ingest: &IngestSpec, problems: &mut Vec<Problem>) -> StartFrom {
    let Some(wanted) = &ingest.start_from else {
        return StartFrom::default();
    };
    let mut start_from = StartFrom::default();
    for (symbol, id) in &wanted.ids {
        match u64::try_from(*id) {
            Ok(id) if ingest.symbols.contains(symbol) => {
                start_from.ids.insert(symbol.clone(), id);
            }
            _ => problems.push(Problem::StartIdUnusable(symbol.clone())),
        }
    }
    if let Some(time) = &wanted.time {
        match time.parse::<Timestamp>() {
            Ok(time) => start_from.time_ms = Some(time.as_millisecond()),
            Err(_) => problems.push(Problem::StartTimeUnreadable(time.clone())),
        }
    }
    start_from
}
