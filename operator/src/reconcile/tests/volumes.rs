//! Disks outlive the object, and never serve another.

use crds::status::{Phase, condition};
use serde_json::{Value, json};

use super::{kinds, ready};
use crate::testing::{Cluster, NAMESPACE, core};

/// The object and everything that it owns are gone; the claims named by `lost` too.
fn delete_object(cluster: &mut Cluster, lost: &[&str]) {
    for (path, _) in cluster.api.find(&format!("/namespaces/{NAMESPACE}/")) {
        let is_claim = path.contains("/persistentvolumeclaims/");
        if !is_claim || lost.iter().any(|claim| path.contains(claim)) {
            cluster.api.remove(&path);
        }
    }
    cluster.restart_operator();
}

/// What an object that is created again says, if it is refused.
async fn recreated(lost: &[&str], change: impl FnOnce(&mut Value)) -> Option<(String, String)> {
    let mut cluster = ready().await;
    delete_object(&mut cluster, lost);
    cluster.apply(change);
    cluster.reconcile().await.unwrap();
    let reason = cluster.condition(condition::READY).1;
    let refused = cluster.api.find("/statefulsets/").is_empty();
    refused.then(|| (reason, ready_message(&cluster)))
}

#[tokio::test]
async fn a_created_again_object_that_leaves_members_out_is_refused_with_their_claims() {
    for (field, value, left_out) in [
        (["kafka", "brokers"], 2, "data-market-kafka-r0-1"),
        (
            ["kafka", "controllers"],
            1,
            "data-market-kafka-controller-1, data-market-kafka-controller-2",
        ),
        (["cassandra", "nodes"], 2, "data-market-cassandra-r0-1"),
        (["hdfs", "dataNodes"], 2, "data-market-datanode-r0-1"),
    ] {
        let [engine, count] = field;
        let (reason, message) = recreated(&[], |spec| spec[engine][count] = json!(value))
            .await
            .unwrap();
        assert_eq!(reason, "FewerMembers");
        let expected = format!("spec.{engine}.{count} is {value}, but the claims {left_out} hold");
        assert!(message.contains(&expected), "{message}");
    }
    assert_eq!(
        recreated(&[], |spec| spec["kafka"]["brokers"] = json!(4)).await,
        None
    );
}

#[tokio::test]
async fn members_that_can_never_agree_again_are_not_waited_for() {
    for (lost, role) in [
        (&["data-market-kafka-controller-"][..], "kafka-controller 0"),
        (
            &["data-market-kafka-controller-0", "data-market-kafka-controller-2"],
            "kafka-controller 1",
        ),
        (
            &["data-market-zookeeper-0", "data-market-zookeeper-1"],
            "zookeeper 1",
        ),
        (
            &["data-market-journalnode-1", "data-market-journalnode-2"],
            "journalnode 1",
        ),
        (&["data-market-namenode-"], "namenode 0"),
    ] {
        let (reason, message) = recreated(lost, |_| {}).await.unwrap();
        assert_eq!(reason, "QuorumLost", "{message}");
        assert!(
            message.contains(&format!("volumes of {role} are left")),
            "{message}"
        );
    }
    for lost in [
        "data-market-kafka-controller-0",
        "data-market-namenode-0",
        "data-market-zookeeper-1",
    ] {
        assert_eq!(recreated(&[lost], |_| {}).await, None, "{lost}");
    }
}

#[tokio::test]
async fn racks_are_not_guessed_when_the_first_one_is_gone() {
    let (reason, message) = recreated(&["data-market-kafka-r0-"], |_| {}).await.unwrap();
    assert_eq!(reason, "RacksIncomplete");
    assert!(message.contains("rack 1 (cloud-b)"), "{message}");
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
    delete_object(&mut cluster, &[]);
    let start = cluster.api.writes().len();
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

const NODE: &str = "data-market-cassandra-r0-0";

/// Changes a claim as a user or another controller would.
fn change(cluster: &Cluster, claim: &str, change: impl FnOnce(&mut Value)) {
    let path = core("persistentvolumeclaims", claim);
    let mut object = cluster.api.get(&path).unwrap();
    change(&mut object);
    cluster.api.put(&path, object);
}

/// A class of storage, and the claims of Cassandra in it.
fn class(cluster: &Cluster, expands: bool) {
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"},
                       "provisioner": "test", "allowVolumeExpansion": expands});
    cluster
        .api
        .put("/apis/storage.k8s.io/v1/storageclasses/fast", class);
    for (path, mut claim) in cluster.api.find("/persistentvolumeclaims/data-market-cassandra") {
        claim["spec"]["storageClassName"] = json!("fast");
        cluster.api.put(&path, claim);
    }
}

fn ask(cluster: &Cluster, size: &str) {
    cluster.apply(|spec| spec["cassandra"]["storage"]["size"] = json!(size));
}

fn asked(cluster: &Cluster) -> Value {
    let claim = cluster.api.get(&core("persistentvolumeclaims", NODE)).unwrap();
    claim["spec"]["resources"]["requests"]["storage"].clone()
}

fn ready_message(cluster: &Cluster) -> String {
    let status = cluster.status();
    let ready = status.conditions.iter().find(|c| c.type_ == condition::READY);
    ready.unwrap().message.clone()
}

#[tokio::test]
async fn volumes_grow_only_where_their_class_can_and_the_size_can_be_taken_back() {
    let mut cluster = ready().await;
    class(&cluster, false);
    ask(&cluster, "2Gi");
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.condition(condition::READY).1, "VolumeCannotGrow");
    assert!(
        ready_message(&cluster).contains("stays at 1Gi"),
        "{}",
        ready_message(&cluster)
    );
    assert_eq!(asked(&cluster), "1Gi");
    ask(&cluster, "1Gi");
    cluster.converge(|_| {}).await;

    class(&cluster, true);
    ask(&cluster, "2Gi");
    cluster.reconcile().await.unwrap();
    assert_eq!(asked(&cluster), "2Gi");
}

#[tokio::test]
async fn a_full_disk_grows_whatever_else_is_refused() {
    let cluster = ready().await;
    class(&cluster, true);
    ask(&cluster, "2Gi");
    cluster
        .api
        .refuse_all(&["/configmaps/", "/statefulsets/", "/cryptopipelines/"]);
    cluster.apply(|spec| spec["deletionPolicy"] = json!("Delete"));
    cluster.reconcile().await.unwrap_err();
    assert_eq!(asked(&cluster), "2Gi");
}

#[tokio::test]
async fn a_volume_grows_until_it_has_the_size_and_what_holds_it_up_is_told() {
    let mut cluster = ready().await;
    class(&cluster, true);
    let has = |cluster: &Cluster, size: &str, conditions: Value| {
        change(cluster, NODE, |claim| {
            claim["status"] =
                json!({"phase": "Bound", "capacity": {"storage": size}, "conditions": conditions});
        });
    };
    has(&cluster, "1Gi", json!([]));
    ask(&cluster, "2Gi");
    for _ in 0..3 {
        cluster.reconcile().await.unwrap();
        cluster.catch_up();
    }
    let pending =
        json!([{"type": "FileSystemResizePending", "status": "True", "message": "waiting for the node"}]);
    has(&cluster, "1Gi", pending);
    cluster.reconcile().await.unwrap();
    assert_eq!(
        cluster.condition(condition::READY),
        (false, "Updating".to_owned())
    );
    let message = ready_message(&cluster);
    assert!(
        message.contains("grows from 1Gi to 2Gi (FileSystemResizePending: waiting for the node)"),
        "{message}"
    );

    has(
        &cluster,
        "1Gi",
        json!([{"type": "ControllerResizeError", "status": "True", "message": "the pool is full"}]),
    );
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.condition(condition::READY).1, "VolumeGrowthFailed");
    assert!(ready_message(&cluster).contains("ControllerResizeError: the pool is full"));
    // A smaller size may be had; that of the volume itself is asked for no more.
    ask(&cluster, "1536Mi");
    cluster.reconcile().await.unwrap();
    assert_eq!(asked(&cluster), "1536Mi");
    ask(&cluster, "1Gi");
    cluster.converge(|_| {}).await;
    assert_eq!(asked(&cluster), "1536Mi");

    ask(&cluster, "2Gi");
    cluster.reconcile().await.unwrap();
    has(&cluster, "2Gi", json!([]));
    cluster.converge(|_| {}).await;
}

#[tokio::test]
async fn a_size_below_that_of_every_volume_is_refused_with_both_sizes() {
    let mut cluster = ready().await;
    ask(&cluster, "500Mi");
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.condition(condition::READY).1, "VolumeCannotShrink");
    let message = ready_message(&cluster);
    assert!(
        message.contains("spec.cassandra.storage.size is 500Mi") && message.contains("1Gi"),
        "{message}"
    );
    // A volume made by hand may be larger than its claim asks for.
    change(&cluster, NODE, |claim| {
        claim["status"] = json!({"phase": "Bound", "capacity": {"storage": "100Gi"}});
    });
    ask(&cluster, "1Gi");
    cluster.converge(|_| {}).await;
}

#[tokio::test]
async fn claims_and_stateful_sets_of_an_older_version_stay_and_are_kept_from_tools_that_prune() {
    const PRUNE: &str = "argocd.argoproj.io/sync-options";
    let cluster = ready().await;
    change(&cluster, NODE, |claim| {
        claim["metadata"]["annotations"]
            .as_object_mut()
            .unwrap()
            .remove(PRUNE);
    });
    change(&cluster, "data-market-kafka-r0-0", |claim| {
        claim["metadata"]["annotations"][PRUNE] = json!("a user's");
    });
    for (path, mut set) in cluster.api.find("/statefulsets/") {
        let annotations = &mut set["spec"]["volumeClaimTemplates"][0]["metadata"]["annotations"];
        annotations.as_object_mut().unwrap().remove(PRUNE);
        cluster.api.put(&path, set);
    }
    cluster.catch_up();
    let start = cluster.api.writes().len();
    cluster.reconcile().await.unwrap();
    let option = |claim| {
        let claim = cluster.api.get(&core("persistentvolumeclaims", claim)).unwrap();
        claim["metadata"]["annotations"][PRUNE].clone()
    };
    assert_eq!(option(NODE), "Prune=false,Delete=false");
    assert_eq!(option("data-market-kafka-r0-0"), "a user's");
    // A template is immutable: the API server would refuse another one.
    for (path, set) in cluster.api.find("/statefulsets/") {
        let template = &set["spec"]["volumeClaimTemplates"][0];
        assert!(template["metadata"]["annotations"].get(PRUNE).is_none(), "{path}");
    }
    cluster.catch_up();
    cluster.reconcile().await.unwrap();
    cluster.reconcile().await.unwrap();
    let writes = cluster.api.writes()[start..].to_vec();
    for (kind, count) in [("persistentvolumeclaims", 1), ("statefulsets", 10)] {
        let of_kind = kinds(&writes).into_iter().filter(|other| *other == kind).count();
        assert_eq!(of_kind, count, "{writes:?}");
    }
}
