//! Second layer of validation: turns a stored object and what was read of the cluster into a [`ValidatedPipeline`], from
//! which everything can be built without a further question. Pure. The first layer is CEL in the CRD.

mod adoption;
mod ingest;
mod kafka_config;
mod memory;
mod problem;
mod sites;
#[cfg(test)]
mod tests;
mod volumes;

use std::{collections::BTreeMap, time::Duration};

use crds::{
    CryptoPipeline, CryptoPipelineSpec,
    duration::HumanDuration,
    names::Names,
    quantity,
    spec::{Replay, TradeSource},
    status::Identity,
    wire::{BufferConfig, RecordingConfig, StartFrom},
};
use k8s_openapi::{api::core::v1::PersistentVolumeClaim, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{Resource, ResourceExt};

use crate::plan::autoscaling;

pub use self::{
    memory::{Sizing, Sizings, requirements},
    problem::{Invalid, Problem},
};
use super::volumes::Volume;
use crate::build::workers::Readings;

/// What `dereference` read of the cluster that the build needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Zones in rack order by component (`kafka`, `cassandra`, `hdfs`). Empty: one rack without a zone.
    pub racks: BTreeMap<String, Vec<String>>,
    /// Facts fixed at the first start. The ids of all clusters are set here.
    pub identity: Identity,
    /// By StatefulSet name the claim in the live `volumeClaimTemplates`, which are immutable.
    pub claim_templates: BTreeMap<String, PersistentVolumeClaim>,
    /// The volumes that there are.
    pub volumes: Vec<Volume>,
    /// What the ingest workers say that they read. Empty: none answers.
    pub readings: Readings,
}

/// A pipeline that can be built.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatedPipeline {
    /// Names of everything made from it.
    pub names: Names,
    /// Owner of everything made from it but the claims.
    pub owner: OwnerReference,
    /// What the user asked for.
    pub spec: CryptoPipelineSpec,
    /// What was read of the cluster.
    pub facts: Facts,
    /// Kafka's cluster id, 22 characters of URL-safe base64.
    pub kafka_cluster_id: String,
    /// HDFS' cluster id, `CID-` and a UUID.
    pub hdfs_cluster_id: String,
    /// Cassandra's cluster name.
    pub cassandra_cluster_name: String,
    /// CPU, memory and heap of each engine role.
    pub sizings: Sizings,
    /// Number of processors: `processor.replicas`, or what autoscaling has decided.
    pub processors: i32,
    /// `processor.archive.rollSize` in bytes.
    pub roll_size_bytes: u64,
    /// `ingest.startFrom` in the workers' terms.
    pub start_from: StartFrom,
    /// `ingest.buffer` in the workers' terms.
    pub buffer: BufferConfig,
    /// `ingest.recording` in the workers' terms; absent where nothing is recorded.
    pub recording: Option<RecordingConfig>,
}

impl ValidatedPipeline {
    /// The files that are played; `None` where the exchange is read.
    pub fn replayed(&self) -> Option<&Replay> {
        let ingest = &self.spec.ingest;
        ingest
            .replay
            .as_ref()
            .filter(|_| ingest.source == TradeSource::Replay)
    }
}

/// Checks what CEL cannot, and collects every problem.
pub fn validate(object: &CryptoPipeline, facts: Facts) -> Result<ValidatedPipeline, Invalid> {
    let spec = &object.spec;
    let mut problems = vec![];
    if facts.identity.hdfs_edits_shared && !spec.hdfs.is_highly_available() {
        problems.push(Problem::NameNodesReduced);
    }
    sites::check(spec, &facts, &mut problems);
    volumes::check_sizes(spec, &facts, &mut problems);
    kafka_config::check(&spec.kafka, &mut problems);
    check_replication(spec, &mut problems);
    check_durations(spec, &mut problems);
    ingest::check_symbols(&spec.ingest, &mut problems);
    let start_from = ingest::start_from(&spec.ingest, &mut problems);
    let buffer = ingest::buffer(&spec.ingest, &mut problems);
    let recording = ingest::recording(&spec.ingest, &mut problems);
    let sizings = memory::size(spec, &mut problems);
    let roll_size_bytes = roll_size(spec, &mut problems);
    let status = object.status.as_ref();
    let decided = status.and_then(|status| status.autoscaling.as_ref());

    let owner = object.controller_owner_ref(&());
    if owner.is_none() {
        problems.push(Problem::NotStored);
    }
    let mut known = |id: &Option<String>, field| {
        if id.is_none() {
            problems.push(Problem::IdentityUnknown(field));
        }
        id.clone()
    };
    let identity = &facts.identity;
    let ids = (
        known(&identity.kafka_cluster_id, "kafkaClusterId"),
        known(&identity.hdfs_cluster_id, "hdfsClusterId"),
        known(&identity.cassandra_cluster_name, "cassandraClusterName"),
    );
    match (owner, ids) {
        (Some(owner), (Some(kafka_cluster_id), Some(hdfs_cluster_id), Some(cassandra_cluster_name)))
            if problems.is_empty() =>
        {
            let pipeline = ValidatedPipeline {
                names: Names {
                    pipeline: object.name_any(),
                    namespace: object.namespace().unwrap_or_default(),
                    cluster_domain: spec.cluster_domain.clone(),
                },
                owner,
                spec: spec.clone(),
                facts,
                kafka_cluster_id,
                hdfs_cluster_id,
                cassandra_cluster_name,
                sizings,
                processors: autoscaling::processors(spec, decided),
                roll_size_bytes,
                start_from,
                buffer,
                recording,
            };
            let problems = adoption::problems(&pipeline);
            if problems.is_empty() {
                Ok(pipeline)
            } else {
                Err(Invalid { problems })
            }
        }
        _ => Err(Invalid { problems }),
    }
}

/// CEL compares the two only where both are given; here the defaults count as well.
fn check_replication(spec: &CryptoPipelineSpec, problems: &mut Vec<Problem>) {
    let replicas = spec.kafka.replication_factor();
    let min_in_sync = spec.kafka.min_in_sync_replicas();
    if min_in_sync > (replicas - 1).max(1) {
        problems.push(Problem::MinInSyncReplicasTooHigh {
            min_in_sync,
            replicas,
        });
    }
}

fn check_durations(spec: &CryptoPipelineSpec, problems: &mut Vec<Problem>) {
    const DAY: Duration = Duration::from_hours(24);
    let retention = &spec.kafka.topics.trades.retention;
    let roll_interval = &spec.processor.archive.roll_interval;
    if roll_interval.get() < Duration::from_secs(1) {
        problems.push(Problem::RollIntervalTooShort);
    }
    if spec.processor.archive.enabled && retention.get() <= roll_interval.get() * 2 {
        problems.push(Problem::RetentionTooShort {
            retention: retention.to_string(),
            roll_interval: roll_interval.to_string(),
        });
    }
    let autoscaling = &spec.processor.autoscaling;
    if autoscaling.max_behind.get() < Duration::from_secs(10) {
        problems.push(Problem::MaxBehindTooShort);
    }
    if autoscaling.scale_down_after.get() < Duration::from_mins(1) {
        problems.push(Problem::ScaleDownTooSoon);
    }
    // Cassandra's `Attributes.MAX_TTL`, 20 years.
    if !(Duration::from_secs(1)..=DAY * 7300).contains(&spec.cassandra.trade_retention.get()) {
        problems.push(Problem::TradeRetentionOutOfRange);
    }
    for candle in &spec.processor.hot.candles {
        // Rows of candles are partitioned by day.
        if candle
            .parse::<HumanDuration>()
            .is_ok_and(|length| length.get() > DAY)
        {
            problems.push(Problem::CandleTooLong(candle.clone()));
        }
    }
}

/// Bytes at which an archive file is closed; 0 with a problem where it is no size in range.
fn roll_size(spec: &CryptoPipelineSpec, problems: &mut Vec<Problem>) -> u64 {
    match quantity::bytes(&spec.processor.archive.roll_size) {
        Ok(bytes) if (1 << 20..=1 << 30).contains(&bytes) => bytes,
        Ok(_) => {
            problems.push(Problem::RollSizeOutOfRange);
            0
        }
        Err(error) => {
            problems.push(Problem::NotASize {
                field: "processor.archive.rollSize".to_owned(),
                reason: error.to_string(),
            });
            0
        }
    }
}
