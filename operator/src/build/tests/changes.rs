//! What a change reaches, and above all what it leaves alone.

use std::collections::BTreeMap;

use crds::names::Role;
use k8s_openapi::{api::core::v1::PersistentVolumeClaim, apimachinery::pkg::api::resource::Quantity};
use kube::ResourceExt;
use rstest::rstest;

use super::fixtures::{demo, example};
use crate::{
    build::{
        CLUSTER_ID_ANNOTATION, build, metadata::CONFIG_HASH_ANNOTATION, stateful_set::requested_storage,
    },
    reconcile::validate::ValidatedPipeline,
};

/// The config hash of each role's pods.
fn hashes(pipeline: &ValidatedPipeline) -> BTreeMap<Role, String> {
    let resources = build(pipeline);
    let sets = resources
        .stateful_sets
        .iter()
        .map(|set| (set.role, &set.object.spec.as_ref().unwrap().template));
    let deployments = resources
        .deployments
        .iter()
        .map(|one| (one.role, &one.object.spec.as_ref().unwrap().template));
    sets.chain(deployments)
        .map(|(role, template)| {
            let annotations = template.metadata.as_ref().unwrap().annotations.as_ref().unwrap();
            (role, annotations[CONFIG_HASH_ANNOTATION].clone())
        })
        .collect()
}

type Change = fn(&mut ValidatedPipeline);

#[rstest]
#[case::kafka_config(|p: &mut ValidatedPipeline| { p.spec.kafka.config.insert("num.io.threads".into(), "4".into()); }, &[Role::KafkaBroker, Role::KafkaController])]
#[case::broker_heap(|p: &mut ValidatedPipeline| p.sizings.broker.heap_mib = 300, &[Role::KafkaBroker])]
#[case::cassandra_heap(|p: &mut ValidatedPipeline| p.sizings.cassandra.heap_mib = 600, &[Role::Cassandra])]
#[case::block_copies(|p: &mut ValidatedPipeline| p.spec.hdfs.replication = Some(2), &[Role::NameNode])]
#[case::journal_node_heap(|p: &mut ValidatedPipeline| p.sizings.journal_node.heap_mib = 100, &[Role::JournalNode])]
#[case::zoo_keeper_heap(|p: &mut ValidatedPipeline| p.sizings.zoo_keeper.heap_mib = 100, &[Role::ZooKeeper])]
#[case::failover_controller_heap(|p: &mut ValidatedPipeline| p.sizings.failover_controller.heap_mib = 100, &[Role::NameNode])]
#[case::symbol(|p: &mut ValidatedPipeline| p.spec.ingest.symbols.push("XRPUSDT".into()), &[])]
#[case::buffer(|p: &mut ValidatedPipeline| p.buffer.memory_bytes = 1 << 20, &[Role::Ingest])]
#[case::roll_size(|p: &mut ValidatedPipeline| p.roll_size_bytes = 1 << 20, &[Role::Processor])]
#[case::partitions(|p: &mut ValidatedPipeline| p.spec.kafka.topics.trades.partitions = 60, &[])]
#[case::formation(|p: &mut ValidatedPipeline| { let i = &mut p.facts.identity; i.kafka_formed = true; i.cassandra_formed = true; i.hdfs_formatted = true; i.hdfs_edits_shared = true; i.hdfs_failover_formatted = true; }, &[])]
#[case::more_members(|p: &mut ValidatedPipeline| { p.spec.kafka.brokers = 5; p.spec.cassandra.nodes = 6; p.spec.hdfs.data_nodes = 7; }, &[])]
fn a_change_restarts_only_the_roles_it_concerns(#[case] change: Change, #[case] concerned: &[Role]) {
    let before = demo();
    let mut after = before.clone();
    change(&mut after);
    let (before, after) = (hashes(&before), hashes(&after));
    let changed: Vec<_> = before
        .keys()
        .filter(|role| before[role] != after[role])
        .copied()
        .collect();
    assert_eq!(changed, concerned);
}

#[test]
fn forming_the_clusters_changes_config_maps_but_no_workload() {
    let before = demo();
    let mut after = before.clone();
    after.facts.identity.kafka_formed = true;
    after.facts.identity.cassandra_formed = true;
    after.facts.identity.hdfs_edits_shared = true;
    after.facts.identity.hdfs_failover_formatted = true;
    let (before, after) = (build(&before), build(&after));
    assert_eq!(before.stateful_sets, after.stateful_sets);
    let formation = |name: &str| {
        let of = |maps: &[k8s_openapi::api::core::v1::ConfigMap]| {
            let map = maps
                .iter()
                .find(|map| map.metadata.name.as_deref() == Some(name))
                .unwrap();
            map.data.as_ref().unwrap()["formation"].clone()
        };
        (of(&before.config_maps), of(&after.config_maps))
    };
    let expected = ("initial\n".to_owned(), "formed\n".to_owned());
    assert_eq!(formation("market-kafka-controller"), expected);
    assert_eq!(formation("market-cassandra"), expected);
    assert_eq!(formation("market-journalnode"), expected);
    assert_eq!(formation("market-zookeeper"), expected);
}

/// The claim template of each StatefulSet of Cassandra.
fn cassandra_claims(pipeline: &ValidatedPipeline) -> Vec<PersistentVolumeClaim> {
    let sets = build(pipeline).stateful_sets.into_iter();
    sets.filter(|set| set.role == Role::Cassandra)
        .map(|set| set.object.spec.unwrap().volume_claim_templates.unwrap().remove(0))
        .collect()
}

#[test]
fn the_claims_of_a_live_stateful_set_keep_their_size_and_annotations() {
    let mut pipeline = demo();
    let mut given = cassandra_claims(&pipeline).remove(1);
    given.metadata.annotations = Some(BTreeMap::from([("an".to_owned(), "older version's".to_owned())]));
    pipeline
        .facts
        .claim_templates
        .insert("market-cassandra-r1".to_owned(), given.clone());
    pipeline.spec.cassandra.storage.size = Quantity("5Gi".to_owned());
    pipeline.cassandra_cluster_name = "another".to_owned();
    let claims = cassandra_claims(&pipeline);
    assert_eq!(claims[1], given);
    assert_eq!(requested_storage(&claims[0]).unwrap().0, "5Gi");
    assert_eq!(claims[0].annotations()[CLUSTER_ID_ANNOTATION], "another");
}

#[test]
fn example_manifests_say_nothing_that_the_api_does_not_know() {
    for name in ["minimal", "development", "demo", "hybrid", "compaction"] {
        let path = format!("{}/../examples/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let written: serde_json::Value =
            serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let read = serde_json::to_value(example(name)).unwrap();
        assert_contains(&read["spec"], &written["spec"], name);
    }
}

/// Every key that was written must have survived reading.
fn assert_contains(read: &serde_json::Value, written: &serde_json::Value, path: &str) {
    if let Some(fields) = written.as_object() {
        for (key, value) in fields {
            let path = format!("{path}.{key}");
            assert_contains(
                read.get(key).unwrap_or_else(|| panic!("{path} is unknown")),
                value,
                &path,
            );
        }
    }
}
