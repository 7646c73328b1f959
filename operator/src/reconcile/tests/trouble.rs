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
async fn a_write_that_is_refused_for_good_holds_back_only_what_needs_it() {
    let cluster = Cluster::new();
    cluster.apply(|_| {});
    cluster.api.refuse_all(&[
        "/poddisruptionbudgets/market-kafka",
        "/configmaps/market-cassandra",
        "/services/market-zookeeper",
    ]);
    for _ in 0..4 {
        cluster.reconcile().await.unwrap_err();
        cluster.catch_up();
    }
    let exists = |name: &str| !cluster.api.find(&format!("/statefulsets/{name}")).is_empty();
    assert!(
        exists("market-kafka-r0") && exists("market-kafka-controller"),
        "no pod needs a budget"
    );
    assert!(!exists("market-cassandra-r0"), "its pods mount what was refused");
    assert!(
        !exists("market-zookeeper"),
        "its pods are found by what was refused"
    );
    assert!(
        cluster.status().identity.unwrap().kafka_formed,
        "steps that come later"
    );
    assert!(cluster.condition(condition::TOPICS_READY).0);
    let status = cluster.status();
    let ready = status
        .conditions
        .iter()
        .find(|c| c.type_ == condition::READY)
        .unwrap();
    assert_eq!(ready.reason, "ApplyRefused");
    for name in ["market-kafka", "market-cassandra", "market-zookeeper"] {
        assert!(ready.message.contains(&format!(" {name}: ")), "{}", ready.message);
    }
}

#[tokio::test]
async fn pods_that_a_quota_refuses_are_told_with_its_words() {
    let mut cluster = Cluster::new();
    cluster.apply(|_| {});
    let told = |cluster: &Cluster, type_: &str| {
        let status = cluster.status();
        let condition = status.conditions.iter().find(|c| c.type_ == type_).unwrap();
        (
            condition.reason.clone(),
            condition.message.contains("exceeded quota: small"),
        )
    };
    let refused = ("PodsRefused".to_owned(), true);
    // Room for none, for some members, for all but the workers.
    for (quota, types) in [
        (
            0,
            &[
                condition::KAFKA_READY,
                condition::CASSANDRA_READY,
                condition::HDFS_READY,
                condition::READY,
            ][..],
        ),
        (7, &[condition::KAFKA_READY, condition::READY]),
        (
            21,
            &[condition::WORKERS_READY, condition::READY, condition::DEGRADED],
        ),
    ] {
        cluster.pod_quota = Some(quota);
        for _ in 0..40 {
            cluster.reconcile().await.unwrap();
            cluster.catch_up();
            if types.iter().all(|type_| told(&cluster, type_) == refused) {
                break;
            }
        }
        for type_ in types {
            assert_eq!(told(&cluster, type_), refused, "{quota} pods, {type_}");
        }
    }
    cluster.pod_quota = None;
    cluster.converge(|_| {}).await;
}

#[tokio::test]
async fn a_worker_keeps_what_it_has_while_what_replaces_it_is_refused() {
    let mut cluster = Cluster::new();
    cluster.apply(|spec| spec["ingest"]["shards"] = json!(2));
    cluster.converge(|_| {}).await;
    cluster.apply(|spec| spec["ingest"]["shards"] = json!(1));
    cluster.api.refuse(Some("/configmaps/market-ingest-0"));
    cluster.reconcile().await.unwrap_err();
    assert_eq!(cluster.api.find("/deployments/market-ingest").len(), 2);
    cluster.api.refuse(None);
    cluster.converge(|_| {}).await;
    assert_eq!(cluster.api.find("/deployments/market-ingest").len(), 1);
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

#[tokio::test]
async fn a_refusal_after_the_first_success_is_told() {
    let cluster = ready().await;
    cluster.engines.refuse_topics(Some("no such thing"));
    cluster.apply(|spec| spec["kafka"]["topics"]["trades"]["partitions"] = json!(24));
    cluster.reconcile().await.unwrap();
    let (holds, reason) = cluster.condition(condition::TOPICS_READY);
    assert_eq!((holds, reason.as_str()), (false, "TopicRefused"));
    assert!(!cluster.condition(condition::READY).0);
    cluster.engines.refuse_topics(None);
    cluster.reconcile().await.unwrap();
    assert!(cluster.condition(condition::TOPICS_READY).0);
}
