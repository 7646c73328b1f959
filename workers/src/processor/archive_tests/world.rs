//! A topic and an archive in memory, whose every step is a numbered point at which a writer can be killed or told
//! something else, and a reader that looks at the finished files after every step.

use std::{
    collections::BTreeMap,
    future::{Future, pending},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use crds::spec::Exchange;
use rdkafka::error::KafkaError;
use tokio::{task::yield_now, time::Instant};
use tokio_util::sync::CancellationToken;

use super::reader::Reader;
use crate::{
    decode,
    kafka::{
        Record,
        partition::{Extent, Flow, PartitionSource, ReadEnd, SourceError},
    },
    processor::testing::{Log, LogSource},
    sink::archive::{
        layout::TEMPORARY,
        memory::MemoryStore,
        store::{ArchiveStore, StoreError, StoredFile, Tail},
    },
};

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The writer is no more.
    Kill,
    /// The answer is that nobody serves.
    Unavailable,
    /// The answer is that nothing may be changed.
    SafeMode,
    /// The answer is that there is no room.
    NoSpace,
    /// The answer is that the file is there already.
    Exists,
    /// The answer is that the file is not there.
    Missing,
}

impl Fault {
    pub const ALL: [Self; 6] = [
        Self::Kill,
        Self::Unavailable,
        Self::SafeMode,
        Self::NoSpace,
        Self::Exists,
        Self::Missing,
    ];

    fn answer(self, path: &str) -> StoreError {
        let unavailable = |reason| StoreError::Unavailable {
            reason,
            message: path.to_owned(),
        };
        match self {
            Self::Kill | Self::Unavailable => unavailable("HdfsUnavailable"),
            Self::SafeMode => unavailable("HdfsSafeMode"),
            Self::NoSpace => StoreError::Refused {
                reason: "HdfsQuotaExceeded",
                message: path.to_owned(),
            },
            Self::Exists => StoreError::AlreadyExists(path.to_owned()),
            Self::Missing => StoreError::NotFound(path.to_owned()),
        }
    }
}

/// Faults by the number of the point.
pub type Plan = BTreeMap<usize, Fault>;

/// What is there whatever becomes of the writers.
pub struct World {
    archive: MemoryStore,
    /// By partition.
    topic: Vec<Log>,
    reader: Mutex<Reader>,
    plan: Mutex<Plan>,
    /// Points met so far.
    met: Mutex<usize>,
}

impl World {
    pub fn new(topic: Vec<Log>, plan: Plan) -> Arc<Self> {
        Arc::new(Self {
            archive: MemoryStore::default(),
            topic,
            reader: Mutex::default(),
            plan: Mutex::new(plan),
            met: Mutex::default(),
        })
    }

    /// Number of points met so far.
    pub fn met(&self) -> usize {
        *self.met.lock().unwrap()
    }

    /// Nothing goes wrong from now on.
    pub fn heal(&self) {
        self.plan.lock().unwrap().clear();
    }

    /// Takes every unfinished file away, as a cleaner does that takes all writers for dead.
    pub fn sweep(&self) {
        self.archive
            .files()
            .retain(|path, _| !path.starts_with(TEMPORARY));
    }

    /// The trades before this offset of a partition, each as often as it was sent.
    fn sent(&self, partition: usize, next: usize) -> Vec<(String, u64)> {
        let log = self.topic[partition].lock().unwrap();
        log.iter()
            .take(next)
            .filter_map(|value| decode::trade(Exchange::Binance, value).ok())
            .map(|trade| (trade.symbol.to_string(), trade.trade_id))
            .collect()
    }

    /// Whether the archive holds all that was sent. It never holds anything else, or anything twice.
    pub fn is_complete(&self) -> bool {
        let partitions = 0..self.topic.len();
        let mut sent: Vec<_> = partitions
            .flat_map(|partition| self.sent(partition, usize::MAX))
            .collect();
        sent.sort_unstable();
        sent.dedup();
        self.reader.lock().unwrap().trades() == sent
    }

    /// Looks at the archive as a reader of its folders does.
    fn look(&self) {
        let finished = self.archive.finished();
        self.reader.lock().unwrap().look(finished);
    }

    /// What is told to be archived is.
    fn look_before(&self, partition: usize, next: i64) {
        self.look();
        let reader = self.reader.lock().unwrap();
        for (symbol, id) in self.sent(partition, usize::try_from(next).unwrap()) {
            assert!(
                reader.holds(&symbol, id),
                "{next} is committed and {symbol} {id} is not archived"
            );
        }
    }

    fn fault(&self) -> Option<Fault> {
        let mut met = self.met.lock().unwrap();
        let fault = self.plan.lock().unwrap().get(&met).copied();
        *met += 1;
        fault
    }
}

/// One life of a writer.
#[derive(Clone)]
pub struct Life {
    pub world: Arc<World>,
    /// Cancelled by [`Fault::Kill`]. Whoever sees that drops the writer.
    pub killed: CancellationToken,
}

impl Life {
    pub fn new(world: &Arc<World>) -> Self {
        Self {
            world: world.clone(),
            killed: CancellationToken::new(),
        }
    }

    pub fn archive(&self) -> PointStore {
        PointStore { life: self.clone() }
    }

    /// Reads the partition to its end, and is stopped there.
    pub fn source(&self, partition: usize) -> PointSource {
        let stop = CancellationToken::new();
        PointSource {
            life: self.clone(),
            partition,
            inner: LogSource::new(&self.world.topic[partition], stop),
        }
    }

    /// Lets others go first, and returns what goes wrong here. The dead do not return.
    async fn point(&self) -> Option<Fault> {
        yield_now().await;
        let fault = if self.killed.is_cancelled() {
            Some(Fault::Kill)
        } else {
            self.world.fault()
        };
        if fault == Some(Fault::Kill) {
            self.killed.cancel();
            pending::<()>().await;
        }
        fault
    }
}

/// The archive as a writer reaches it.
pub struct PointStore {
    life: Life,
}

impl PointStore {
    async fn point(&self, path: &str) -> Result<(), StoreError> {
        match self.life.point().await {
            None => Ok(()),
            Some(fault) => Err(fault.answer(path)),
        }
    }

    /// An operation with a point before it, when nothing has happened, and one after it, when its answer can be lost.
    async fn between<T>(
        &self,
        path: &str,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.point(path).await?;
        let answer = operation.await;
        self.life.world.look();
        self.point(path).await?;
        answer
    }

    fn inner(&self) -> &MemoryStore {
        &self.life.world.archive
    }
}

impl ArchiveStore for PointStore {
    /// Folder by folder: others may change what was looked at before.
    async fn list(&self, folder: &str) -> Result<Vec<StoredFile>, StoreError> {
        self.between(folder, async {
            let mut files = self.inner().list(folder).await?;
            files.truncate(files.len() / 2);
            self.point(folder).await?;
            let seen = files.last().map(|file| file.path.clone()).unwrap_or_default();
            let rest = self.inner().list(folder).await?;
            files.extend(rest.into_iter().filter(|file| file.path > seen));
            Ok(files)
        })
        .await
    }

    /// What is written so far is there under the name.
    async fn write(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.between(path, async {
            self.inner().write(path, bytes.slice(..bytes.len() / 2)).await?;
            self.point(path).await?;
            match self.inner().files().get_mut(path) {
                Some(file) => {
                    *file = bytes;
                    Ok(())
                }
                None => Err(StoreError::NotFound(path.to_owned())),
            }
        })
        .await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.between(to, self.inner().rename(from, to)).await
    }

    async fn read_tail(&self, path: &str, length: u64) -> Result<Tail, StoreError> {
        self.between(path, self.inner().read_tail(path, length)).await
    }

    async fn delete(&self, path: &str) -> Result<(), StoreError> {
        self.between(path, self.inner().delete(path)).await
    }
}

/// A partition as a writer reaches it.
pub struct PointSource {
    life: Life,
    partition: usize,
    inner: LogSource,
}

impl PartitionSource for PointSource {
    fn partition(&self) -> i32 {
        i32::try_from(self.partition).unwrap()
    }

    async fn extent(&self) -> Result<Extent, SourceError> {
        self.inner.extent().await
    }

    async fn seek(&mut self, offset: i64) -> Result<Extent, SourceError> {
        match self.life.point().await {
            None => self.inner.seek(offset).await,
            Some(_) => Err(KafkaError::Canceled.into()),
        }
    }

    async fn read(&mut self, deadline: Instant, take: impl FnMut(&Record<'_>) -> Flow + Send) -> ReadEnd {
        if self.life.point().await.is_some() {
            // Kafka is silent for a while.
            return ReadEnd::Deadline;
        }
        match self.inner.read(deadline, take).await {
            ReadEnd::Deadline => {
                self.stop().cancel();
                ReadEnd::Stopped
            }
            end => end,
        }
    }

    fn commit(&self, next: i64) {
        self.life.world.look_before(self.partition, next);
        match self.life.world.fault() {
            None => self.inner.commit(next),
            Some(Fault::Kill) => self.life.killed.cancel(),
            // The group does not hear of it.
            Some(_) => {}
        }
    }

    fn stop(&self) -> &CancellationToken {
        self.inner.stop()
    }
}
