//! A spec that is refused: nothing is carried out, and what workers tell is told on.

use crds::status::{Phase, condition};
use serde_json::{Value, json};

use super::ready;
use crate::testing::{Cluster, core};

fn told(cluster: &Cluster, type_: &str) -> (String, String) {
    let conditions = cluster.status().conditions;
    let mut found = conditions.into_iter().filter(|c| c.type_ == type_);
    let condition = found.next().unwrap();
    assert_eq!(found.next(), None, "a type stands once");
    (condition.status, condition.reason)
}

fn is(status: &str, reason: &str) -> (String, String) {
    (status.to_owned(), reason.to_owned())
}

#[tokio::test]
async fn the_world_is_told_of_while_a_spec_is_refused() {
    let mut cluster = ready().await;
    cluster.apply(|spec| spec["kafka"]["config"] = json!({"node.id": "1"}));
    cluster.engines.wait_with_lanes(Some("HdfsUnavailable"));
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.status().phase, Some(Phase::Invalid));
    assert_eq!(told(&cluster, condition::READY), is("False", "ConfigKeyOwned"));
    assert_eq!(
        told(&cluster, condition::DATA_FLOWING),
        is("False", "LaneWaiting")
    );
    assert_eq!(
        told(&cluster, condition::KAFKA_READY),
        is("Unknown", "NotLookedAt")
    );

    cluster.engines.wait_with_lanes(None);
    cluster.reconcile().await.unwrap();
    assert_eq!(told(&cluster, condition::DATA_FLOWING), is("True", "TradesFlow"));
    cluster.apply(|spec| spec["kafka"]["config"] = json!({}));
    cluster.converge(|_| {}).await;
    assert_eq!(
        told(&cluster, condition::KAFKA_READY),
        is("True", "AllMembersReady")
    );
}

#[tokio::test]
async fn the_world_is_told_of_while_volumes_are_another_clusters() {
    let cluster = ready().await;
    let path = core("persistentvolumeclaims", "data-market-kafka-r0-0");
    let mut claim: Value = cluster.api.get(&path).unwrap();
    claim["metadata"]["annotations"]["cryptopipeline.dev/cluster-id"] = json!("another");
    cluster.api.put(&path, claim);
    cluster.engines.wait_with_lanes(Some("HdfsUnavailable"));
    cluster.reconcile().await.unwrap();
    assert_eq!(told(&cluster, condition::READY), is("False", "IdentityConflict"));
    assert_eq!(
        told(&cluster, condition::DATA_FLOWING),
        is("False", "LaneWaiting")
    );
}
