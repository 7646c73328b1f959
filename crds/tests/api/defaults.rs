//! What a pipeline of six lines becomes, by the API server's defaults and by serde's: they must agree, because the
//! operator reads stored objects and tests read manifests.

use crds::{
    CryptoPipeline,
    spec::{DeletionPolicy, Exchange, GapPolicy},
};
use kube::core::cel::apply_defaults;

use crate::{crd_schema, wrong_manifests::smallest};

fn pipeline() -> CryptoPipeline {
    serde_json::from_value(smallest()).unwrap()
}

#[test]
fn the_api_server_fills_in_what_serde_fills_in() {
    let stored = apply_defaults(&crd_schema(), &smallest());
    assert_eq!(serde_json::to_value(pipeline().spec).unwrap(), stored["spec"]);
}

#[test]
fn six_lines_give_the_documented_platform() {
    let spec = pipeline().spec;
    assert_eq!(spec.kafka.topics.trades.name, "crypto-stream");
    assert_eq!(spec.kafka.topics.trades.partitions, 12);
    assert_eq!((spec.kafka.brokers, spec.kafka.controllers), (3, 3));
    assert_eq!(
        (spec.kafka.replication_factor(), spec.kafka.min_in_sync_replicas()),
        (3, 2)
    );
    assert_eq!(
        (spec.cassandra.nodes, spec.cassandra.replication_factor()),
        (3, 3)
    );
    assert_eq!(spec.cassandra.keyspace, "crypto_ks");
    assert_eq!((spec.hdfs.name_nodes, spec.hdfs.quorum_members()), (2, 3));
    assert_eq!((spec.hdfs.data_nodes, spec.hdfs.replication()), (3, 3));
    assert_eq!(spec.hdfs.archive_path, "/crypto_data/trades");
    assert_eq!((spec.ingest.shards, spec.ingest.replicas), (1, 1));
    assert_eq!(spec.processor.replicas, 2);
    assert!(spec.processor.archive.enabled && spec.processor.hot.enabled);
    assert_eq!(spec.deletion_policy, DeletionPolicy::Retain);
}

#[test]
fn a_single_broker_needs_no_second_copy() {
    let mut spec = pipeline().spec;
    spec.kafka.brokers = 1;
    assert_eq!(
        (spec.kafka.replication_factor(), spec.kafka.min_in_sync_replicas()),
        (1, 1)
    );
}

#[test]
fn endpoints_and_gap_policy_follow_the_exchange_unless_they_are_given() {
    let mut ingest = pipeline().spec.ingest;
    let binance = ingest.endpoints();
    assert_eq!(binance.stream, "wss://data-stream.binance.vision");
    assert_eq!(binance.rest, "https://api.binance.com");
    assert_eq!(ingest.gap_policy(), GapPolicy::Strict);

    ingest.exchange = Exchange::Coinbase;
    ingest.endpoints.rest = Some("http://sim:9080".to_owned());
    let coinbase = ingest.endpoints();
    assert_eq!(coinbase.stream, "wss://ws-feed.exchange.coinbase.com");
    assert_eq!(coinbase.rest, "http://sim:9080");
    assert_eq!(ingest.gap_policy(), GapPolicy::Advisory);
    ingest.gap_policy = Some(GapPolicy::None);
    assert_eq!(ingest.gap_policy(), GapPolicy::None);
}
