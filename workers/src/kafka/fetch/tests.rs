//! Fetching from librdkafka's brokers in this process, and from what is no broker.

use kafka_protocol::messages::fetch_response::AbortedTransaction;
use rdkafka::{
    ClientConfig,
    mocking::MockCluster,
    producer::{DefaultProducerContext, FutureProducer, FutureRecord},
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};
use uuid::Uuid;

use super::*;

const TOPIC: &str = "crypto-stream";
const PATIENCE: Duration = Duration::from_mins(2);

struct Brokers {
    cluster: MockCluster<'static, DefaultProducerContext>,
    producer: FutureProducer,
}

impl Brokers {
    fn new() -> Self {
        let cluster = MockCluster::new(3).unwrap();
        cluster.create_topic(TOPIC, 1, 3).unwrap();
        let producer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .create()
            .unwrap();
        Self { cluster, producer }
    }

    async fn send(&self, numbers: std::ops::Range<i64>) {
        for number in numbers {
            let value = number.to_string();
            let record = FutureRecord::<str, str>::to(TOPIC).partition(0).payload(&value);
            self.producer.send(record, PATIENCE).await.unwrap();
        }
    }

    fn place(&self) -> Place {
        place(self.cluster.bootstrap_servers())
    }
}

fn place(bootstrap: String) -> Place {
    Place {
        bootstrap,
        topic: TOPIC.to_owned(),
        partition: 0,
        client_id: "test".to_owned(),
    }
}

fn start(place: Place, offset: i64) -> Fetching {
    Fetching::start(place, offset, Wait::AT_ONCE, Failures::default())
}

/// Reads on, up to a number, and checks that the records come in order with nothing left out.
async fn expect(fetching: &mut Fetching, records: &mut Records, numbers: std::ops::Range<i64>) {
    let mut expected = numbers.clone();
    while !expected.is_empty() {
        let chunk = timeout(PATIENCE, fetching.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        records.put(chunk);
        while records.open_next() {
            for record in records.batch() {
                let number = expected.next();
                assert_eq!(Some(record.offset), number);
                assert_eq!(str::from_utf8(record.value).unwrap(), record.offset.to_string());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_comes_once_and_in_order_whoever_leads_and_whatever_fails() {
    let brokers = Brokers::new();
    let lead = |broker| brokers.cluster.partition_leader(TOPIC, 0, Some(broker)).unwrap();
    lead(1);
    brokers.send(0..10).await;
    let (mut fetching, mut records) = (start(brokers.place(), 0), Records::default());
    expect(&mut fetching, &mut records, 0..10).await;

    lead(2);
    brokers.send(10..20).await;
    expect(&mut fetching, &mut records, 10..20).await;

    brokers.cluster.broker_down(2).unwrap();
    lead(3);
    brokers.send(20..30).await;
    expect(&mut fetching, &mut records, 20..30).await;
    brokers.cluster.broker_up(2).unwrap();

    let refusals = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
    ];
    brokers.cluster.request_errors(RDKafkaApiKey::Fetch, &refusals);
    brokers.send(30..40).await;
    expect(&mut fetching, &mut records, 30..40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offset_that_the_partition_does_not_have_is_told() {
    let brokers = Brokers::new();
    brokers.send(0..10).await;
    let mut fetching = start(brokers.place(), 11);
    let answer = timeout(PATIENCE, fetching.next()).await.unwrap();
    assert!(matches!(answer, Some(Err(Ended::OutOfRange))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_bootstrap_brokers_one_that_answers_is_enough() {
    let brokers = Brokers::new();
    brokers.send(0..10).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = nobody.local_addr().unwrap();
    drop(nobody);
    let place = place(format!("{gone}, {}", brokers.cluster.bootstrap_servers()));
    let (mut fetching, mut records) = (start(place, 0), Records::default());
    expect(&mut fetching, &mut records, 0..10).await;
}

#[tokio::test]
async fn what_answers_otherwise_than_a_broker_is_an_error_that_names_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        for answer in [
            b"\0\0\0\x08\0\0\0\x01\0\0\0\0".as_slice(),
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
        ] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 16];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(answer).await.unwrap();
        }
    });
    for _ in 0..2 {
        let error = leader::leader(&place(address.clone())).await.unwrap_err();
        assert!(error.to_string().contains(&address), "{error}");
    }
}

/// A header alone, of ten offsets: all that is looked at here.
fn batch(base_offset: i64) -> Vec<u8> {
    let mut checked = vec![0; 40];
    checked[2..6].copy_from_slice(&9_i32.to_be_bytes());
    let mut batch = base_offset.to_be_bytes().to_vec();
    batch.extend(49_i32.to_be_bytes());
    batch.extend([0, 0, 0, 0, 2]);
    batch.extend(crc32c::crc32c(&checked).to_be_bytes());
    batch.extend(checked);
    batch
}

fn answered(records: Vec<u8>) -> Result<Option<Chunk>, FetchError> {
    whole(PartitionData::default().with_records(Some(records.into())), 7)
}

#[test]
fn only_whole_batches_are_taken() {
    let both = [batch(5), batch(15)].concat();
    let chunk = answered(both.clone()).unwrap().unwrap();
    assert_eq!((chunk.bytes.len(), chunk.next), (both.len(), 25));
    let chunk = answered(both[..both.len() - 1].to_vec()).unwrap().unwrap();
    assert_eq!((chunk.bytes.len(), chunk.next), (both.len() / 2, 15));
    assert!(answered(vec![]).unwrap().is_none());
    assert!(matches!(answered(both[..20].to_vec()), Err(FetchError::Empty)));
}

#[test]
fn a_damaged_batch_is_not_taken() {
    for at in [16, 17, 25, 60] {
        let mut damaged = batch(5);
        damaged[at] ^= 1;
        assert!(
            matches!(answered(damaged.clone()), Err(FetchError::Damaged(5))),
            "{at}"
        );
        // What comes before it is.
        let chunk = answered([batch(0), damaged].concat()).unwrap().unwrap();
        assert_eq!((chunk.bytes.len(), chunk.next), (61, 10), "{at}");
    }
}

#[test]
fn a_batch_that_is_not_where_it_says_is_not_taken() {
    for elsewhere in [-5, -3, i64::MAX - 9] {
        assert!(matches!(answered(batch(elsewhere)), Err(FetchError::Damaged(at)) if at == elsewhere));
    }
    for second in [9, 0, i64::MIN] {
        let chunk = answered([batch(0), batch(second)].concat()).unwrap().unwrap();
        assert_eq!(chunk.next, 10, "{second}");
    }
}

#[test]
fn given_up_transactions_are_passed_on() {
    let transaction = AbortedTransaction::default()
        .with_producer_id(3.into())
        .with_first_offset(8);
    let partition = PartitionData::default()
        .with_records(Some(batch(5).into()))
        .with_aborted_transactions(Some(vec![transaction]));
    let expected = Aborted {
        first_offset: 8,
        producer_id: 3,
    };
    assert_eq!(whole(partition, 7).unwrap().unwrap().aborted, [expected]);
}

#[test]
fn a_leader_of_an_earlier_epoch_is_older_unless_the_topic_was_made_anew() {
    let leader = |epoch, topic| Leader {
        broker: "broker:9092".to_owned(),
        epoch,
        topic_id: Uuid::from_u128(topic),
    };
    assert!(leader(5, 1).is_older_than(&leader(6, 1)));
    assert!(!leader(6, 1).is_older_than(&leader(6, 1)));
    assert!(!leader(0, 2).is_older_than(&leader(6, 1)));
}
