//! Keeps the frames of a feed on the disk, as they came (docs/decisions/0020).
//!
//! The feed hands frames over and never waits: [`Recorder::keep`] drops, and counts, what the disk is too slow for. One
//! thread writes them, compressed, to a file that is given its final name when it is closed. When there is no room the
//! oldest file goes. [`crate::feed::replay`] reads them.

pub mod line;
pub mod shelf;
mod writer;

use std::sync::mpsc::{SyncSender, sync_channel};

use bytes::Bytes;
use crds::wire::RecordingConfig;
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};
use tokio::task::{JoinHandle, spawn_blocking};

use self::{line::Line, writer::Writer};
use crate::clock::now_us;

/// Frames between the feed and the disk: some seconds of a busy feed.
const AHEAD: usize = 8192;

/// The feed's end. The recording ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Recorder {
    frames: SyncSender<Line>,
    metrics: Metrics,
}

impl Recorder {
    /// Keeps a frame that was received now on this connection. Never waits.
    pub fn keep(&self, connection: u64, frame: &Bytes) {
        let line = Line {
            wall_us: now_us(),
            connection,
            frame: frame.clone(),
        };
        if self.frames.try_send(line).is_err() {
            self.metrics.dropped.inc();
        }
    }
}

/// What is counted of a recording. Cloning gives other handles to the same.
#[derive(Clone, Debug, Default)]
struct Metrics {
    frames: Counter,
    dropped: Counter,
    deleted: Counter,
    write_errors: Counter,
    bytes: Gauge,
}

impl Metrics {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "recording_frames",
            "Frames written to the recording",
            self.frames.clone(),
        );
        registry.register(
            "recording_frames_dropped",
            "Frames that are not in the recording, because its disk was too slow or could not be written to",
            self.dropped.clone(),
        );
        registry.register(
            "recording_files_deleted",
            "Files of the recording that were deleted to make room, the oldest first",
            self.deleted.clone(),
        );
        registry.register(
            "recording_write_errors",
            "Attempts to write to the recording that failed",
            self.write_errors.clone(),
        );
        registry.register_with_unit(
            "recording",
            "What the files of the recording occupy on the disk",
            Unit::Bytes,
            self.bytes.clone(),
        );
    }
}

/// Starts a recording. It is complete when the task has ended, after the last recorder was dropped.
pub fn start(config: &RecordingConfig, registry: &mut Registry) -> (Recorder, JoinHandle<()>) {
    let metrics = Metrics::default();
    metrics.register(registry);
    let (frames, lines) = sync_channel(AHEAD);
    let writer = Writer::new(config, metrics.clone());
    let writing = spawn_blocking(move || writer.run(&lines));
    (Recorder { frames, metrics }, writing)
}
