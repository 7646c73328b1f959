//! What CEL cannot check of `spec.ingest`.

use std::collections::BTreeSet;

use crds::{
    quantity,
    spec::IngestSpec,
    wire::{BufferConfig, RECORDING_PATH, RecordingConfig, SPOOL_PATH, StartFrom},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

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

/// Where frames are kept, in the workers' terms; `None` where they are not.
pub fn recording(ingest: &IngestSpec, problems: &mut Vec<Problem>) -> Option<RecordingConfig> {
    if !ingest.record {
        return None;
    }
    let recording = &ingest.recording;
    match quantity::bytes(&recording.storage.size) {
        Ok(volume_bytes) => Some(RecordingConfig {
            folder: RECORDING_PATH.to_owned(),
            // A file system needs some of its volume for itself.
            disk_bytes: volume_bytes / 8 * 7,
            rotate_interval_ms: recording.rotate_interval.as_millis(),
        }),
        Err(error) => {
            problems.push(Problem::NotASize {
                field: "ingest.recording.storage.size".to_owned(),
                reason: error.to_string(),
            });
            None
        }
    }
}

/// Where trades wait, in the workers' terms.
pub fn buffer(ingest: &IngestSpec, problems: &mut Vec<Problem>) -> BufferConfig {
    type Bound = (&'static str, u64);
    let buffer = &ingest.buffer;
    let mut size = |field, quantity: &Quantity, (least, least_bytes): Bound, (most, most_bytes): Bound| {
        let problem = match quantity::bytes(quantity) {
            Ok(bytes) if (least_bytes..=most_bytes).contains(&bytes) => return bytes,
            Ok(_) => Problem::BufferOutOfRange { field, least, most },
            Err(error) => Problem::NotASize {
                field: format!("ingest.buffer.{field}"),
                reason: error.to_string(),
            },
        };
        problems.push(problem);
        0
    };
    let memory_bytes = size("memory", &buffer.memory, ("1Mi", 1 << 20), ("1Gi", 1 << 30));
    let volume_bytes = size("disk", &buffer.disk, ("16Mi", 16 << 20), ("1Ti", 1 << 40));
    BufferConfig {
        memory_bytes,
        // The kubelet evicts a pod that exceeds the volume, and counts whole blocks and folders.
        disk_bytes: volume_bytes / 16 * 15,
        folder: SPOOL_PATH.to_owned(),
    }
}
