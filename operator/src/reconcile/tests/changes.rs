//! Changes of a pipeline that runs.

use crds::{
    status::{Phase, condition},
    wire::IngestConfig,
};
use serde_json::json;

use super::ready;
use crate::{
    name_node::BlockReport,
    testing::{Cluster, core},
};

#[tokio::test]
async fn a_changed_kafka_config_restarts_one_pod_at_a_time() {
    let mut cluster = ready().await;
    let start = cluster.api.writes().len();
    cluster.apply(|spec| spec["kafka"]["config"] = json!({"log.cleaner.threads": "2"}));
    let mut seen = start;
    cluster
        .converge(|cluster| {
            let writes = cluster.api.writes();
            let pods = writes[seen..].iter().filter(|w| w.ends_with("/eviction"));
            assert!(pods.count() <= 1);
            seen = writes.len();
        })
        .await;
    let writes = cluster.api.writes();
    let restarted: Vec<_> = writes[start..]
        .iter()
        .filter(|w| w.ends_with("/eviction"))
        .collect();
    assert!(
        restarted.iter().all(|w| w.contains("/pods/market-kafka")),
        "{restarted:?}"
    );
    assert!(restarted.len() >= 3, "{restarted:?}");
    assert_eq!(cluster.condition(condition::READY), (true, "AllReady".to_owned()));
}

#[tokio::test]
async fn one_name_node_becomes_two_and_never_one_again() {
    let name_nodes = |cluster: &Cluster| {
        let set = &cluster.api.find("/statefulsets/market-namenode")[0].1;
        set["spec"]["replicas"].as_i64().unwrap()
    };
    let mut cluster = Cluster::new();
    cluster.apply(|spec| spec["hdfs"]["nameNodes"] = json!(1));
    cluster.converge(|_| {}).await;
    assert_eq!(cluster.status().components["hdfs"].summary, "4/4");
    let message = cluster.status().components["hdfs"].message.clone();
    assert!(message.contains("edits are merged only when"), "{message}");
    let start = cluster.api.writes().len();

    cluster.apply(|spec| spec["hdfs"]["nameNodes"] = json!(2));
    cluster
        .converge(|cluster| {
            let shared = cluster.status().identity.unwrap().hdfs_edits_shared;
            let sharing = !cluster.api.find("/jobs/market-journalnode-format").is_empty();
            if sharing && !shared {
                assert_eq!(name_nodes(cluster), 0, "edits are copied while no NameNode runs");
            }
            cluster.restart_operator();
        })
        .await;
    assert_eq!(name_nodes(&cluster), 2);
    assert_eq!(cluster.status().components["hdfs"].summary, "11/11");
    let writes = cluster.api.writes();
    let formats = writes[start..]
        .iter()
        .filter(|write| write.contains("/jobs/") && !write.starts_with("DELETE"));
    assert_eq!(formats.count(), 2, "{writes:?}");

    cluster.apply(|spec| spec["hdfs"]["nameNodes"] = json!(1));
    cluster.reconcile().await.unwrap();
    assert_eq!(
        cluster.condition(condition::READY),
        (false, "NameNodesReduced".to_owned())
    );
    assert_eq!(name_nodes(&cluster), 2);
}

#[tokio::test]
async fn changed_symbols_reach_running_workers_without_a_restart() {
    let mut cluster = ready().await;
    let start = cluster.api.writes().len();
    cluster.apply(|spec| spec["ingest"]["symbols"] = json!(["BTCUSDT", "XRPUSDT"]));
    cluster.reconcile().await.unwrap();
    cluster.reconcile().await.unwrap();
    let writes = cluster.api.writes();
    let objects: Vec<_> = writes[start..]
        .iter()
        .filter(|write| !write.ends_with("/status") && !write.contains("/events"))
        .cloned()
        .collect();
    assert_eq!(
        objects,
        [
            format!("PATCH {}", core("configmaps", "market-ingest-0")),
            format!("PATCH {}", core("pods", "market-ingest-0-0")),
        ]
    );
    cluster.converge(|_| {}).await;
    assert!(cluster.condition(condition::SYMBOLS_KNOWN).0);
}

#[tokio::test]
async fn a_paused_pipeline_is_watched_and_not_changed() {
    let cluster = ready().await;
    cluster.apply(|spec| {
        spec["paused"] = json!(true);
        spec["processor"]["replicas"] = json!(7);
    });
    let start = cluster.api.writes().len();
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.status().phase, Some(Phase::Paused));
    let writes = &cluster.api.writes()[start..];
    assert!(
        writes
            .iter()
            .all(|w| w.ends_with("/status") || w.ends_with("/events")),
        "{writes:?}"
    );
}

#[tokio::test]
async fn a_shard_that_is_no_longer_wanted_goes() {
    let mut cluster = Cluster::new();
    cluster.apply(|spec| spec["ingest"]["shards"] = json!(2));
    cluster.converge(|_| {}).await;
    let count = |cluster: &Cluster| cluster.api.find("/deployments/").len();
    let two = count(&cluster);
    cluster.apply(|spec| spec["ingest"]["shards"] = json!(1));
    cluster.converge(|_| {}).await;
    assert_eq!(count(&cluster), two - 1);
}

#[tokio::test]
async fn a_symbol_moves_to_another_shard_once_that_one_hears_it() {
    let symbols = |cluster: &Cluster, shard: u32| -> Vec<String> {
        let files = cluster
            .api
            .get(&core("configmaps", &format!("market-ingest-{shard}")))
            .unwrap();
        let config: IngestConfig =
            serde_yaml::from_str(files["data"]["config.yaml"].as_str().unwrap()).unwrap();
        config.symbols
    };
    let mut cluster = ready().await;
    let all = symbols(&cluster, 0);
    cluster.apply(|spec| spec["ingest"]["shards"] = json!(2));
    cluster.reconcile().await.unwrap();
    let moved = symbols(&cluster, 1);
    assert!(!moved.is_empty());
    assert_eq!(symbols(&cluster, 0), all);
    cluster.converge(|_| {}).await;
    let stayed: Vec<_> = all.iter().filter(|symbol| !moved.contains(symbol)).collect();
    assert_eq!(symbols(&cluster, 0).iter().collect::<Vec<_>>(), stayed);
}

#[tokio::test]
async fn a_member_is_restarted_within_its_disruption_budget() {
    let mut cluster = Cluster::new();
    cluster.apply(|_| {});
    cluster.converge(|_| {}).await;
    cluster.apply(|spec| spec["kafka"]["heapSize"] = json!("300Mi"));
    cluster.api.close_budgets(true);
    let uids = |cluster: &Cluster| -> Vec<_> {
        let pods = cluster.api.find("/pods/market-kafka-r");
        pods.into_iter()
            .map(|(_, pod)| pod["metadata"]["uid"].clone())
            .collect()
    };
    let before = uids(&cluster);
    for _ in 0..4 {
        cluster.reconcile().await.unwrap();
        cluster.catch_up();
    }
    assert_eq!(uids(&cluster), before, "somebody else holds the budget");
    cluster.api.close_budgets(false);
    cluster.converge(|_| {}).await;
    assert!(uids(&cluster).iter().all(|uid| !before.contains(uid)));
}

#[tokio::test]
async fn hdfs_is_not_ready_while_copies_are_made_and_no_data_node_goes() {
    let mut cluster = Cluster::new();
    cluster.apply(|_| {});
    cluster.converge(|_| {}).await;
    cluster.engines.count_blocks(BlockReport {
        low: 7,
        ..BlockReport::default()
    });
    cluster.reconcile().await.unwrap();
    let (holds, reason) = cluster.condition(condition::HDFS_READY);
    assert_eq!((holds, reason.as_str()), (false, "BlocksUnderReplicated"));
    cluster.engines.count_blocks(BlockReport::default());
    cluster.converge(|_| {}).await;
}
