//! Which broker leads a partition.

use std::time::Duration;

use kafka_protocol::{
    ResponseError,
    messages::{MetadataRequest, MetadataResponse, TopicName, metadata_request::MetadataRequestTopic},
    protocol::StrBytes,
};
use uuid::Uuid;

use super::{
    FetchError,
    connection::{Connection, ConnectionError},
};

/// Of Metadata: the first that tells the topic's id (KIP-516), since Kafka 2.8.
const VERSION: i16 = 10;

/// A partition of a topic, and where its cluster is asked for.
#[derive(Clone, Debug)]
pub struct Place {
    /// `host:port`, comma-separated.
    pub bootstrap: String,
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// How the brokers know this client.
    pub client_id: String,
}

/// A partition's leader for the time of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// `host:port`.
    pub broker: String,
    /// Grows with each election (KIP-320).
    pub epoch: i32,
    /// Another one where the topic was deleted and made anew.
    pub topic_id: Uuid,
}

impl Leader {
    /// Whether it may be followed after `known`. A broker that is cut off from the others names the leader of an earlier epoch, whose
    /// log may end before ours.
    pub fn is_older_than(&self, known: &Self) -> bool {
        self.topic_id == known.topic_id && self.epoch < known.epoch
    }
}

/// Asks one bootstrap broker after the other until one answers.
pub async fn leader(place: &Place) -> Result<Leader, FetchError> {
    let mut failure = None;
    for broker in place.bootstrap.split(',').map(str::trim) {
        match ask(broker, place).await {
            Ok(answer) => return named(&answer, place),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.map_or(FetchError::NoLeader(place.partition), FetchError::from))
}

async fn ask(broker: &str, place: &Place) -> Result<MetadataResponse, ConnectionError> {
    let topic = MetadataRequestTopic::default().with_name(Some(topic_name(place)));
    let request = MetadataRequest::default()
        .with_topics(Some(vec![topic]))
        .with_allow_auto_topic_creation(false);
    let mut connection = Connection::open(broker, &place.client_id).await?;
    connection.ask(&request, VERSION, Duration::ZERO).await
}

/// The topic's name as the protocol has it.
pub fn topic_name(place: &Place) -> TopicName {
    TopicName(StrBytes::from_string(place.topic.clone()))
}

/// The leader that an answer names.
fn named(answer: &MetadataResponse, place: &Place) -> Result<Leader, FetchError> {
    let topics = answer.topics.iter();
    for topic in topics.filter(|topic| {
        topic
            .name
            .as_ref()
            .is_some_and(|name| name.as_str() == place.topic)
    }) {
        if let Some(error) = ResponseError::try_from_code(topic.error_code) {
            return Err(FetchError::Refused(error));
        }
        let mut partitions = topic.partitions.iter();
        let Some(partition) = partitions.find(|partition| partition.partition_index == place.partition)
        else {
            continue;
        };
        // An error here may be a replica's alone; whether the leader is there says its number.
        let broker = answer
            .brokers
            .iter()
            .find(|broker| broker.node_id == partition.leader_id)
            .ok_or(FetchError::NoLeader(place.partition))?;
        return Ok(Leader {
            broker: address(&broker.host, broker.port),
            epoch: partition.leader_epoch,
            topic_id: topic.topic_id,
        });
    }
    Err(FetchError::NoLeader(place.partition))
}

/// `host:port`. An IPv6 address, which a broker may advertise without brackets, gets them.
fn address(host: &str, port: i32) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("market-kafka-r0-0.market-kafka", "market-kafka-r0-0.market-kafka:9092")]
    #[case("10.0.0.7", "10.0.0.7:9092")]
    #[case("fd00::7", "[fd00::7]:9092")]
    #[case("[fd00::7]", "[fd00::7]:9092")]
    fn a_broker_is_found_by_what_it_advertises(#[case] host: &str, #[case] expected: &str) {
        assert_eq!(address(host, 9092), expected);
    }
}
