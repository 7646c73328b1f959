//! Fetches one partition from its leader, from an offset on, over a connection of its own, and hands out its records as they
//! lie in the broker's answer. librdkafka makes several allocations of each record and its headers, which costs more than
//! reading the trade and writing it to a file (docs/decisions/0027); groups, commits and producing are its business still.

mod batch;
mod connection;
mod leader;
mod records;
mod unpack;

use std::time::{Duration, Instant};

use kafka_protocol::{
    ResponseError,
    messages::{
        BrokerId, FetchRequest, FetchResponse,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::PartitionData,
    },
};
use prometheus_client::metrics::{counter::Counter, family::Family};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::task::AbortOnDropHandle;

use self::{
    batch::Header,
    connection::{Connection, ConnectionError},
    leader::Leader,
    records::Aborted,
};
pub use self::{
    leader::Place,
    records::{Chunk, Records},
};
use crate::{backoff::Backoff, metrics::Reason};

/// Of Fetch: the last that names topics, which all of Kafka 2.7 to 4 have.
const VERSION: i16 = 12;
/// Bytes that one answer may have. One batch is sent even if it is larger (KIP-74).
const CHUNK: i32 = 1 << 20;
/// Records of open transactions are not sent (KIP-98).
const READ_COMMITTED: i8 = 1;
/// Every request stands alone: no session (KIP-227).
const NO_SESSION: i32 = -1;
const CONSUMER: BrokerId = BrokerId(-1);
/// How often it is asked who leads, though nothing fails: a broker that is cut off from the others goes on answering.
const LEADER_AGE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A connection that has lasted so long was good.
const GOOD: Duration = Duration::from_secs(5);

/// How long a broker may wait for records before it answers.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// Until there are so many bytes (Kafka's `fetch.min.bytes`).
    pub least_bytes: i32,
    /// Or until so much time has passed (Kafka's `fetch.max.wait.ms`).
    pub most: Duration,
}

impl Wait {
    /// Whatever there is comes at once.
    pub const AT_ONCE: Self = Self {
        least_bytes: 1,
        most: Duration::from_millis(500),
    };
}

/// Why a partition cannot be fetched for the moment.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The way to the broker.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The broker said no.
    #[error("the broker refuses: {0}")]
    Refused(ResponseError),
    /// All its replicas are away, or it is not there.
    #[error("partition {0} has no leader")]
    NoLeader(i32),
    /// The broker that was asked does not know the leader that was followed last.
    #[error("the leader named is of an earlier epoch; a broker is cut off from the others")]
    Outdated,
    /// A batch whose checksum is wrong, or that is not where it says.
    #[error("the batch at offset {0} is damaged; is a broker's disk failing?")]
    Damaged(i64),
    /// An answer without what was asked for.
    #[error("the broker's answer has no whole batch")]
    Empty,
}

impl FetchError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Connection(_) => "KafkaUnavailable",
            Self::Refused(_) | Self::Empty => "FetchRefused",
            Self::NoLeader(_) | Self::Outdated => "LeaderMissing",
            Self::Damaged(_) => "BatchDamaged",
        }
    }
}

/// Failures by their reason.
pub type Failures = Family<Reason, Counter>;

/// Why there is nothing more to fetch from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The partition does not have the offset (any more).
    OutOfRange,
    /// The topic was deleted and made anew: its offsets are others.
    Remade,
}

/// A partition that is being fetched; ends when dropped.
#[derive(Debug)]
pub struct Fetching {
    chunks: Receiver<Result<Chunk, Ended>>,
    _task: AbortOnDropHandle<()>,
}

impl Fetching {
    /// Begins at an offset. A chunk is fetched while the one before it is read.
    pub fn start(place: Place, offset: i64, wait: Wait, failures: Failures) -> Self {
        let (sender, chunks) = channel(1);
        let task = tokio::spawn(async move { fetch(&place, offset, wait, &failures, &sender).await });
        Self {
            chunks,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// One whose task has failed.
    #[cfg(test)]
    pub fn ended() -> Self {
        let (_, chunks) = channel(1);
        Self {
            chunks,
            _task: AbortOnDropHandle::new(tokio::spawn(async {})),
        }
    }

    /// The next chunk. Being dropped while waiting loses nothing. `None` after the end, and should the task have failed.
    pub async fn next(&mut self) -> Option<Result<Chunk, Ended>> {
        self.chunks.recv().await
    }
}

/// Until nobody takes chunks any more, or there are none from there.
async fn fetch(
    place: &Place,
    mut offset: i64,
    wait: Wait,
    failures: &Failures,
    chunks: &Sender<Result<Chunk, Ended>>,
) {
    let mut backoff = Backoff::new(LONGEST_PAUSE).stable_after(GOOD);
    let mut known = None;
    while !chunks.is_closed() {
        let began = Instant::now();
        let ended = match follow(place, &mut known, &mut offset, wait, chunks).await {
            Ok(ended) => ended,
            Err(FetchError::Refused(ResponseError::OffsetOutOfRange)) => Some(Ended::OutOfRange),
            Err(error) => {
                let reason = error.reason();
                failures.get_or_create(&Reason { reason }).inc();
                tracing::warn!(partition = place.partition, %error, reason, "cannot fetch from Kafka for the moment");
                tokio::time::sleep(backoff.next(began.elapsed(), rand::random())).await;
                None
            }
        };
        if let Some(ended) = ended {
            // Whoever does not take it any more has no need of it.
            let _taken = chunks.send(Err(ended)).await;
            return;
        }
    }
}

/// Fetches from the leader of now, and remembers it in `known`, until it fails, leads no more, or nobody takes chunks.
async fn follow(
    place: &Place,
    known: &mut Option<Leader>,
    offset: &mut i64,
    wait: Wait,
    chunks: &Sender<Result<Chunk, Ended>>,
) -> Result<Option<Ended>, FetchError> {
    let found = leader::leader(place).await?;
    if let Some(known) = known {
        if found.is_older_than(known) {
            return Err(FetchError::Outdated);
        }
        if found.topic_id != known.topic_id {
            return Ok(Some(Ended::Remade));
        }
    }
    let leader = &*known.insert(found);
    let mut connection = Connection::open(&leader.broker, &place.client_id).await?;
    let fetching = async {
        loop {
            let request = request(place, leader.epoch, *offset, wait);
            let answer = connection.ask(&request, VERSION, wait.most).await?;
            if let Some(chunk) = chunk(answer, *offset)? {
                let next = chunk.next;
                if chunks.send(Ok(chunk)).await.is_err() {
                    return Ok(None);
                }
                *offset = next;
            }
        }
    };
    tokio::select! {
        ended = fetching => ended,
        () = superseded(place, leader) => Ok(None),
    }
}

/// Until another leader is known. Looked for beside the fetching, so that a bootstrap broker that does not answer holds nothing up.
async fn superseded(place: &Place, leader: &Leader) {
    loop {
        tokio::time::sleep(LEADER_AGE).await;
        match leader::leader(place).await {
            Ok(found) if found == *leader || found.is_older_than(leader) => {}
            Ok(_) => return,
            Err(error) => tracing::debug!(partition = place.partition, %error, "cannot see who leads"),
        }
    }
}

fn request(place: &Place, leader_epoch: i32, offset: i64, wait: Wait) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(place.partition)
        .with_current_leader_epoch(leader_epoch)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(CHUNK);
    let topic = FetchTopic::default()
        .with_topic(leader::topic_name(place))
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_replica_id(CONSUMER)
        .with_max_wait_ms(i32::try_from(wait.most.as_millis()).unwrap_or(i32::MAX))
        .with_min_bytes(wait.least_bytes)
        .with_max_bytes(CHUNK)
        .with_isolation_level(READ_COMMITTED)
        .with_session_epoch(NO_SESSION)
        .with_topics(vec![topic])
}

/// The whole batches of an answer, from an offset on; `None` where there is nothing new.
fn chunk(answer: FetchResponse, offset: i64) -> Result<Option<Chunk>, FetchError> {
    refused(answer.error_code)?;
    let mut partitions = answer.responses.into_iter().flat_map(|topic| topic.partitions);
    let partition = partitions.next().ok_or(FetchError::Empty)?;
    refused(partition.error_code)?;
    whole(partition, offset)
}

fn refused(code: i16) -> Result<(), FetchError> {
    ResponseError::try_from_code(code).map_or(Ok(()), |error| Err(FetchError::Refused(error)))
}

/// What comes before a damaged batch is taken; the next answer begins with it.
fn whole(partition: PartitionData, offset: i64) -> Result<Option<Chunk>, FetchError> {
    let mut bytes = partition.records.unwrap_or_default();
    if bytes.is_empty() {
        return Ok(None);
    }
    let (mut end, mut next) = (0, None);
    while let Some(rest) = bytes.get(end..)
        && let Some(header) = Header::read(rest)
    {
        // The checksum does not cover the offset: neither the first batch may lie before what was asked for, nor another before
        // its neighbour.
        let is_in_place = match next {
            None => header.last_offset >= offset,
            Some(next) => header.base_offset >= next,
        };
        let after = header.last_offset.checked_add(1);
        let Some(after) = after.filter(|_| is_in_place && header.is_sound(rest)) else {
            if next.is_some() {
                break;
            }
            return Err(FetchError::Damaged(header.base_offset));
        };
        end += header.length;
        next = Some(after);
    }
    bytes.truncate(end);
    let aborted = partition.aborted_transactions.unwrap_or_default();
    Ok(Some(Chunk {
        bytes,
        aborted: aborted
            .into_iter()
            .map(|transaction| Aborted {
                first_offset: transaction.first_offset,
                producer_id: transaction.producer_id.0,
            })
            .collect(),
        next: next.ok_or(FetchError::Empty)?,
    }))
}

#[cfg(test)]
mod tests;
