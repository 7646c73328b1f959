//! Engines and workers that answer at once, and count how often they were asked.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crds::wire::{IngestStatus, LaneStatus, PartitionStatus, ProcessorStatus};
use futures::{FutureExt, future::BoxFuture};

use crate::{
    bootstrap::{
        ArchiveAdmin, ArchiveWanted, Finding, Outcome, SchemaAdmin, SchemaWanted, TopicAdmin, TopicsWanted,
        Unavailable,
    },
    name_node::{NameNodeSource, NameNodeState},
    plan::Partition,
    worker_status::WorkerStatusSource,
};

/// Kafka, Cassandra and HDFS: the first call creates, later ones find everything as wanted.
#[derive(Clone, Default)]
pub struct Engines {
    calls: Arc<[AtomicUsize; 3]>,
    safe_mode: Arc<AtomicBool>,
}

impl Engines {
    /// Calls to Kafka, Cassandra and HDFS.
    pub fn calls(&self) -> [usize; 3] {
        [0, 1, 2].map(|engine| self.calls[engine].load(Ordering::SeqCst))
    }

    /// HDFS refuses to create folders.
    pub fn safe_mode(&self, on: bool) {
        self.safe_mode.store(on, Ordering::SeqCst);
    }

    fn called(&self, engine: usize) -> Outcome {
        let first = self.calls[engine].fetch_add(1, Ordering::SeqCst) == 0;
        let created = Finding::new("Created", format!("part {engine} created"));
        Outcome {
            changes: first.then_some(created).into_iter().collect(),
            differences: vec![],
        }
    }
}

impl TopicAdmin for Engines {
    fn ensure(&self, _: TopicsWanted) -> BoxFuture<'_, Result<Outcome, Unavailable>> {
        async { Ok(self.called(0)) }.boxed()
    }

    fn partitions(&self, _: String) -> BoxFuture<'_, Result<Vec<Partition>, Unavailable>> {
        async { Ok(vec![]) }.boxed()
    }
}

impl SchemaAdmin for Engines {
    fn ensure(&self, _: SchemaWanted) -> BoxFuture<'_, Result<Outcome, Unavailable>> {
        async { Ok(self.called(1)) }.boxed()
    }
}

impl ArchiveAdmin for Engines {
    fn ensure(&self, _: ArchiveWanted) -> BoxFuture<'_, Result<Outcome, Unavailable>> {
        async {
            if self.safe_mode.load(Ordering::SeqCst) {
                return Err(Unavailable::new("SafeMode", "the NameNode is in safe mode"));
            }
            Ok(self.called(2))
        }
        .boxed()
    }
}

/// Every NameNode says that it is active: they are asked by address, and all pods share one.
impl NameNodeSource for Engines {
    fn state(&self, _: String) -> BoxFuture<'_, Option<NameNodeState>> {
        let state = NameNodeState {
            active: true,
            safe_mode: self.safe_mode.load(Ordering::SeqCst),
        };
        async move { Some(state) }.boxed()
    }
}

/// Workers that have moved five trades.
#[derive(Clone, Copy, Default)]
pub struct Workers;

impl WorkerStatusSource for Workers {
    fn ingest(&self, _: String) -> BoxFuture<'_, Option<IngestStatus>> {
        let status = IngestStatus {
            connected: true,
            ..IngestStatus::default()
        };
        async { Some(status) }.boxed()
    }

    fn processor(&self, _: String) -> BoxFuture<'_, Option<ProcessorStatus>> {
        let partition = PartitionStatus {
            next_offset: 5,
            end_offset: 5,
            trades: 5,
            ..PartitionStatus::default()
        };
        let lane = LaneStatus {
            waiting: None,
            partitions: (0..6).map(|number| (number, partition.clone())).collect(),
        };
        let status = ProcessorStatus {
            archive: Some(lane.clone()),
            hot: Some(lane),
        };
        async { Some(status) }.boxed()
    }
}
