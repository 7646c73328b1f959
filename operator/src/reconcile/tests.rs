//! The whole reconciliation against a cluster in the test process.

use crds::{
    status::{Phase, condition},
    wire::IngestConfig,
};
use serde_json::json;

use crate::testing::{Cluster, core};

fn kinds(writes: &[String]) -> Vec<&str> {
    writes
        .iter()
        .map(|write| write.split('/').rev().nth(1).unwrap())
        .collect()
}

async fn ready() -> Cluster {
    let mut cluster = Cluster::new();
    cluster.apply(|_| {});
    cluster.converge(|_| {}).await;
    cluster
}

#[tokio::test]
async fn a_fresh_pipeline_becomes_ready_and_workers_come_last() {
    let mut cluster = Cluster::new();
    cluster.apply(|_| {});
    cluster
        .converge(|cluster| {
            let workers = cluster.api.find("/deployments/").len();
            assert!(workers == 0 || cluster.engines.calls()[0] == 1);
        })
        .await;
    let status = cluster.status();
    assert_eq!(cluster.engines.calls(), [1, 1, 1]);
    assert_eq!(status.components["kafka"].summary, "6/6");
    assert_eq!(status.components["hdfs"].summary, "11/11");
    assert_eq!(status.components["hdfs"].message, "market-namenode-0 is active");
    let flow = status.data_flow.unwrap();
    assert_eq!(
        (flow.ingested_trades, flow.archived_trades, flow.missing_ids),
        (30, 30, 0)
    );
    let identity = status.identity.unwrap();
    assert!(identity.kafka_formed && identity.cassandra_formed && identity.hdfs_formatted);
    assert!(identity.hdfs_edits_shared && identity.hdfs_failover_formatted);
    assert_eq!(identity.racks["kafka"], ["cloud-a", "cloud-b"]);
    for type_ in [
        condition::READY,
        condition::DATA_FLOWING,
        condition::ARCHIVE_READY,
    ] {
        assert!(cluster.condition(type_).0, "{type_}");
    }
}

#[tokio::test]
async fn a_converged_pipeline_is_silent() {
    let mut cluster = ready().await;
    cluster.reconcile().await.unwrap();
    let before = cluster.api.writes();
    for _ in 0..3 {
        cluster.reconcile().await.unwrap();
    }
    // Also for a new process, which compares everything once.
    cluster.restart_operator();
    cluster.reconcile().await.unwrap();
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.api.writes()[before.len()..], [""; 0]);
}

#[tokio::test]
async fn an_operator_that_restarts_at_every_step_loses_nothing() {
    let mut cluster = Cluster::new();
    cluster.apply(|_| {});
    cluster.converge(Cluster::restart_operator).await;
    let writes = cluster.api.writes();
    let formats: Vec<_> = writes
        .iter()
        .filter(|write| write.contains("/jobs/") && !write.starts_with("DELETE"))
        .map(|write| write.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(
        formats,
        [
            "market-namenode-format",
            "market-zookeeper-format",
            "market-journalnode-format"
        ]
    );
    // Nothing is deleted but each Job, once what it did is recorded.
    let deleted = writes.iter().filter(|write| write.starts_with("DELETE"));
    assert!(
        deleted.clone().all(|write| write.contains("/jobs/")),
        "{writes:?}"
    );
    assert_eq!(deleted.count(), 3);
    assert!(cluster.api.find("/jobs/").is_empty());
}

#[tokio::test]
async fn an_invalid_spec_is_reported_and_nothing_is_applied() {
    let cluster = Cluster::new();
    cluster.apply(|spec| spec["kafka"]["config"] = json!({"node.id": "1"}));
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.status().phase, Some(Phase::Invalid));
    assert!(!cluster.condition(condition::READY).0);
    let writes = cluster.api.writes();
    assert!(
        writes
            .iter()
            .all(|w| w.ends_with("/status") || w.ends_with("/events")),
        "{writes:?}"
    );
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.api.writes().len(), writes.len());
}

#[tokio::test]
async fn a_changed_kafka_config_restarts_one_pod_at_a_time() {
    let mut cluster = ready().await;
    let start = cluster.api.writes().len();
    cluster.apply(|spec| spec["kafka"]["config"] = json!({"log.cleaner.threads": "2"}));
    let mut seen = start;
    cluster
        .converge(|cluster| {
            let writes = cluster.api.writes();
            let pods = writes[seen..]
                .iter()
                .filter(|w| w.starts_with("DELETE") && w.contains("/pods/"));
            assert!(pods.count() <= 1);
            seen = writes.len();
        })
        .await;
    let writes = cluster.api.writes();
    let restarted: Vec<_> = writes[start..]
        .iter()
        .filter(|w| w.starts_with("DELETE"))
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
async fn a_site_without_nodes_is_named_and_holds_nothing_else_back() {
    let cluster = Cluster::new();
    cluster.api.remove("/api/v1/nodes/on-prem-1");
    cluster.api.remove("/api/v1/nodes/on-prem-2");
    cluster.apply(|_| {});
    for _ in 0..6 {
        cluster.reconcile().await.unwrap();
        cluster.catch_up();
    }
    assert!(cluster.condition(condition::KAFKA_READY).0);
    let (ready, reason) = cluster.condition(condition::CASSANDRA_READY);
    assert_eq!((ready, reason.as_str()), (false, "PlacementUnsatisfied"));
    let status = cluster.status();
    let overall = status
        .conditions
        .iter()
        .find(|c| c.type_ == condition::READY)
        .unwrap();
    assert_eq!(overall.reason, "PlacementUnsatisfied");
    assert!(
        overall
            .message
            .contains("placement onPrem: cryptopipeline.dev/site=on-prem"),
        "{}",
        overall.message
    );
    assert_eq!(cluster.condition(condition::DEGRADED).1, "PlacementUnsatisfied");
}

#[tokio::test]
async fn a_refused_write_is_reported_and_tried_again() {
    let mut cluster = Cluster::new();
    cluster.apply(|_| {});
    cluster.api.refuse(Some("/statefulsets/"));
    cluster.reconcile().await.unwrap_err();
    assert_eq!(cluster.condition(condition::READY).1, "ApplyRefused");
    cluster.api.refuse(None);
    cluster.converge(|_| {}).await;
}

#[tokio::test]
async fn an_engine_that_is_not_available_is_waited_for() {
    let mut cluster = Cluster::new();
    cluster.apply(|_| {});
    cluster.engines.safe_mode(true);
    for _ in 0..10 {
        cluster.reconcile().await.unwrap();
        cluster.catch_up();
    }
    assert_eq!(
        cluster.condition(condition::ARCHIVE_READY),
        (false, "SafeMode".to_owned())
    );
    assert_eq!(
        cluster.condition(condition::WORKERS_READY).1,
        "WaitingForBootstrap"
    );
    cluster.engines.safe_mode(false);
    cluster.converge(|_| {}).await;
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
async fn a_pipeline_without_processors_does_not_claim_to_flow() {
    let cluster = ready().await;
    cluster.apply(|spec| spec["processor"]["replicas"] = json!(0));
    for (path, _) in cluster.api.find("/pods/market-processor") {
        cluster.api.remove(&path);
    }
    cluster.reconcile().await.unwrap();
    assert_eq!(
        cluster.condition(condition::DATA_FLOWING),
        (false, "ProcessorSilent".to_owned())
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
async fn volumes_stay_and_an_object_created_again_adopts_them() {
    let mut cluster = ready().await;
    let before = cluster.status().identity.unwrap();
    // No finalizer: the object goes at once, and the garbage collector takes everything that it owns.
    assert_eq!(
        cluster.pipeline().metadata.finalizers.unwrap_or_default(),
        [""; 0]
    );
    for (path, _) in cluster
        .api
        .find(&format!("/namespaces/{}/", crate::testing::NAMESPACE))
    {
        if !path.contains("/persistentvolumeclaims/") {
            cluster.api.remove(&path);
        }
    }
    let start = cluster.api.writes().len();
    cluster.restart_operator();
    cluster.apply(|_| {});
    cluster.converge(|_| {}).await;
    let after = cluster.status().identity.unwrap();
    assert_eq!(after, before);
    let writes = cluster.api.writes();
    assert!(!kinds(&writes[start..]).contains(&"jobs"), "formatted again");
}

#[tokio::test]
async fn the_policy_delete_takes_the_volumes_once_no_pod_uses_them() {
    let mut cluster = Cluster::new();
    cluster.apply(|spec| spec["deletionPolicy"] = json!("Delete"));
    cluster.converge(|_| {}).await;
    let path = Cluster::pipeline_path();
    let mut object = cluster.api.get(&path).unwrap();
    assert_eq!(
        object["metadata"]["finalizers"],
        json!(["cryptopipeline.dev/delete-volumes"])
    );
    object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    cluster.api.put(&path, object);

    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.api.find("/statefulsets/").len(), 0);
    assert_ne!(cluster.api.find("/persistentvolumeclaims/").len(), 0);
    assert_eq!(cluster.status().phase, Some(Phase::Deleting));
    for (path, _) in cluster.api.find("/pods/") {
        cluster.api.remove(&path);
    }
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.api.find("/persistentvolumeclaims/").len(), 0);
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.api.get(&path), None);
}

#[tokio::test]
async fn volumes_of_another_cluster_stop_everything() {
    let cluster = ready().await;
    let claim = core("persistentvolumeclaims", "data-market-kafka-r0-0");
    let mut object = cluster.api.get(&claim).unwrap();
    object["metadata"]["annotations"]["cryptopipeline.dev/cluster-id"] = json!("another");
    cluster.api.put(&claim, object);
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.condition(condition::READY).1, "IdentityConflict");
}

#[tokio::test]
async fn volumes_grow_only_where_their_class_can() {
    let cluster = ready().await;
    let class = |expands: bool| {
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"},
               "provisioner": "test", "allowVolumeExpansion": expands})
    };
    let path = core("persistentvolumeclaims", "data-market-cassandra-r0-0");
    let mut claim = cluster.api.get(&path).unwrap();
    claim["spec"]["storageClassName"] = json!("fast");
    cluster.api.put(&path, claim);
    let size = |cluster: &Cluster| {
        cluster.api.get(&path).unwrap()["spec"]["resources"]["requests"]["storage"].clone()
    };

    cluster
        .api
        .put("/apis/storage.k8s.io/v1/storageclasses/fast", class(false));
    cluster.apply(|spec| spec["cassandra"]["storage"]["size"] = json!("2Gi"));
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.condition(condition::READY).1, "VolumeCannotGrow");
    assert_eq!(size(&cluster), "1Gi");

    cluster
        .api
        .put("/apis/storage.k8s.io/v1/storageclasses/fast", class(true));
    cluster.reconcile().await.unwrap();
    assert_eq!(size(&cluster), "2Gi");
}
