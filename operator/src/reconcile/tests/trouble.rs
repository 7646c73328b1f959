//! What keeps a pipeline from being ready, and how that is told.

use crds::status::{Phase, condition};
use serde_json::json;

use super::ready;
use crate::testing::{Cluster, core};

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

/// The message of a condition.
fn message(cluster: &Cluster, type_: &str) -> String {
    let status = cluster.status();
    let condition = status.conditions.iter().find(|c| c.type_ == type_).unwrap();
    condition.message.clone()
}

/// Moves what the status remembers into the past: nobody waits in a test.
fn let_pass(cluster: &Cluster, seconds: i64) {
    let path = Cluster::pipeline_path();
    let mut object = cluster.api.get(&path).unwrap();
    let since = &mut object["status"]["placements"]["onPrem"]["since"];
    let then: jiff::Timestamp = since.as_str().unwrap().parse().unwrap();
    *since = json!((then - jiff::SignedDuration::from_secs(seconds)).to_string());
    cluster.api.put(&path, object);
}

/// Finding 48: the nodes are ready through another path, and no trade is stored.
#[tokio::test]
async fn a_link_that_is_cut_is_named_and_the_pipeline_is_not_ready() {
    let cluster = ready().await;
    assert_eq!(
        cluster.condition(condition::SITE_UNREACHABLE),
        (false, "SitesReachable".to_owned())
    );
    cluster.engines.cut(true);
    cluster.reconcile().await.unwrap();
    assert!(
        !cluster.condition(condition::SITE_UNREACHABLE).0,
        "a flap is no cut"
    );
    let_pass(&cluster, 30);
    cluster.reconcile().await.unwrap();
    assert_eq!(
        cluster.condition(condition::SITE_UNREACHABLE),
        (true, "DataPlaneOnly".to_owned())
    );
    assert_eq!(cluster.status().phase, Some(Phase::Degraded));
    assert_eq!(
        cluster.condition(condition::READY),
        (false, "DataPlaneOnly".to_owned())
    );
    let said = message(&cluster, condition::READY);
    assert!(
        said.starts_with("site onPrem is cut off for data since "),
        "{said}"
    );
    assert!(said.contains("on-prem-1, on-prem-2"), "{said}");
    cluster.engines.cut(false);
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.status().phase, Some(Phase::Ready));
    assert!(!cluster.condition(condition::SITE_UNREACHABLE).0);
}

#[tokio::test]
async fn a_site_whose_nodes_are_all_silent_is_named_at_once_and_one_of_them_as_a_node() {
    let cluster = ready().await;
    let silence = |name: &str, ready: &str| {
        let path = format!("/api/v1/nodes/{name}");
        let mut node = cluster.api.get(&path).unwrap();
        node["status"]["conditions"] = json!([
            {"type": "Ready", "status": ready, "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ]);
        cluster.api.put(&path, node);
    };
    let path = crate::testing::core("pods", "market-cassandra-r0-0");
    let mut pod = cluster.api.get(&path).unwrap();
    pod["spec"] = json!({"nodeName": "on-prem-1", "containers": []});
    cluster.api.put(&path, pod);
    silence("on-prem-1", "Unknown");
    cluster.reconcile().await.unwrap();
    assert!(!cluster.condition(condition::SITE_UNREACHABLE).0);
    assert_eq!(
        cluster.condition(condition::NODES_READY),
        (false, "NodeNotReady".to_owned())
    );
    let said = message(&cluster, condition::READY);
    assert!(
        said.starts_with(
            "node on-prem-1 is not ready since 2026-01-01T00:00:00Z; it holds market-cassandra-r0-0;"
        ),
        "{said}"
    );
    // Without a connection that fails it is the API server's path alone.
    silence("on-prem-2", "Unknown");
    cluster.reconcile().await.unwrap();
    assert_eq!(
        cluster.condition(condition::READY),
        (false, "ControlPlaneOnly".to_owned())
    );
    cluster.engines.cut(true);
    cluster.reconcile().await.unwrap();
    assert_eq!(
        cluster.condition(condition::READY),
        (false, "LinkDown".to_owned())
    );
    let writes = cluster.api.writes();
    assert!(!writes.iter().any(|write| write.contains("/pods/")), "{writes:?}");
    silence("on-prem-1", "True");
    silence("on-prem-2", "True");
    cluster.engines.cut(false);
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.status().phase, Some(Phase::Ready));
}

#[tokio::test]
async fn records_that_retention_takes_soon_are_told_before() {
    let cluster = ready().await;
    assert_eq!(
        cluster.condition(condition::BUFFER_AT_RISK),
        (false, "BufferSafe".to_owned())
    );
    cluster.engines.lag(7 * 86_400 - 3_600);
    cluster.reconcile().await.unwrap();
    assert_eq!(
        cluster.condition(condition::BUFFER_AT_RISK),
        (true, "RecordsAtRisk".to_owned())
    );
    assert_eq!(
        cluster.condition(condition::READY),
        (false, "RecordsAtRisk".to_owned())
    );
    assert_eq!(cluster.status().phase, Some(Phase::Degraded));
    let said = message(&cluster, condition::BUFFER_AT_RISK);
    assert!(said.contains("in 3600 s"), "{said}");
    let page = cluster.operator.metrics.render();
    assert!(page.contains("pipeline_archive_buffer_seconds{"), "{page}");
}

/// Changes the status as if it had been written so many minutes ago.
fn age(cluster: &Cluster, minutes: i64, change: impl FnOnce(&mut serde_json::Value)) {
    let path = Cluster::pipeline_path();
    let mut object = cluster.api.get(&path).unwrap();
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
    let then = jiff::Timestamp::from_second(then.as_second())
        .unwrap()
        .to_string();
    for condition in object["status"]["conditions"].as_array_mut().unwrap() {
        condition["lastTransitionTime"] = json!(then);
    }
    change(&mut object["status"]);
    cluster.api.put(&path, object);
}

/// Takes the readiness of a pod away, as its kubelet would have done so many minutes ago.
fn lose(cluster: &Cluster, pod: &str, minutes: i64) {
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
    let path = core("pods", pod);
    let mut object = cluster.api.get(&path).unwrap();
    object["status"]["conditions"] =
        json!([{"type": "Ready", "status": "False", "lastTransitionTime": then.to_string()}]);
    cluster.api.put(&path, object);
}

#[tokio::test]
async fn a_member_that_does_not_come_back_is_degraded_whatever_the_phase_was() {
    let cluster = ready().await;
    lose(&cluster, "market-kafka-r0-0", 6);
    age(&cluster, 20, |status| status["phase"] = json!("Updating"));
    cluster.reconcile().await.unwrap();
    let (holds, reason) = cluster.condition(condition::DEGRADED);
    assert_eq!((holds, reason.as_str()), (true, "ProgressDeadlineExceeded"));
    assert_eq!(cluster.status().phase, Some(Phase::Degraded));
    // An edit ends no outage.
    cluster.apply(|spec| spec["ingest"]["symbols"] = json!(["BTCUSDT"]));
    cluster.reconcile().await.unwrap();
    assert!(cluster.condition(condition::DEGRADED).0);
}

#[tokio::test]
async fn a_member_that_was_restarted_on_purpose_is_no_alarm() {
    let cluster = ready().await;
    lose(&cluster, "market-kafka-r0-0", 1);
    age(&cluster, 1, |status| status["phase"] = json!("Updating"));
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.condition(condition::KAFKA_READY).1, "Restarting");
    // The same without a change under way.
    age(&cluster, 1, |status| status["phase"] = json!("Ready"));
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.condition(condition::KAFKA_READY).1, "MembersNotReady");
}

#[tokio::test]
async fn a_pipeline_whose_trades_stand_still_for_a_minute_is_not_ready() {
    let cluster = ready().await;
    cluster.engines.wait_with_lanes(Some("HdfsUnavailable"));
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.condition(condition::DATA_FLOWING).1, "LaneWaiting");
    assert!(cluster.condition(condition::READY).0, "a moment is no outage");
    age(&cluster, 2, |_| {});
    cluster.reconcile().await.unwrap();
    let (holds, reason) = cluster.condition(condition::READY);
    assert_eq!((holds, reason.as_str()), (false, "LaneWaiting"));
    assert_eq!(cluster.status().phase, Some(Phase::Degraded));
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
