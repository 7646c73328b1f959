//! What was well and is not: a site, a node, a member, the flow of trades. What the status says of it, and since when.

use crds::status::{Phase, condition};
use serde_json::json;

use super::ready;
use crate::testing::{Cluster, core};

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
