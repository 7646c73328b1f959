//! The lanes as members of a real consumer group, against librdkafka's broker in this process.

mod poison;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crds::wire::KafkaEndpoint;
use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, Consumer},
    message::{Headers, OwnedMessage},
    mocking::MockCluster,
    producer::{DefaultProducerContext, FutureProducer, FutureRecord},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    archive::ArchiveLane,
    board::Board,
    hot::HotLane,
    lane::{Lane, LaneRunner},
    memory_store::MemoryStore as HotMemoryStore,
    metrics::LaneMetrics,
    roll::RollPolicy,
    testing::{event, trade},
};
use crate::{
    audit::{archive::add_file, count::Counts},
    health::Health,
    metrics::Reason,
    sink::{archive::memory::MemoryStore, dead_letter::DeadLetters},
};

const TOPIC: &str = "crypto-stream";
const DEAD_LETTERS: &str = "crypto-stream.dlq";
pub(super) const PARTITIONS: i32 = 4;
/// The test's broker takes that long for each rebalance, and a rebalance has two rounds.
const SESSION: Duration = Duration::from_secs(3);
/// The machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_mins(2);

pub(super) struct Topic {
    /// Dropping it stops the broker.
    cluster: MockCluster<'static, DefaultProducerContext>,
    endpoint: KafkaEndpoint,
    producer: FutureProducer,
}

impl Topic {
    pub(super) fn new() -> Self {
        Self::with_partitions(PARTITIONS)
    }

    fn with_partitions(partitions: i32) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, partitions, 1).unwrap();
        cluster.create_topic(DEAD_LETTERS, 1, 1).unwrap();
        let bootstrap = cluster.bootstrap_servers();
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &bootstrap)
            .create()
            .unwrap();
        let endpoint = KafkaEndpoint {
            bootstrap,
            topic: TOPIC.to_owned(),
            dead_letter_topic: DEAD_LETTERS.to_owned(),
            gap_topic: "crypto-stream.gaps".to_owned(),
        };
        Self {
            cluster,
            endpoint,
            producer,
        }
    }

    async fn send(&self, partition: i32, value: &[u8]) {
        let record = FutureRecord::to(TOPIC)
            .partition(partition)
            .key("BTCUSDT")
            .payload(value);
        self.producer.send(record, PATIENCE).await.unwrap();
    }

    /// A symbol of its own for each partition.
    pub(super) async fn send_trades(&self, ids: std::ops::Range<u64>) {
        for id in ids {
            for partition in 0..PARTITIONS {
                self.send(partition, &event(&trade(&format!("SYM{partition}"), id, 0)))
                    .await;
            }
        }
    }
}

pub(super) struct Member {
    pub(super) board: Board,
    metrics: LaneMetrics,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Member {
    fn start(topic: &Topic, store: &Arc<MemoryStore>, name: &str) -> Self {
        let policy = RollPolicy {
            size: 10 * 16,
            interval: Duration::from_millis(200),
        };
        let letters = DeadLetters::new(&topic.endpoint, "archive");
        let lane = ArchiveLane::new(store.clone(), policy, name.to_owned(), Some(letters));
        Self::run(topic, "archive", lane)
    }

    pub(super) fn run(topic: &Topic, name: &'static str, lane: impl Lane) -> Self {
        let health = Health::new();
        let (board, metrics) = (Board::default(), LaneMetrics::unregistered());
        let runner = LaneRunner {
            name,
            lane: Arc::new(lane),
            kafka: topic.endpoint.clone(),
            group: name.to_owned(),
            session: SESSION,
            board: board.clone(),
            metrics: metrics.clone(),
            heartbeat: health.heartbeat(name, PATIENCE),
            readiness: health.readiness(name),
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move { runner.run(&stopped).await.unwrap() });
        Self {
            board,
            metrics,
            stop,
            task,
        }
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

pub(super) async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Distinct trades in the archive; no id may be there twice.
fn archived(store: &MemoryStore) -> u64 {
    let mut counts = Counts::default();
    for (_, bytes) in store.finished() {
        add_file(&mut counts, bytes).unwrap();
    }
    let symbols: Vec<_> = counts
        .symbols()
        .map(|symbol| counts.of(symbol).unwrap())
        .collect();
    assert!(symbols.iter().all(|ids| ids.repeated.is_empty()), "an id twice");
    symbols.iter().map(|ids| ids.distinct.count()).sum()
}

/// Reads the dead letters from the first one on.
fn letter_reader(topic: &Topic) -> BaseConsumer {
    let reader: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &topic.endpoint.bootstrap)
        .set("group.id", "reader")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    reader.subscribe(&[DEAD_LETTERS]).unwrap();
    reader
}

fn header(letter: &OwnedMessage, name: &str) -> String {
    let headers = letter.headers().unwrap();
    let header = headers.iter().find(|header| header.key == name).unwrap();
    String::from_utf8(header.value.unwrap().to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_move_between_members_without_loss_or_copy() {
    let topic = Topic::new();
    let store = Arc::new(MemoryStore::default());
    topic.send_trades(0..25).await;
    let first = Member::start(&topic, &store, "first");
    until("the first member archives all", || archived(&store) == 100).await;

    let second = Member::start(&topic, &store, "second");
    until("the second member gets its share", || {
        second.board.owned() == 2 && first.board.owned() == 2
    })
    .await;
    topic.send_trades(25..50).await;
    until("both archive", || archived(&store) == 200).await;

    first.stop().await;
    until("the second member takes over", || second.board.owned() == 4).await;
    topic.send_trades(50..75).await;
    until("the second archives all", || archived(&store) == 300).await;
    until("its board tells so", || {
        let partitions = second.board.status().partitions;
        let told: Vec<_> = partitions
            .values()
            .map(|partition| (partition.trades, partition.missing_ids, partition.next_offset))
            .collect();
        told == [(75, 0, 75); 4]
    })
    .await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_out_of_its_group_for_long_is_given_up_and_one_that_is_settled_is_not() {
    let topic = Topic::new();
    let store = Arc::new(MemoryStore::default());
    let member = Member::start(&topic, &store, "only");
    let given_up = || {
        let reason = Reason {
            reason: "GroupNotSettled",
        };
        member.metrics.retries.get_or_create(&reason).get()
    };
    topic.send_trades(0..25).await;
    until("all is archived", || archived(&store) == 100).await;
    // What must not happen has no event to wait for.
    tokio::time::sleep(SESSION * 5).await;
    assert_eq!(given_up(), 0);

    topic.cluster.broker_down(1).unwrap();
    until("the client is given up", || given_up() > 0).await;
    topic.cluster.broker_up(1).unwrap();
    topic.send_trades(25..50).await;
    until("all is archived by another", || archived(&store) == 200).await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_buried_and_the_lane_goes_on() {
    let topic = Topic::new();
    let store = Arc::new(MemoryStore::default());
    topic.send(0, b"\xff\x00 not a trade").await;
    topic.send(0, b"").await;
    topic.send(0, &event(&trade("SYM0", 1, 0))).await;
    let member = Member::start(&topic, &store, "only");
    until("the trade is archived", || archived(&store) == 1).await;
    assert_eq!(member.board.status().partitions[&0].dead_letters, 2);
    member.stop().await;

    let letters = letter_reader(&topic);
    let read = tokio::task::spawn_blocking(move || {
        let letter = letters.iter().next().unwrap().unwrap().detach();
        (
            letter.key().map(<[u8]>::to_vec),
            letter.payload().map(<[u8]>::to_vec),
            ["topic", "partition", "offset", "reason", "lane"].map(|name| header(&letter, name)),
        )
    });
    let (key, value, headers) = read.await.unwrap();
    assert_eq!(key.as_deref(), Some(b"BTCUSDT".as_slice()));
    assert_eq!(value.as_deref(), Some(b"\xff\x00 not a trade".as_slice()));
    assert_eq!(headers, [TOPIC, "0", "0", "NotJson", "archive"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_owner_reads_the_trades_of_open_candles_again() {
    let topic = Topic::with_partitions(1);
    let store = Arc::new(HotMemoryStore::default());
    let start = || {
        let lane = HotLane::new(store.clone(), None, vec!["1m".parse().unwrap()]);
        Member::run(&topic, "hot", lane)
    };
    let send = async |ids: std::ops::Range<u64>| {
        for id in ids {
            let time_us = i64::try_from(id).unwrap() * 1_000_000;
            topic.send(0, &event(&trade("BTCUSDT", id, time_us))).await;
        }
    };
    let next = || {
        store
            .ledger
            .lock()
            .unwrap()
            .as_ref()
            .map_or(0, |ledger| ledger.next)
    };
    send(0..10).await;
    let member = start();
    until("the first trades are written", || next() == 10).await;
    member.stop().await;

    // The second owner gets the rest of the minute and the first trade after it.
    send(10..61).await;
    let member = start();
    until("the rest is written", || next() == 61).await;
    let trades = |is_final: bool| {
        let candles = store.candles.lock().unwrap();
        let candle = candles.values().find(|candle| candle.is_final == is_final);
        candle.map(|candle| candle.figures.trades)
    };
    assert_eq!((trades(true), trades(false)), (Some(60), Some(1)));
    assert_eq!(*store.read.lock().unwrap(), 0);
    assert_eq!(member.metrics.lost_to_retention.get(), 0);
    assert_eq!(member.metrics.rows.get(), 51);
    member.stop().await;
}
