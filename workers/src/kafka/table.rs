//! A compacted topic as a table: of all records of a key the last one counts.

use std::{collections::BTreeMap, time::Duration};

use futures::future::try_join_all;
use rdkafka::{
    ClientConfig, Message,
    error::KafkaError,
    producer::{FutureProducer, FutureRecord},
    util::Timeout,
};

use super::bounded::{self, BoundedReadError};

/// Time for a row to be written.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// Writes rows to compacted topics of one cluster. Cloning gives another handle to the same.
#[derive(Clone)]
pub struct TableWriter {
    producer: FutureProducer,
}

impl TableWriter {
    /// Connects with the first row.
    pub fn new(bootstrap: &str, client_id: &str) -> Result<Self, KafkaError> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("client.id", client_id)
            .set("enable.idempotence", "true")
            .set("compression.type", "zstd")
            .set("linger.ms", "20")
            .set("message.timeout.ms", WRITE_LIMIT.as_millis().to_string())
            .create()?;
        Ok(Self { producer })
    }

    /// Returns when all in-sync replicas have every row. After an error, write all of them again.
    pub async fn write(&self, topic: &str, rows: &[(String, Vec<u8>)]) -> Result<(), KafkaError> {
        let written = rows.iter().map(|(key, value)| async move {
            let record = FutureRecord::<str, [u8]>::to(topic).key(key).payload(value);
            let sent = self.producer.send(record, Timeout::After(WRITE_LIMIT)).await;
            sent.map(|_| ()).map_err(|(error, _record)| error)
        });
        try_join_all(written).await.map(|_| ())
    }
}

/// Reads the whole table; blocks. Records without a key, or with a key that is no text, are no rows.
pub fn read(bootstrap: &str, topic: &str) -> Result<BTreeMap<String, Vec<u8>>, BoundedReadError> {
    let mut rows = BTreeMap::new();
    bounded::read(
        bootstrap,
        topic,
        |_, extent| extent.low,
        |record| {
            let Some(Ok(key)) = record.key().map(str::from_utf8) else {
                return;
            };
            match record.payload() {
                Some(value) => rows.insert(key.to_owned(), value.to_vec()),
                None => rows.remove(key),
            };
        },
    )?;
    Ok(rows)
}
