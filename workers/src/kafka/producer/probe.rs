//! Asking the brokers whether they are there.

use std::time::Duration;

use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    producer::Producer as _,
};
use tokio::{sync::watch, task::spawn_blocking};

use super::{Receipt, client::Client};

/// Time for one question to the brokers.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks with the producer's current client.
pub struct Probe<R: Receipt>(pub(super) watch::Receiver<Client<R>>);

impl<R: Receipt> Probe<R> {
    /// Succeeds when a broker answers and the topic has partitions. Takes up to 5 s.
    pub async fn topic(&self, topic: &str) -> Result<(), KafkaError> {
        let client = self.0.borrow().clone();
        let topic = topic.to_owned();
        let answer = spawn_blocking(move || {
            let metadata = client.client().fetch_metadata(Some(&topic), TIMEOUT)?;
            let usable = metadata.topics().iter().any(|known| {
                known.name() == topic && known.error().is_none() && !known.partitions().is_empty()
            });
            if usable {
                Ok(())
            } else {
                Err(KafkaError::MetadataFetch(
                    RDKafkaErrorCode::UnknownTopicOrPartition,
                ))
            }
        });
        answer.await.unwrap_or(Err(KafkaError::Canceled))
    }
}
