//! Topics, through librdkafka's admin client. Its calls block, so they run on the blocking pool.

use std::{collections::HashMap, time::Duration};

use futures::{FutureExt, executor::block_on, future::BoxFuture};
use rdkafka::{
    ClientConfig, ClientContext,
    admin::{
        AdminClient, AdminOptions, AlterConfig, ConfigSource, NewPartitions, NewTopic,
        OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
    },
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::KafkaError,
    metadata::{Metadata, MetadataTopic},
    types::RDKafkaErrorCode,
};
use tracing::debug;

use super::{
    Finding, Outcome, TopicAdmin, TopicWanted, TopicsWanted, Unavailable,
    topics::{self, LiveTopic},
};
use crate::plan::Partition;

/// The longest that one request may take.
const TIMEOUT: Duration = Duration::from_secs(8);

/// The longest that a request may take which every reconciliation makes.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// The real client. It keeps no connection between calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct KafkaAdmin;

impl TopicAdmin for KafkaAdmin {
    fn ensure(&self, wanted: TopicsWanted) -> BoxFuture<'_, Result<Outcome, Unavailable>> {
        blocking(move || ensure(&wanted))
    }

    fn partitions(&self, bootstrap: String) -> BoxFuture<'_, Result<Vec<Partition>, Unavailable>> {
        blocking(move || {
            let admin = connect(&bootstrap)?;
            let metadata = admin.inner().fetch_metadata(None, LOOK_TIMEOUT)?;
            let minimums = minimums(&admin, &metadata)?;
            Ok(partitions(&metadata, &minimums))
        })
    }
}

fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> BoxFuture<'static, Result<T, Unavailable>> {
    async {
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(|error| Unavailable::new(error.reason(), error.to_string())),
            Err(error) => Err(Unavailable::new("Interrupted", error.to_string())),
        }
    }
    .boxed()
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("Kafka did not answer as expected: {0}; the operator tries again")]
    Client(#[from] KafkaError),
    #[error("Kafka refused to {action} topic {topic}: {code}")]
    Refused {
        action: &'static str,
        topic: String,
        code: RDKafkaErrorCode,
    },
}

impl Error {
    const fn reason(&self) -> &'static str {
        match self {
            Self::Client(_) => "KafkaUnavailable",
            Self::Refused { .. } => "TopicRefused",
        }
    }
}

/// librdkafka reports each failed connection as an error of its own; what matters is whether a call succeeds.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(?level, facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "librdkafka");
    }
}

type Admin = AdminClient<Quiet>;

fn connect(bootstrap: &str) -> Result<Admin, Error> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", crds::names::MANAGER)
        .set("socket.timeout.ms", TIMEOUT.as_millis().to_string());
    Ok(Admin::from_config_and_context(&config, Quiet)?)
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(TIMEOUT))
        .operation_timeout(Some(TIMEOUT))
}

fn ensure(wanted: &TopicsWanted) -> Result<Outcome, Error> {
    let admin = connect(&wanted.bootstrap)?;
    let metadata = admin.inner().fetch_metadata(None, TIMEOUT)?;
    let mut outcome = Outcome::default();
    for topic in &wanted.topics {
        match live(&admin, &metadata, &topic.name)? {
            None => create(&admin, topic, &mut outcome)?,
            Some(live) => widen(&admin, topic, &live, &mut outcome)?,
        }
    }
    Ok(outcome)
}

fn live(admin: &Admin, metadata: &Metadata, name: &str) -> Result<Option<LiveTopic>, Error> {
    let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
        return Ok(None);
    };
    let described = block_on(admin.describe_configs([&ResourceSpecifier::Topic(name)], &options()))?;
    let mut config = LiveTopic {
        partitions: i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX),
        replication: topic
            .partitions()
            .iter()
            .map(|partition| partition.replicas().len())
            .min()
            .and_then(|count| i32::try_from(count).ok())
            .unwrap_or(0),
        ..LiveTopic::default()
    };
    for resource in described {
        let resource = resource.map_err(|code| Error::Refused {
            action: "describe",
            topic: name.to_owned(),
            code,
        })?;
        for entry in resource.entries {
            let Some(value) = entry.value else { continue };
            if entry.source == ConfigSource::DynamicTopic {
                config.overrides.insert(entry.name.clone(), value.clone());
            }
            config.effective.insert(entry.name, value);
        }
    }
    Ok(Some(config))
}

fn create(admin: &Admin, topic: &TopicWanted, outcome: &mut Outcome) -> Result<(), Error> {
    let replication = TopicReplication::Fixed(topic.replication);
    let new = topic.config.iter().fold(
        NewTopic::new(&topic.name, topic.partitions, replication),
        |new, (key, value)| new.set(key, value),
    );
    match first(block_on(admin.create_topics([&new], &options()))?) {
        // Created meanwhile by someone else: compared next time.
        Err(RDKafkaErrorCode::TopicAlreadyExists) => {}
        Err(code) => return Err(refused("create", topic, code)),
        Ok(()) => outcome.changes.push(Finding::new(
            "TopicCreated",
            format!(
                "topic {} created with {} partitions and {} replicas",
                topic.name, topic.partitions, topic.replication
            ),
        )),
    }
    Ok(())
}

fn widen(admin: &Admin, wanted: &TopicWanted, live: &LiveTopic, outcome: &mut Outcome) -> Result<(), Error> {
    let change = topics::compare(wanted, live);
    outcome.differences.extend(change.differences);
    if let Some(partitions) = change.partitions {
        let new = NewPartitions::new(&wanted.name, usize::try_from(partitions).unwrap_or(0));
        first(block_on(admin.create_partitions([&new], &options()))?)
            .map_err(|code| refused("grow", wanted, code))?;
        outcome.changes.push(Finding::new(
            "TopicGrown",
            format!("topic {} grown to {partitions} partitions", wanted.name),
        ));
    }
    if let Some(config) = change.config {
        let alter = AlterConfig {
            specifier: ResourceSpecifier::Topic(&wanted.name),
            entries: config
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect::<HashMap<_, _>>(),
        };
        let results = block_on(admin.alter_configs([&alter], &options()))?;
        first(results.into_iter().map(|r| r.map(drop)).collect())
            .map_err(|code| refused("configure", wanted, code))?;
        outcome.changes.push(Finding::new(
            "TopicConfigured",
            format!("topic {} configured: {}", wanted.name, change.changed.join(", ")),
        ));
    }
    Ok(())
}

fn refused(action: &'static str, topic: &TopicWanted, code: RDKafkaErrorCode) -> Error {
    Error::Refused {
        action,
        topic: topic.name.clone(),
        code,
    }
}

/// The result for the one topic that was asked for.
fn first<T, N>(results: Vec<Result<T, (N, RDKafkaErrorCode)>>) -> Result<(), RDKafkaErrorCode> {
    match results.into_iter().next() {
        Some(Ok(_)) => Ok(()),
        Some(Err((_, code))) => Err(code),
        None => Err(RDKafkaErrorCode::Unknown),
    }
}

/// In-sync replicas that a write to each topic needs, by the topic's name: its own setting, or the brokers'.
fn minimums(admin: &Admin, metadata: &Metadata) -> Result<HashMap<String, usize>, Error> {
    let names: Vec<&str> = metadata.topics().iter().map(MetadataTopic::name).collect();
    let topics: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    // librdkafka refuses to ask about nothing.
    if topics.is_empty() {
        return Ok(HashMap::new());
    }
    let options = AdminOptions::new().request_timeout(Some(LOOK_TIMEOUT));
    let described = block_on(admin.describe_configs(&topics, &options))?;
    let mut minimums = HashMap::new();
    // A topic that was deleted meanwhile is refused, and needs nothing.
    for resource in described.into_iter().flatten() {
        let OwnedResourceSpecifier::Topic(name) = &resource.specifier else {
            continue;
        };
        let minimum = resource
            .get("min.insync.replicas")
            .and_then(|entry| entry.value.as_ref()?.parse().ok());
        minimums.insert(name.clone(), minimum.unwrap_or(1));
    }
    Ok(minimums)
}

/// Brokers advertise their pods' host names, so the first label of the host is the pod.
fn partitions(metadata: &Metadata, minimums: &HashMap<String, usize>) -> Vec<Partition> {
    let pods: HashMap<i32, &str> = metadata
        .brokers()
        .iter()
        .map(|broker| (broker.id(), broker.host().split('.').next().unwrap_or_default()))
        .collect();
    // A broker that is down is not listed; its replicas count all the same.
    let name = |id: &i32| {
        pods.get(id)
            .map_or_else(|| format!("broker {id}"), |pod| (*pod).to_owned())
    };
    metadata
        .topics()
        .iter()
        .flat_map(|topic| {
            topic.partitions().iter().map(move |partition| Partition {
                name: format!("{}-{}", topic.name(), partition.id()),
                replicas: partition.replicas().iter().map(name).collect(),
                // The last in-sync replica stays listed when its broker is down; without a leader nobody is in sync.
                in_sync: partition
                    .isr()
                    .iter()
                    .filter(|_| partition.leader() >= 0)
                    .map(name)
                    .collect(),
                // Kafka takes no more than there are replicas.
                minimum: minimums
                    .get(topic.name())
                    .copied()
                    .unwrap_or(1)
                    .min(partition.replicas().len()),
            })
        })
        .collect()
}
