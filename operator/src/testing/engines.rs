//! Engines and workers that answer at once, and count how often they were asked.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use crds::{
    names::{KAFKA_PORT, LABEL_SHARD},
    wire::{IngestConfig, IngestStatus, LaneStatus, PartitionStatus, ProcessorStatus, SymbolStatus},
};
use futures::{FutureExt, future::BoxFuture};

use crate::{
    bootstrap::{
        ArchiveAdmin, ArchiveWanted, Finding, Outcome, SchemaAdmin, SchemaWanted, TopicAdmin, TopicsWanted,
        Unavailable,
    },
    connect::Connector,
    disks::{DiskSource, Fill},
    name_node::{BlockReport, NameNodeSource, NameNodeState},
    plan::Partition,
    reconcile::symbols::SYMBOLS_ANNOTATION,
    ring::{Gossip, Peer, RingSource},
    testing::{ApiServer, core},
    worker_status::WorkerStatusSource,
};

/// Kafka, Cassandra and HDFS: the first call creates, later ones find everything as wanted.
#[derive(Clone, Default)]
pub struct Engines {
    calls: Arc<[AtomicUsize; 3]>,
    safe_mode: Arc<AtomicBool>,
    behind_seconds: Arc<AtomicU64>,
    blocks: Arc<Mutex<BlockReport>>,
    lanes_wait: Arc<Mutex<Option<&'static str>>>,
    topics_refused: Arc<Mutex<Option<&'static str>>>,
    lag_seconds: Arc<AtomicU64>,
    cut: Arc<AtomicBool>,
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

    /// Every processor's reading is behind by so much.
    pub fn behind(&self, seconds: u64) {
        self.behind_seconds.store(seconds, Ordering::SeqCst);
    }

    /// Every lane waits for this.
    pub fn wait_with_lanes(&self, why: Option<&'static str>) {
        *self.lanes_wait.lock().unwrap() = why;
    }

    /// Kafka refuses every change of a topic.
    pub fn refuse_topics(&self, why: Option<&'static str>) {
        *self.topics_refused.lock().unwrap() = why;
    }

    /// What the active NameNode counts from now on.
    pub fn count_blocks(&self, report: BlockReport) {
        *self.blocks.lock().unwrap() = report;
    }

    /// The oldest record that no lane has stored is so old.
    pub fn lag(&self, seconds: u64) {
        self.lag_seconds.store(seconds, Ordering::SeqCst);
    }

    /// Nothing passes to Cassandra and HDFS any more.
    pub fn cut(&self, on: bool) {
        self.cut.store(on, Ordering::SeqCst);
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
        let refused = *self.topics_refused.lock().unwrap();
        async move {
            match refused {
                Some(why) => Err(Unavailable::new("TopicRefused", why)),
                None => Ok(self.called(0)),
            }
        }
        .boxed()
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
        let cut = self.cut.load(Ordering::SeqCst);
        async move { (!cut).then_some(state) }.boxed()
    }

    fn blocks(&self, _: String) -> BoxFuture<'_, Result<BlockReport, String>> {
        let mut report = self.blocks.lock().unwrap().clone();
        let names =
            (0..2).flat_map(|rack| (0..3).map(move |ordinal| format!("market-datanode-r{rack}-{ordinal}")));
        report.reported = names.collect();
        async { Ok(report) }.boxed()
    }
}

/// Kafka stands on this side of a cut.
impl Connector for Engines {
    fn connects(&self, _: String, port: u16) -> BoxFuture<'_, bool> {
        let cut = self.cut.load(Ordering::SeqCst) && port != KAFKA_PORT;
        async move { !cut }.boxed()
    }
}

/// Disks that are half full.
impl DiskSource for Engines {
    fn broker(&self, _: String) -> BoxFuture<'_, Option<Fill>> {
        async { Some(Fill { used: 5, total: 10 }) }.boxed()
    }

    fn data_nodes(&self, _: String) -> BoxFuture<'_, Option<Fill>> {
        async { Some(Fill { used: 5, total: 10 }) }.boxed()
    }

    fn cassandra_load(&self, _: String) -> BoxFuture<'_, Option<u64>> {
        async { Some(5) }.boxed()
    }
}

/// Every node that is ready sees all of them up.
impl RingSource for Engines {
    fn gossip(&self, _: String, nodes: Vec<String>) -> BoxFuture<'_, Result<Gossip, String>> {
        let peer = Peer {
            status: Some("NORMAL".to_owned()),
            heartbeat: 1,
            schema: None,
            silent: false,
        };
        let seen: BTreeMap<_, _> = nodes.iter().map(|node| (node.clone(), peer.clone())).collect();
        let gossip = nodes.into_iter().map(|node| (node, seen.clone())).collect();
        async { Ok(gossip) }.boxed()
    }
}

/// Workers that have moved five trades. Ingest follows the symbols of its ConfigMap as it was at its start, and changed ones
/// once the kubelet has brought them, which it does when it sees the pod's annotation.
pub struct Workers {
    api: ApiServer,
    engines: Engines,
    /// By pod.
    follows: Mutex<BTreeMap<String, IngestConfig>>,
}

impl Workers {
    pub fn new(api: ApiServer, engines: Engines) -> Self {
        Self {
            api,
            engines,
            follows: Mutex::default(),
        }
    }

    fn follows(&self, pod: &str) -> Option<IngestConfig> {
        let metadata = self.api.get(&core("pods", pod))?["metadata"].clone();
        let shard = metadata["labels"][LABEL_SHARD].as_str()?;
        let files = self
            .api
            .get(&core("configmaps", &format!("market-ingest-{shard}")))?;
        let config: IngestConfig = serde_yaml::from_str(files["data"]["config.yaml"].as_str()?).ok()?;
        let noted = metadata["annotations"][SYMBOLS_ANNOTATION] == config.symbols_version.as_str();
        let mut follows = self.follows.lock().unwrap();
        if noted || !follows.contains_key(pod) {
            follows.insert(pod.to_owned(), config);
        }
        follows.get(pod).cloned()
    }
}

impl WorkerStatusSource for Workers {
    fn ingest(&self, pod: String) -> BoxFuture<'_, Option<IngestStatus>> {
        let status = self.follows(&pod).map(|config| IngestStatus {
            connected: true,
            symbols_version: config.symbols_version,
            symbols: config
                .symbols
                .into_iter()
                .map(|symbol| (symbol, lively()))
                .collect(),
            ..IngestStatus::default()
        });
        async { Some(status.unwrap_or_default()) }.boxed()
    }

    fn processor(&self, _: String) -> BoxFuture<'_, Option<ProcessorStatus>> {
        let partition = PartitionStatus {
            next_offset: 5,
            end_offset: 5,
            trades: 5,
            behind_seconds: self.engines.behind_seconds.load(Ordering::SeqCst),
            lag_seconds: self.engines.lag_seconds.load(Ordering::SeqCst),
            ..PartitionStatus::default()
        };
        let cut = self.engines.cut.load(Ordering::SeqCst);
        let lane = |reason: &str| LaneStatus {
            waiting: cut
                .then_some(reason)
                .or(*self.engines.lanes_wait.lock().unwrap())
                .map(str::to_owned),
            partitions: (0..6).map(|number| (number, partition.clone())).collect(),
        };
        let status = ProcessorStatus {
            archive: Some(lane("HdfsUnavailable")),
            hot: Some(lane("CassandraUnavailable")),
        };
        async { Some(status) }.boxed()
    }
}

/// A symbol that trades.
fn lively() -> SymbolStatus {
    SymbolStatus {
        trades_per_minute: 5,
        ..SymbolStatus::default()
    }
}
