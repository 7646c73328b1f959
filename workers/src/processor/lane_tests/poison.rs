//! One partition full of what cannot be read holds up neither the others nor any lane.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;

/// Every codec that a producer can choose.
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
/// Trades among the poison, for each codec.
const AMONG: u64 = 10;
const ELSEWHERE: u64 = 20;
/// Close to the largest record that Kafka takes by default.
const HUGE: usize = 900_000;

/// Values that are no trade, and why.
fn poison() -> Vec<(Option<Vec<u8>>, &'static str)> {
    let mut cut_off = event(&trade("SYM0", 0, 0));
    cut_off.truncate(40);
    vec![
        (Some(b"\xff\x00 not a trade".to_vec()), "NotJson"),
        (Some(vec![b'x'; HUGE]), "NotJson"),
        (
            Some(format!(r#"{{"t":"{}"}}"#, "1".repeat(HUGE)).into_bytes()),
            "InvalidField",
        ),
        (Some(cut_off), "NotJson"),
        (Some(Vec::new()), "NotJson"),
        (None, "NotJson"),
    ]
}

/// Sends the poison and some trades to partition 0, in batches of this codec.
async fn send_compressed(topic: &Topic, codec: &str, ids: std::ops::Range<u64>) {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &topic.endpoint.bootstrap)
        .set("compression.type", codec)
        .set("linger.ms", "50")
        .create()
        .unwrap_or_else(|error| panic!("{codec}: {error}"));
    let trades = ids.map(|id| Some(event(&trade("SYM0", id, 0))));
    let poison = poison().into_iter().map(|(value, _)| value);
    let values: Vec<Option<Vec<u8>>> = poison.chain(trades).collect();
    let sent = values.iter().map(|value| {
        let mut record = FutureRecord::<str, [u8]>::to(TOPIC).partition(0).key("SYM0");
        if let Some(value) = value {
            record = record.payload(value);
        }
        producer.send(record, PATIENCE)
    });
    try_join_all(sent).await.unwrap();
}

/// Reason and length of every dead letter by its offset in partition 0.
fn letters(topic: &Topic, count: usize) -> BTreeMap<i64, (String, usize)> {
    let consumer = letter_reader(topic);
    let mut letters = BTreeMap::new();
    for letter in &consumer {
        let letter = letter.unwrap().detach();
        let offset = header(&letter, "offset").parse().unwrap();
        let length = header(&letter, "length").parse().unwrap();
        assert_eq!(header(&letter, "partition"), "0");
        assert_eq!(letter.payload().map_or(0, <[u8]>::len), length, "whole");
        letters.insert(offset, (header(&letter, "reason"), length));
        if letters.len() == count {
            break;
        }
    }
    letters
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisoned_partition_holds_up_neither_the_others_nor_a_lane() {
    let topic = Topic::new();
    let mut next = ELSEWHERE;
    for codec in CODECS {
        send_compressed(&topic, codec, next..next + AMONG).await;
        next += AMONG;
    }
    topic.send_trades(0..ELSEWHERE).await;
    let trades = ELSEWHERE * 4 + AMONG * CODECS.len() as u64;
    let poisoned = CODECS.len() * poison().len();

    // While nobody takes dead letters, the poisoned partition has to wait; it waits alone.
    let refused = vec![RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 10_000];
    topic.cluster.request_errors(RDKafkaApiKey::Produce, &refused);
    let store = Arc::new(MemoryStore::default());
    let archive = Member::start(&topic, &store, "archive");
    let rows = Arc::new(HotMemoryStore::default());
    let hot = Member::run(&topic, "hot", HotLane::new(rows.clone(), None, vec![]));
    until("the archive has the other partitions", || {
        archived(&store) == ELSEWHERE * 3
    })
    .await;
    assert_eq!(archive.board.status().partitions[&0].dead_letters, 0);
    until("the hot lane has every trade", || {
        rows.rows.lock().unwrap().len() as u64 == trades
    })
    .await;

    topic.cluster.clear_request_errors(RDKafkaApiKey::Produce);
    until("the archive has every trade", || archived(&store) == trades).await;
    let told = archive.board.status().partitions[&0].dead_letters;
    assert_eq!(told, poisoned as u64);
    archive.stop().await;
    hot.stop().await;

    let found = tokio::task::block_in_place(|| letters(&topic, poisoned));
    let found: Vec<_> = found.into_values().collect();
    let expected: Vec<_> = CODECS
        .iter()
        .flat_map(|_| poison())
        .map(|(value, reason)| (reason.to_owned(), value.map_or(0, |value| value.len())))
        .collect();
    assert_eq!(found, expected);
}
