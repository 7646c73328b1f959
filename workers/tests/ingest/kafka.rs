//! A Kafka cluster in the test process, and an independent reader of its topics.

use std::{collections::BTreeMap, time::Duration};

use crds::{gap::GapRecord, spec::Exchange};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::Headers,
    mocking::MockCluster,
    producer::DefaultProducerContext,
};

pub const TOPIC: &str = "crypto-stream";
pub const DEAD_LETTERS: &str = "crypto-stream.dlq";
pub const GAPS: &str = "crypto-stream.gaps";
pub const LEDGERS: &str = "crypto-stream.ledger";
const PARTITIONS: i32 = 3;

pub type Cluster = MockCluster<'static, DefaultProducerContext>;

/// One broker with all topics.
pub fn cluster() -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    for topic in [TOPIC, DEAD_LETTERS, GAPS, LEDGERS] {
        cluster.create_topic(topic, PARTITIONS, 1).unwrap();
    }
    cluster
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub partition: i32,
    pub key: Option<String>,
    pub value: String,
    pub headers: BTreeMap<String, String>,
}

impl Record {
    pub fn id(&self) -> u64 {
        workers::decode::trade(Exchange::Binance, self.value.as_bytes())
            .unwrap()
            .trade_id
    }
}

/// All records of a topic, each partition in order.
pub fn records(cluster: &Cluster, topic: &str) -> Vec<Record> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("group.id", "reader")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&all).unwrap();
    let mut records = vec![];
    let mut ended = 0;
    while ended < PARTITIONS {
        match consumer.poll(Duration::from_mins(1)).expect("nothing arrives") {
            Ok(message) => records.push(record(&message)),
            Err(rdkafka::error::KafkaError::PartitionEOF(_)) => ended += 1,
            Err(error) => panic!("{error}"),
        }
    }
    records.sort_by_key(|record| record.partition);
    records
}

fn record(message: &impl Message) -> Record {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    Record {
        partition: message.partition(),
        key: message.key().map(text),
        value: text(message.payload().unwrap_or_default()),
        headers: headers
            .map(|header| (header.key.to_owned(), text(header.value.unwrap())))
            .collect(),
    }
}

/// The last word on each gap.
pub fn gaps(kafka: &Cluster) -> Vec<GapRecord> {
    let mut gaps = BTreeMap::new();
    for record in records(kafka, GAPS) {
        let gap: GapRecord = serde_json::from_str(&record.value).unwrap();
        assert_eq!(record.key.as_deref(), Some(gap.key().as_str()));
        gaps.insert(gap.key(), gap);
    }
    gaps.into_values().collect()
}
