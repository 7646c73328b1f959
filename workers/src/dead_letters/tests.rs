//! Listing and putting back, against librdkafka's broker in this process.

use std::{collections::BTreeMap, time::Duration};

use crds::{spec::Exchange, wire::KafkaEndpoint};
use rdkafka::{
    ClientConfig, Message,
    message::{Header, Headers, OwnedHeaders, OwnedMessage},
    mocking::MockCluster,
    producer::{DefaultProducerContext, FutureProducer, FutureRecord},
};
use tokio::task::spawn_blocking;

use super::*;
use crate::{
    decode,
    kafka::{Record, bounded},
    processor::testing::{event, trade},
    sink::dead_letter::{DeadLetter, DeadLetters},
};

/// A topic of trades of three partitions, and letters of it.
struct Topics {
    // Dropping it stops the broker.
    _cluster: MockCluster<'static, DefaultProducerContext>,
    endpoint: KafkaEndpoint,
}

impl Topics {
    /// Buries values, by the offset in partition 2 that they had.
    async fn with_letters(values: &[(i64, &[u8])]) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        let endpoint = KafkaEndpoint {
            bootstrap: cluster.bootstrap_servers(),
            topic: "crypto-stream".to_owned(),
            dead_letter_topic: "crypto-stream.dlq".to_owned(),
            gap_topic: "crypto-stream.gaps".to_owned(),
        };
        cluster.create_topic(&endpoint.topic, 3, 1).unwrap();
        cluster.create_topic(&endpoint.dead_letter_topic, 1, 1).unwrap();
        let letters: Vec<_> = values
            .iter()
            .map(|(offset, value)| letter(*offset, value))
            .collect();
        let dead_letters = DeadLetters::new(&endpoint, "archive");
        for letter in letters {
            // One by one, so that places are known.
            dead_letters.deliver(&[letter]).await.unwrap();
        }
        Self {
            _cluster: cluster,
            endpoint,
        }
    }

    /// A sound trade, as ingest buries one.
    async fn bury(&self, reason: &str) {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.endpoint.bootstrap)
            .create()
            .unwrap();
        let headers = [("exchange", "binance"), ("src", "ws"), ("reason", reason)]
            .into_iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            });
        let value = sound();
        let record = FutureRecord::<str, str>::to(&self.endpoint.dead_letter_topic)
            .payload(&value)
            .headers(headers);
        producer.send(record, Duration::from_mins(1)).await.unwrap();
    }

    async fn put(&self, source: Source, dry_run: bool) -> Vec<(String, Outcome, Option<&'static str>)> {
        let endpoint = self.endpoint.clone();
        spawn_blocking(move || {
            let mut told = vec![];
            put(&endpoint, &Selection::default(), source, dry_run, |put| {
                told.push((put.place.to_string(), put.outcome, put.reason));
            })
            .unwrap();
            told
        })
        .await
        .unwrap()
    }

    /// Place, reason and whether it can be read now.
    async fn listed(&self, selection: Selection) -> Vec<(String, String, bool)> {
        let endpoint = self.endpoint.clone();
        spawn_blocking(move || {
            let mut listed = vec![];
            list(&endpoint, &selection, |letter| {
                listed.push((
                    letter.place.to_string(),
                    letter.reason.to_owned(),
                    letter.readable,
                ));
            })
            .unwrap();
            listed
        })
        .await
        .unwrap()
    }

    async fn trades(&self) -> Vec<OwnedMessage> {
        let endpoint = self.endpoint.clone();
        spawn_blocking(move || {
            let mut records = vec![];
            bounded::read(
                &endpoint.bootstrap,
                &endpoint.topic,
                |_, extent| extent.low,
                |record| {
                    records.push(record.detach());
                },
            )
            .unwrap();
            records
        })
        .await
        .unwrap()
    }
}

fn letter(offset: i64, value: &[u8]) -> DeadLetter {
    let record = Record {
        offset,
        value,
        key: Some(b"BTCUSDT"),
        recv_us: Some(1_610_064_000_278_001),
        src: Some("ws"),
        ..Record::default()
    };
    let why = decode::trade(Exchange::Binance, b"not a trade").unwrap_err();
    DeadLetter::new(
        &record,
        2,
        &decode::trade(Exchange::Binance, value).err().unwrap_or(why),
    )
}

fn sound() -> String {
    String::from_utf8(event(&trade("BTCUSDT", 7, 0))).unwrap()
}

fn corrected(values: &[(&str, &str)]) -> Source {
    let values = values
        .iter()
        .map(|(place, value)| (place.parse().unwrap(), (*value).to_owned()));
    Source::Corrected(values.collect::<BTreeMap<Place, String>>())
}

fn header(record: &OwnedMessage, name: &str) -> Option<String> {
    let mut headers = record.headers().unwrap().iter();
    let value = headers.find(|header| header.key == name)?.value?;
    Some(String::from_utf8(value.to_vec()).unwrap())
}

#[tokio::test]
async fn a_corrected_record_is_put_back_once_as_ingest_would_have_sent_it() {
    let topics = Topics::with_letters(&[(40, b"{}"), (41, b"\xff")]).await;
    let told = topics.put(corrected(&[("0/1", &sound())]), false).await;
    assert_eq!(told, [("0/1".to_owned(), Outcome::Done, None)]);

    let trades = topics.trades().await;
    assert_eq!(trades.len(), 1);
    assert_eq!(trades[0].key(), Some(b"BTCUSDT".as_slice()));
    assert_eq!(trades[0].payload(), Some(sound().as_bytes()));
    let headers = ["exchange", "recv_us", "src", "dead_letter"].map(|name| header(&trades[0], name).unwrap());
    assert_eq!(headers, ["binance", "1610064000278001", "ws", "0/1"]);

    let left = topics.listed(Selection::default()).await;
    assert_eq!(left, [("0/0".to_owned(), "MissingField".to_owned(), false)]);
    let again = topics.put(corrected(&[("0/1", &sound())]), false).await;
    assert_eq!(again, [("0/1".to_owned(), Outcome::DoneBefore, None)]);
    assert_eq!(topics.trades().await.len(), 1);
}

#[tokio::test]
async fn what_the_lanes_could_not_read_is_refused_and_stays() {
    let topics = Topics::with_letters(&[(40, b"{}")]).await;
    let told = topics
        .put(corrected(&[("0/0", "{\"e\":"), ("0/9", &sound())]), false)
        .await;
    assert_eq!(
        told,
        [
            ("0/0".to_owned(), Outcome::Refused, Some("NotJson")),
            ("0/9".to_owned(), Outcome::Refused, Some("NoSuchLetter")),
        ]
    );
    assert_eq!(topics.trades().await.len(), 0);
    assert_eq!(topics.listed(Selection::default()).await.len(), 1);
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_sends_nothing() {
    let topics = Topics::with_letters(&[(40, b"{}"), (41, b"{}")]).await;
    let told = topics
        .put(corrected(&[("0/0", &sound()), ("0/1", "no")]), true)
        .await;
    assert_eq!(
        told,
        [
            ("0/0".to_owned(), Outcome::WouldBeDone, None),
            ("0/1".to_owned(), Outcome::Refused, Some("NotJson")),
        ]
    );
    assert_eq!(topics.trades().await.len(), 0);
    assert_eq!(topics.listed(Selection::default()).await.len(), 2);
}

#[tokio::test]
async fn what_can_be_read_now_is_put_back_as_it_is() {
    let topics = Topics::with_letters(&[(40, b"{}"), (41, sound().as_bytes())]).await;
    let told = topics.put(Source::AsTheyAre, false).await;
    assert_eq!(
        told,
        [
            ("0/0".to_owned(), Outcome::Refused, Some("MissingField")),
            ("0/1".to_owned(), Outcome::Done, None),
        ]
    );
    assert_eq!(topics.trades().await[0].payload(), Some(sound().as_bytes()));
    // What was put back is out of the way.
    let told = topics.put(Source::AsTheyAre, false).await;
    assert_eq!(told, [("0/0".to_owned(), Outcome::Refused, Some("MissingField"))]);
}

#[tokio::test]
async fn letters_are_selected_by_reason_partition_and_offset() {
    let topics = Topics::with_letters(&[(40, b"{}"), (41, b"\xff"), (42, b"{}")]).await;
    let places = async |selection: Selection| -> Vec<String> {
        let listed = topics.listed(selection).await;
        listed.into_iter().map(|(place, ..)| place).collect()
    };
    let all = Selection::default();
    let reason = Selection {
        reason: Some("NotJson".to_owned()),
        ..all.clone()
    };
    assert_eq!(places(reason).await, ["0/1"]);
    let offsets = Selection {
        partition: Some(2),
        from: Some(41),
        to: Some(42),
        ..all.clone()
    };
    assert_eq!(places(offsets).await, ["0/1", "0/2"]);
    let elsewhere = Selection {
        partition: Some(1),
        ..all
    };
    assert_eq!(places(elsewhere).await, [""; 0]);
}

#[tokio::test]
async fn a_letter_that_ingest_buried_has_no_place_of_origin_and_can_be_put_back() {
    let topics = Topics::with_letters(&[]).await;
    topics.bury("UnexpectedSymbol").await;

    let listed = topics.listed(Selection::default()).await;
    assert_eq!(listed, [("0/0".to_owned(), "UnexpectedSymbol".to_owned(), true)]);
    topics.put(Source::AsTheyAre, false).await;
    let trades = topics.trades().await;
    assert_eq!(header(&trades[0], "src").as_deref(), Some("ws"));
    assert_eq!(header(&trades[0], "recv_us"), None);
}

#[tokio::test]
async fn a_trade_whose_id_another_one_had_before_is_not_put_back() {
    let topics = Topics::with_letters(&[]).await;
    topics.bury("IdsRestarted").await;

    let told = topics.put(Source::AsTheyAre, false).await;
    assert_eq!(told, [("0/0".to_owned(), Outcome::Refused, Some("IdsRestarted"))]);
    assert_eq!(topics.trades().await.len(), 0);
    assert_eq!(topics.listed(Selection::default()).await.len(), 1, "it stays");
}

#[test]
fn a_place_is_written_as_partition_and_offset() {
    let place: Place = "3/17".parse().unwrap();
    assert_eq!(
        place,
        Place {
            partition: 3,
            offset: 17
        }
    );
    assert_eq!(place.to_string(), "3/17");
    for text in ["", "3", "3/", "3/x", "/17"] {
        assert!(text.parse::<Place>().is_err(), "{text}");
    }
}
