//! What the figures and the verdict hold.

use std::collections::BTreeMap;

use crds::{
    gap::{GapCause, GapRecord, GapState},
    spec::Exchange,
    status::DataFlow,
    wire::{IdRange, PartitionStatus, ReplayStatus, RestartedIds, SymbolStatus},
};
use jiff::Timestamp;

use super::*;

mod figures;
mod verdict;

const NOW: Timestamp = Timestamp::constant(1_610_064_000, 0);

fn partition(next: i64, end: i64, trades: u64) -> PartitionStatus {
    PartitionStatus {
        next_offset: next,
        end_offset: end,
        trades,
        ..PartitionStatus::default()
    }
}

fn processor(partitions: &[(i32, PartitionStatus)]) -> ProcessorStatus {
    let lane = LaneStatus {
        waiting: None,
        partitions: partitions.iter().cloned().collect(),
    };
    ProcessorStatus {
        archive: Some(lane.clone()),
        hot: Some(lane),
    }
}

fn ingest(connected: bool, last_ms: i64) -> IngestStatus {
    let symbol = SymbolStatus {
        last_trade_time_ms: last_ms,
        ..SymbolStatus::default()
    };
    IngestStatus {
        connected,
        symbols: BTreeMap::from([("BTCUSDT".to_owned(), symbol)]),
        ..IngestStatus::default()
    }
}

const fn frame(partitions: i32) -> Frame {
    Frame {
        partitions,
        archive: true,
        hot: true,
        seconds: 0,
    }
}

fn answers(processors: Vec<Option<ProcessorStatus>>) -> Answers {
    Answers {
        ingest: vec![Some(ingest(true, 1_610_064_000_278))],
        processors,
    }
}
