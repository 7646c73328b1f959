//! The producer on its own: what librdkafka gives up on is not lost, nor out of order.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rdkafka::{
    message::OwnedHeaders,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use rstest::rstest;
use workers::kafka::producer::{Outgoing, Producer, Receipt, settings};

use crate::kafka::{self, Record, TOPIC};

const BUFFER_BYTES: u64 = 1024 * 1024;

/// Notes its number when it is acknowledged.
struct Noted {
    number: u32,
    acknowledged: Arc<Mutex<Vec<u32>>>,
}

impl Receipt for Noted {
    fn acknowledged(&self) {
        self.acknowledged.lock().unwrap().push(self.number);
    }
}

fn record(number: u32, acknowledged: &Arc<Mutex<Vec<u32>>>) -> Outgoing<Noted> {
    Outgoing {
        topic: TOPIC.into(),
        key: Some("BTCUSDT".into()),
        value: number.to_string().into(),
        headers: OwnedHeaders::new(),
        receipt: Noted {
            number,
            acknowledged: acknowledged.clone(),
        },
    }
}

#[rstest]
// Given up on by librdkafka; the client lives.
#[case(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)]
// Fatal for an idempotent producer: that client never sends again.
#[case(RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH)]
// Retried by librdkafka itself.
#[case(RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS)]
#[tokio::test(flavor = "multi_thread")]
async fn records_are_delivered_in_order_through_errors(#[case] error: RDKafkaRespErr) {
    const COUNT: u32 = 500;
    let kafka = kafka::cluster();
    kafka.request_errors(RDKafkaApiKey::Produce, &[error; 3]);
    let acknowledged = Arc::new(Mutex::new(vec![]));
    let mut producer = Producer::new(settings(&kafka.bootstrap_servers(), "test", BUFFER_BYTES)).unwrap();
    for number in 0..COUNT {
        producer.send(record(number, &acknowledged)).await;
    }
    producer.settle().await;
    assert!(producer.close().await.is_empty());

    let records = kafka::records(&kafka, TOPIC);
    let values: Vec<u32> = records
        .iter()
        .map(|Record { value, .. }| value.parse().unwrap())
        .collect();
    assert_eq!(values, (0..COUNT).collect::<Vec<_>>());
    assert_eq!(*acknowledged.lock().unwrap(), (0..COUNT).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_record_is_sent_again_though_no_other_follows() {
    let kafka = kafka::cluster();
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    kafka.request_errors(RDKafkaApiKey::Produce, &[refused]);
    let acknowledged = Arc::new(Mutex::new(vec![]));
    let mut producer = Producer::new(settings(&kafka.bootstrap_servers(), "test", BUFFER_BYTES)).unwrap();
    producer.send(record(0, &acknowledged)).await;
    tokio::time::timeout(Duration::from_mins(1), producer.resend())
        .await
        .unwrap();
    while acknowledged.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(producer.close().await.is_empty());
}
