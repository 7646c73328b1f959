//! One case per rule: what is refused, and that the message names field and remedy.

use crds::{CryptoPipeline, names::Role};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use rstest::rstest;
use serde_json::{Value, json};

use super::{Facts, validate};
use crate::reconcile::volumes::Volume;

fn facts() -> Facts {
    let mut facts = Facts::default();
    facts.identity.kafka_cluster_id = Some("nMzBUGexQvyNfXrrjUPL0g".to_owned());
    facts.identity.cassandra_cluster_name = Some("market-6b1f1a5e".to_owned());
    facts.identity.hdfs_cluster_id = Some("CID-6b1f1a5e-2f5c-4f7a-8f0b-0f3f5b0a9c11".to_owned());
    facts
}

fn object(spec: &Value) -> CryptoPipeline {
    let mut full = json!({"ingest": {"symbols": ["BTCUSDT"]}});
    for (key, value) in spec.as_object().unwrap() {
        full[key] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "cryptopipeline.dev/v1alpha1",
        "kind": "CryptoPipeline",
        "metadata": {"name": "market", "namespace": "prod", "uid": "1"},
        "spec": full,
    }))
    .unwrap()
}

#[rstest]
#[case(json!({"kafka": {"placement": "moon"}}), "UnknownPlacement", "spec.kafka.placement")]
#[case(
    json!({"placements": {"x": {"nodeExpressions": [{"key": "a", "operator": "In"}]}}}),
    "InvalidNodeExpression", "at least one value"
)]
#[case(
    json!({"placements": {"x": {"nodeExpressions": [{"key": "a", "operator": "Gt", "values": ["b"]}]}}}),
    "InvalidNodeExpression", "one whole number"
)]
#[case(
    json!({"placements": {"x": {"nodeExpressions": [{"key": "a", "operator": "Is"}]}}}),
    "InvalidNodeExpression", "one of the operators"
)]
#[case(json!({"kafka": {"config": {"node.id": "1"}}}), "ConfigKeyOwned", "spec.kafka.config.node.id")]
#[case(json!({"kafka": {"config": {"listener.name.x.y": "1"}}}), "ConfigKeyOwned", "remove the key")]
#[case(json!({"kafka": {"config": {"a": "1\nnode.id=7"}}}), "ConfigValueMultiline", "spec.kafka.config.a")]
#[case(
    json!({"kafka": {"topics": {"trades": {"minInSyncReplicas": 3}}}}),
    "MinInSyncReplicasTooHigh", "spec.kafka.topics.trades.minInSyncReplicas"
)]
#[case(
    json!({"kafka": {"topics": {"trades": {"retention": "5m"}}}}),
    "RetentionTooShort", "spec.kafka.topics.trades.retention"
)]
#[case(json!({"cassandra": {"tradeRetention": "0s"}}), "TradeRetentionOutOfRange", "spec.cassandra.tradeRetention")]
#[case(json!({"cassandra": {"tradeRetention": "7301d"}}), "TradeRetentionOutOfRange", "7300d")]
#[case(
    json!({"kafka": {"resources": {"limits": {"memory": "1 GB"}}}}),
    "NotASize", "spec.kafka.resources.limits.memory"
)]
#[case(json!({"cassandra": {"heapSize": "2Gi"}}), "HeapExceedsMemory", "spec.cassandra.heapSize")]
#[case(
    json!({"kafka": {"heapSize": "900Mi", "resources": {"limits": {"memory": "1Gi"}}}}),
    "HeapExceedsMemory", "spec.kafka.heapSize"
)]
#[case(
    json!({"cassandra": {"resources": {"limits": {"memory": "256Mi"}}}}),
    "HeapTooSmall", "spec.cassandra.resources"
)]
#[case(
    json!({"hdfs": {"journalNodeResources": {"limits": {"memory": "192Mi"}}}}),
    "HeapTooSmall", "spec.hdfs.journalNodeResources"
)]
#[case(
    json!({"hdfs": {"zooKeeperResources": {"limits": {"memory": "128Mi"}}}}),
    "HeapTooSmall", "spec.hdfs.zooKeeperResources"
)]
#[case(
    json!({"hdfs": {"failoverControllerResources": {"limits": {"memory": "256 MB"}}}}),
    "NotASize", "spec.hdfs.failoverControllerResources.limits.memory"
)]
#[case(
    json!({"hdfs": {"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}}}),
    "RequestExceedsLimit", "spec.hdfs.resources"
)]
#[case(
    json!({"processor": {"archive": {"rollSize": "1Ki"}}}),
    "RollSizeOutOfRange", "spec.processor.archive.rollSize"
)]
#[case(json!({"processor": {"archive": {"rollSize": "2Gi"}}}), "RollSizeOutOfRange", "1Gi")]
#[case(json!({"ingest": {"symbols": ["BTCUSDT"], "buffer": {"memory": "2Gi"}}}), "BufferOutOfRange", "spec.ingest.buffer.memory must be between 1Mi")]
#[case(json!({"ingest": {"symbols": ["BTCUSDT"], "buffer": {"disk": "1Mi"}}}), "BufferOutOfRange", "spec.ingest.buffer.disk must be between 16Mi")]
#[case(json!({"ingest": {"symbols": ["BTCUSDT"], "buffer": {"disk": "1Zi"}}}), "NotASize", "spec.ingest.buffer.disk")]
#[case(json!({"processor": {"archive": {"rollInterval": "999ms"}}}), "RollIntervalTooShort", "rollInterval")]
#[case(json!({"processor": {"hot": {"candles": ["25h"]}}}), "CandleTooLong", "spec.processor.hot.candles")]
#[case(json!({"ingest": {"symbols": ["BTCUSDT"], "shards": 2}}), "TooManyShards", "spec.ingest.shards")]
#[case(json!({"ingest": {"symbols": ["BTCUSDT", "BTCUSDT"]}}), "DuplicateSymbol", "spec.ingest.symbols")]
fn each_mistake_is_refused_with_its_field_and_remedy(
    #[case] spec: Value,
    #[case] reason: &str,
    #[case] in_message: &str,
) {
    let invalid = validate(&object(&spec), facts()).unwrap_err();
    assert_eq!(invalid.problems.len(), 1, "{invalid}");
    assert_eq!(invalid.reason(), reason);
    assert!(invalid.to_string().contains(in_message), "{invalid}");
}

#[rstest]
#[case(json!({}))]
#[case(json!({"kafka": {"brokers": 1, "controllers": 0}}))]
#[case(json!({"processor": {"archive": {"rollSize": "1Gi", "rollInterval": "1s"}, "hot": {"candles": ["1d"]}}}))]
#[case(json!({"kafka": {"config": {"num.io.threads": "8", "log.dirs.x": "1"}}}))]
#[case(json!({"cassandra": {"heapSize": "1536Mi"}}))]
#[case(json!({"hdfs": {"nameNodes": 1}}))]
fn what_is_right_is_accepted(#[case] spec: Value) {
    assert_eq!(validate(&object(&spec), facts()).map(|_| ()), Ok(()));
}

#[test]
fn all_problems_are_told_at_once() {
    let spec = json!({"hdfs": {"nameNodes": 1}, "kafka": {"config": {"log.dir": "/", "node.id": "1"}}});
    let mut facts = Facts::default();
    facts.identity.hdfs_edits_shared = true;
    let invalid = validate(&object(&spec), facts).unwrap_err();
    let reasons: Vec<_> = invalid.problems.iter().map(super::Problem::reason).collect();
    assert_eq!(
        reasons,
        [
            "NameNodesReduced",
            "ConfigKeyOwned",
            "ConfigKeyOwned",
            "IdentityUnknown",
            "IdentityUnknown",
            "IdentityUnknown"
        ]
    );
}

fn journal(ordinal: i32) -> Volume {
    Volume {
        claim: format!("data-market-journalnode-{ordinal}"),
        role: Role::JournalNode,
        formed: true,
        given: Quantity("1Gi".to_owned()),
    }
}

#[test]
fn two_name_nodes_never_become_one() {
    let mut facts = facts();
    facts.volumes = (0..3).map(journal).collect();
    facts.identity.hdfs_edits_shared = true;
    let two = json!({"hdfs": {"nameNodes": 2}});
    assert_eq!(validate(&object(&two), facts.clone()).map(|_| ()), Ok(()));
    let one = json!({"hdfs": {"nameNodes": 1}});
    let invalid = validate(&object(&one), facts).unwrap_err();
    assert_eq!(invalid.reason(), "NameNodesReduced");
    assert!(invalid.to_string().contains("spec.hdfs.nameNodes"), "{invalid}");
}

#[test]
fn an_object_that_was_never_stored_has_no_owner_to_give() {
    let mut object = object(&json!({}));
    object.metadata.uid = None;
    assert_eq!(validate(&object, facts()).unwrap_err().reason(), "NotStored");
}

#[rstest]
#[case(&["a", "b"], &["a", "b"], None)]
#[case(&[], &["a", "b"], None)]
#[case(&["a", "b", "c"], &["a", "b"], Some("ZonesFixed"))]
#[case(&["b", "a"], &["a", "b"], Some("ZonesFixed"))]
#[case(&[], &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], Some("TooManyRacks"))]
fn racks_stay_as_they_were_at_the_first_start(
    #[case] asked: &[&str],
    #[case] fixed: &[&str],
    #[case] reason: Option<&str>,
) {
    let spec = json!({"placements": {"east": {"zones": asked}}, "cassandra": {"placement": "east"}});
    let mut facts = facts();
    let fixed = fixed.iter().map(|zone| (*zone).to_owned()).collect();
    facts.racks.insert("cassandra".to_owned(), fixed);
    assert_eq!(
        validate(&object(&spec), facts)
            .err()
            .map(|invalid| invalid.reason()),
        reason
    );
}

#[rstest]
#[case::defaults(json!({}), [512, 256, 1024, 512, 512])]
#[case::of_the_limit(json!({"kafka": {"resources": {"limits": {"memory": "4Gi"}}}}), [2048, 256, 1024, 512, 512])]
#[case::of_the_request(json!({"kafka": {"resources": {"requests": {"memory": "2Gi"}}}}), [1024, 256, 1024, 512, 512])]
#[case::as_asked(json!({"cassandra": {"heapSize": "768Mi"}}), [512, 256, 768, 512, 512])]
#[case::small(json!({"cassandra": {"resources": {"limits": {"memory": "1536Mi"}}}}), [512, 256, 256, 512, 512])]
fn heaps_follow_from_memory(#[case] spec: Value, #[case] heaps: [u64; 5]) {
    let sizings = validate(&object(&spec), facts()).unwrap().sizings;
    let roles = [
        &sizings.broker,
        &sizings.controller,
        &sizings.cassandra,
        &sizings.name_node,
        &sizings.data_node,
    ];
    assert_eq!(roles.map(|sizing| sizing.heap_mib), heaps);
}

#[rstest]
#[case::defaults(json!({}), [256, 256, 112])]
#[case::small(
    json!({"hdfs": {
        "zooKeeperResources": {"limits": {"memory": "192Mi"}},
        "journalNodeResources": {"limits": {"memory": "256Mi"}},
    }}),
    [96, 112, 112]
)]
fn small_processes_keep_room_beside_their_heap(#[case] spec: Value, #[case] heaps: [u64; 3]) {
    let sizings = validate(&object(&spec), facts()).unwrap().sizings;
    let roles = [
        &sizings.zoo_keeper,
        &sizings.journal_node,
        &sizings.failover_controller,
    ];
    assert_eq!(roles.map(|sizing| sizing.heap_mib), heaps);
}
