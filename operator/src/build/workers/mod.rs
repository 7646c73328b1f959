//! The workers: ingest (one Deployment per shard), processor, the compactor's CronJob, and the configuration of the auditor,
//! which is run by hand.

mod compactor;
mod config;
mod deployment;
mod shards;
mod volumes;

use std::collections::BTreeMap;

use crds::names::{LABEL_SHARD, Names, Role, WORKER_HTTP_PORT};
use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::util::intstr::IntOrString};
use serde::Serialize;

use self::deployment::{Rollout, Worker};
pub use self::{
    compactor::{COMPACTOR, compactor_name},
    config::{cassandra_endpoint, hdfs_endpoint, kafka_endpoint},
    shards::{Reading, Readings},
};
use super::{Resources, files::Files, metadata};
use crate::reconcile::validate::{ValidatedPipeline, requirements};

/// Component label of the auditor's ConfigMap.
const AUDITOR: &str = "auditor";
const HTTP: (&str, u16) = ("http", WORKER_HTTP_PORT);
const CONFIG_FILE: &str = "config.yaml";
/// What ingest has in flight is acknowledged, or given up after its own `--flush-seconds`, which is shorter.
const INGEST_GRACE_SECONDS: i64 = 30;
/// The processor closes and publishes its open files.
const PROCESSOR_GRACE_SECONDS: i64 = 60;

/// Name of the Deployment and ConfigMap of an ingest shard.
pub fn ingest_name(names: &Names, shard: usize) -> String {
    format!("{}-{shard}", names.of(Role::Ingest))
}

/// Name of the ConfigMap that an auditor's Job mounts at [`crds::wire::CONFIG_PATH`].
pub fn auditor_name(names: &Names) -> String {
    format!("{}-{AUDITOR}", names.pipeline)
}

/// By shard, the version of the symbols that its workers are to follow.
pub fn symbols_versions(pipeline: &ValidatedPipeline) -> BTreeMap<String, String> {
    shards(pipeline)
        .into_iter()
        .map(|(shard, symbols)| (shard.to_string(), config::symbols_version(&symbols)))
        .collect()
}

fn shards(pipeline: &ValidatedPipeline) -> BTreeMap<usize, Vec<String>> {
    let spec = &pipeline.spec.ingest;
    shards::assign(&spec.symbols, spec.shards, &pipeline.facts.readings)
}

/// Adds everything that the workers need.
pub(super) fn build(pipeline: &ValidatedPipeline, resources: &mut Resources) {
    for role in [Role::Ingest, Role::Processor] {
        resources
            .service_accounts
            .push(metadata::service_account(pipeline, role));
    }
    ingest(pipeline, resources);
    processor(pipeline, resources);
    resources.cron_jobs.extend(compactor::cron_job(pipeline));
    let files = config_file(&config::auditor(pipeline));
    resources
        .config_maps
        .push(files.config_map(pipeline, auditor_name(&pipeline.names), AUDITOR));
}

fn ingest(pipeline: &ValidatedPipeline, resources: &mut Resources) {
    let spec = &pipeline.spec.ingest;
    // Two pods cannot share a recording's volume, and would play the same files.
    let alone = pipeline.recording.is_some() || pipeline.replayed().is_some();
    for (shard, symbols) in shards(pipeline) {
        let name = ingest_name(&pipeline.names, shard);
        let config = config::ingest(pipeline, &symbols);
        // A running worker takes changed symbols over.
        let restart_hash = config_file(&config::without_symbols(&config)).hash();
        let worker = Worker {
            role: Role::Ingest,
            name: name.clone(),
            extra_label: Some((LABEL_SHARD, shard.to_string())),
            placement: spec.placement.as_ref(),
            // A shard without symbols has nothing to subscribe to.
            replicas: if symbols.is_empty() { 0 } else { spec.replicas },
            resources: spec
                .resources
                .clone()
                .unwrap_or_else(|| requirements("50m", "64Mi", "256Mi")),
            spool: Some(&spec.buffer.disk),
            volumes: volumes::of_shard(pipeline, shard),
            grace_seconds: INGEST_GRACE_SECONDS,
            // Else the new feed is up before the old one goes; consumers drop what both deliver.
            rollout: if alone { Rollout::Alone } else { Rollout::Overlap },
        };
        resources.claims.extend(volumes::recording_claim(pipeline, shard));
        resources
            .deployments
            .push(worker.deployment(pipeline, restart_hash));
        let mut config_map = config_file(&config).config_map(pipeline, name, Role::Ingest.as_str());
        config_map
            .metadata
            .labels
            .get_or_insert_default()
            .insert(LABEL_SHARD.to_owned(), shard.to_string());
        resources.config_maps.push(config_map);
    }
}

fn processor(pipeline: &ValidatedPipeline, resources: &mut Resources) {
    let spec = &pipeline.spec.processor;
    let role = Role::Processor;
    let files = config_file(&config::processor(pipeline));
    let worker = Worker {
        role,
        name: pipeline.names.of(role),
        extra_label: None,
        placement: spec.placement.as_ref(),
        replicas: pipeline.processors,
        resources: spec
            .resources
            .clone()
            .unwrap_or_else(|| requirements("100m", "128Mi", "512Mi")),
        spool: None,
        volumes: vec![],
        grace_seconds: PROCESSOR_GRACE_SECONDS,
        // One leaves before one comes: partitions move once, and Kafka keeps what waits.
        rollout: Rollout::OneByOne,
    };
    resources
        .deployments
        .push(worker.deployment(pipeline, files.hash()));
    let config_map: ConfigMap = files.config_map(pipeline, pipeline.names.of(role), role.as_str());
    resources.config_maps.push(config_map);
    resources.pod_disruption_budgets.push(metadata::disruption_budget(
        pipeline,
        role,
        IntOrString::String("50%".to_owned()),
    ));
}

/// A worker's configuration file.
fn config_file(config: &impl Serialize) -> Files {
    // These types hold only strings, numbers and maps with string keys, which YAML can always express.
    Files::default().at_start(CONFIG_FILE, serde_yaml::to_string(config).unwrap_or_default())
}
