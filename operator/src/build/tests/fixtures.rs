//! Pipelines to build, and ways to look at what was built.

use std::collections::BTreeMap;

use crds::{CryptoPipeline, names::Role, status::Identity};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde::Serialize;
use serde_json::Value;

use crate::{
    build::{Resources, hdfs, rack},
    milestone::FormatTarget,
    reconcile::validate::{Facts, ValidatedPipeline, validate},
};

/// Reads one of the manifests in `examples/`.
pub fn example(name: &str) -> CryptoPipeline {
    let path = format!("{}/../examples/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    stored(serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}")))
}

/// Gives an object what the API server would.
pub fn stored(mut object: CryptoPipeline) -> CryptoPipeline {
    object.metadata.uid = Some("2f0f3c1e-5a55-4c0b-9f43-1c7f5f3a1d11".to_owned());
    object
        .metadata
        .namespace
        .get_or_insert_with(|| "default".to_owned());
    object
}

/// What the operator reads of a cluster in which each component has these zones.
pub fn facts(zones: &[(&str, &[&str])]) -> Facts {
    let racks: BTreeMap<String, Vec<String>> = zones
        .iter()
        .map(|(component, zones)| {
            (
                (*component).to_owned(),
                zones.iter().map(|zone| (*zone).to_owned()).collect(),
            )
        })
        .collect();
    Facts {
        racks: racks.clone(),
        identity: Identity {
            racks,
            kafka_cluster_id: Some("nMzBUGexQvyNfXrrjUPL0g".to_owned()),
            hdfs_cluster_id: Some("CID-6b1f1a5e-2f5c-4f7a-8f0b-0f3f5b0a9c11".to_owned()),
            cassandra_cluster_name: Some("market-6b1f1a5e".to_owned()),
            ..Identity::default()
        },
        claim_templates: BTreeMap::new(),
        volumes: vec![],
        readings: BTreeMap::new(),
    }
}

/// A pipeline made from an example.
pub fn pipeline(name: &str, zones: &[(&str, &[&str])]) -> ValidatedPipeline {
    validate(&example(name), facts(zones)).unwrap_or_else(|invalid| panic!("{name}: {invalid}"))
}

/// The demo on its kind cluster.
pub fn demo() -> ValidatedPipeline {
    const CLOUD: &[&str] = &["cloud-a", "cloud-b"];
    const ON_PREM: &[&str] = &["rack-a", "rack-b"];
    pipeline(
        "demo",
        &[("kafka", CLOUD), ("cassandra", ON_PREM), ("hdfs", ON_PREM)],
    )
}

/// Every object as JSON, the format Jobs and the NameNode's claim included.
pub fn objects(pipeline: &ValidatedPipeline, resources: &Resources) -> Vec<Value> {
    let Resources {
        service_accounts,
        config_maps,
        claims,
        services,
        pod_disruption_budgets,
        stateful_sets,
        cron_jobs,
        deployments,
    } = resources;
    let mut objects = json(service_accounts);
    objects.extend(json(config_maps));
    objects.extend(json(claims));
    objects.extend(json(services));
    objects.extend(json(pod_disruption_budgets));
    objects.extend(json(stateful_sets.iter().map(|set| &set.object)));
    objects.extend(json(cron_jobs));
    objects.extend(json(deployments.iter().map(|deployment| &deployment.object)));
    let formatted = rack::replicas(pipeline, Role::JournalNode) > 0;
    let targets = FormatTarget::ALL
        .into_iter()
        .filter(|target| formatted || *target == FormatTarget::NameNode);
    objects.extend(json(targets.map(|target| hdfs::format_job(pipeline, target))));
    objects.extend(json([hdfs::name_node_claim(pipeline)]));
    objects
}

fn json<T: Serialize>(objects: impl IntoIterator<Item = T>) -> Vec<Value> {
    objects
        .into_iter()
        .map(|object| serde_json::to_value(object).unwrap())
        .collect()
}

/// `Kind/name` of an object.
pub fn id(object: &Value) -> String {
    format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// A JSON string.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not text"))
}

/// Every pod template, with the name of its workload.
pub fn templates(objects: &[Value]) -> Vec<(String, PodTemplateSpec)> {
    let template = |object: &Value| {
        let template = object["spec"].get("template")?.clone();
        Some((id(object), serde_json::from_value(template).unwrap()))
    };
    objects.iter().filter_map(template).collect()
}
