//! What keeps a pipeline from being ready, and how that is told.

use crds::status::{Phase, condition};
use serde_json::json;

use super::ready;
use crate::testing::Cluster;

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
