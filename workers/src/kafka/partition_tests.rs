//! Reading a partition of librdkafka's broker in this process.

use rdkafka::{
    ClientConfig,
    mocking::MockCluster,
    producer::{FutureProducer, FutureRecord},
};

use super::*;
use crate::kafka::consumer::{self, SESSION};

const TOPIC: &str = "crypto-stream";
const RECORDS: i64 = 10;
const PATIENCE: Duration = Duration::from_mins(2);

/// The offsets that are read, up to the partition's end, by what `change` has done to a partition that was sought to 5.
async fn read_after(change: impl FnOnce(&mut KafkaPartition)) -> Vec<i64> {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 1, 1).unwrap();
    let bootstrap = cluster.bootstrap_servers();
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &bootstrap)
        .create()
        .unwrap();
    for _ in 0..RECORDS {
        let record = FutureRecord::<str, str>::to(TOPIC).partition(0).payload("value");
        producer.send(record, PATIENCE).await.unwrap();
    }
    let endpoint = crds::wire::KafkaEndpoint {
        bootstrap: bootstrap.clone(),
        topic: TOPIC.to_owned(),
        dead_letter_topic: String::new(),
        gap_topic: String::new(),
    };
    let (consumer, _rebalances) = consumer::join(&endpoint, "group", "test", SESSION).unwrap();
    let place = Place {
        bootstrap,
        topic: TOPIC.to_owned(),
        partition: 0,
        client_id: "test".to_owned(),
    };
    let (failures, stop) = (Failures::default(), CancellationToken::new());
    let mut partition = KafkaPartition::new(&consumer, place, Wait::AT_ONCE, failures, stop);
    let extent = partition.seek(5).await.unwrap();
    assert_eq!(
        extent,
        Extent {
            low: 0,
            high: RECORDS
        }
    );
    change(&mut partition);
    let mut offsets = vec![];
    let end = partition
        .read(Instant::now() + PATIENCE, |record| {
            offsets.push(record.offset);
            if record.offset + 1 < RECORDS {
                Flow::More
            } else {
                Flow::Enough
            }
        })
        .await;
    assert_eq!(end, ReadEnd::Enough);
    offsets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_begins_where_it_was_sought() {
    assert_eq!(read_after(|_| ()).await, [5, 6, 7, 8, 9]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offset_beyond_the_end_leads_to_the_oldest_record() {
    let offsets = read_after(|partition| partition.begin(RECORDS + 1)).await;
    assert_eq!(offsets, (0..RECORDS).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fetching_that_ends_for_no_reason_goes_on_where_it_was() {
    let offsets = read_after(|partition| {
        partition.origin = Origin::Fetching(Fetching::ended());
    });
    assert_eq!(offsets.await, [5, 6, 7, 8, 9]);
}
