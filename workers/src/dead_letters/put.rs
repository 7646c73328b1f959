//! Puts records back into the topic of trades, one at a time: each is acknowledged and noted before the next.

use std::{collections::BTreeMap, time::Duration};

use crds::wire::KafkaEndpoint;
use rdkafka::{
    ClientConfig,
    error::KafkaError,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
    util::Timeout,
};
use serde::Serialize;
use tokio::runtime::Handle;

use super::{
    DeadLettersError,
    letter::{Letter, Place},
    scan,
    select::Selection,
};
use crate::{
    kafka::headers::{DEAD_LETTER, EXCHANGE, IDS_RESTARTED, PUT_BACK, RECV_US, SRC},
    model::Trade,
};

/// Well below the silence that ends the reading of the dead-letter topic.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// What is put back.
#[derive(Debug)]
pub enum Source {
    /// Selected letters, as they came, that can be read now.
    AsTheyAre,
    /// These values in place of those of the letters.
    Corrected(BTreeMap<Place, String>),
}

/// What became of one letter, in JSON.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Put {
    /// Where the letter is in the dead-letter topic.
    pub place: Place,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it was refused, as a stable name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// It is in the topic of trades.
    Done,
    /// It would be there, were this not a dry run.
    WouldBeDone,
    /// It was put back before, and is not sent again.
    DoneBefore,
    /// It is not sent. The letter stays where it is.
    Refused,
}

impl Put {
    const fn new(place: Place, outcome: Outcome) -> Self {
        Self {
            place,
            outcome,
            reason: None,
            message: None,
        }
    }

    fn refused(place: Place, reason: &'static str, message: String) -> Self {
        Self {
            place,
            outcome: Outcome::Refused,
            reason: Some(reason),
            message: Some(message),
        }
    }
}

/// What is said of a trade whose id another one had before.
const ID_IS_TAKEN: &str = "the lanes would take it for a copy of the trade that had its id before; read it where none of the old ids is";

/// Puts letters back and tells what became of each. Blocks; to be called in a runtime's thread for blocking calls.
pub fn put(
    endpoint: &KafkaEndpoint,
    selection: &Selection,
    mut source: Source,
    dry_run: bool,
    mut tell: impl FnMut(&Put),
) -> Result<(), DeadLettersError> {
    let put_back = scan::put_back(endpoint)?;
    let sender = Sender::new(endpoint)?;
    let mut failure = None;
    scan::letters(endpoint, |letter| {
        if failure.is_some() || !selection.holds(letter) {
            return;
        }
        let corrected;
        let value = match &mut source {
            Source::AsTheyAre if put_back.contains(&letter.place) => return,
            Source::AsTheyAre => letter.value,
            Source::Corrected(values) => match values.remove(&letter.place) {
                Some(value) => {
                    corrected = value;
                    corrected.as_bytes()
                }
                None => return,
            },
        };
        let place = letter.place;
        let put = match letter.trade(value) {
            _ if put_back.contains(&place) => Put::new(place, Outcome::DoneBefore),
            _ if letter.reason == IDS_RESTARTED => Put::refused(place, IDS_RESTARTED, ID_IS_TAKEN.to_owned()),
            Err(error) => Put::refused(place, error.reason(), error.to_string()),
            Ok(_) if dry_run => Put::new(place, Outcome::WouldBeDone),
            Ok(trade) => match sender.put_back(letter, value, &trade) {
                Ok(()) => Put::new(place, Outcome::Done),
                Err(error) => {
                    failure = Some(error);
                    return;
                }
            },
        };
        tell(&put);
    })?;
    if let Some(error) = failure {
        return Err(error.into());
    }
    if let Source::Corrected(unknown) = source {
        for place in unknown.into_keys() {
            let why = "no selected letter is there; `list` names the places of all".to_owned();
            tell(&Put::refused(place, "NoSuchLetter", why));
        }
    }
    Ok(())
}

struct Sender<'a> {
    endpoint: &'a KafkaEndpoint,
    producer: FutureProducer,
}

impl<'a> Sender<'a> {
    fn new(endpoint: &'a KafkaEndpoint) -> Result<Self, KafkaError> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &endpoint.bootstrap)
            .set("client.id", "replay-dlq")
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", "zstd")
            // As of ingest, so that a symbol stays in its partition.
            .set("partitioner", "murmur2_random")
            .set("message.timeout.ms", SEND_LIMIT.as_millis().to_string())
            .create()?;
        Ok(Self { endpoint, producer })
    }

    /// Sends the record, and notes it once all in-sync replicas have it.
    fn put_back(&self, letter: &Letter<'_>, value: &[u8], trade: &Trade) -> Result<(), KafkaError> {
        let place = letter.place.to_string();
        let exchange = letter.exchange.unwrap_or(trade.exchange.as_str());
        let headers = headers([
            (EXCHANGE, Some(exchange)),
            (RECV_US, letter.recv_us),
            (SRC, letter.src),
            (DEAD_LETTER, Some(&place)),
        ]);
        // The key of a trade is its symbol, which may be what was corrected.
        let record = FutureRecord::to(&self.endpoint.topic)
            .key(trade.symbol.as_str())
            .payload(value)
            .headers(headers);
        self.send(record)?;
        let note = FutureRecord::<str, [u8]>::to(&self.endpoint.dead_letter_topic)
            .headers(self::headers([(PUT_BACK, Some(place.as_str()))]));
        self.send(note)
    }

    fn send(&self, record: FutureRecord<'_, str, [u8]>) -> Result<(), KafkaError> {
        let sent = self.producer.send(record, Timeout::After(SEND_LIMIT));
        Handle::current()
            .block_on(sent)
            .map(|_where| ())
            .map_err(|(error, _record)| error)
    }
}

/// Those that have a value.
fn headers<const N: usize>(all: [(&str, Option<&str>); N]) -> OwnedHeaders {
    all.into_iter()
        .filter(|(_, value)| value.is_some())
        .fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value })
        })
}
