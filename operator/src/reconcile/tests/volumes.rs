//! Volumes outlive the object, and never serve another.

use crds::status::{Phase, condition};
use serde_json::json;

use super::{kinds, ready};
use crate::testing::{Cluster, NAMESPACE, core};

#[tokio::test]
async fn volumes_stay_and_an_object_created_again_adopts_them() {
    let mut cluster = ready().await;
    let before = cluster.status().identity.unwrap();
    // No finalizer: the object goes at once, and the garbage collector takes everything that it owns.
    assert_eq!(
        cluster.pipeline().metadata.finalizers.unwrap_or_default(),
        [""; 0]
    );
    for (path, _) in cluster.api.find(&format!("/namespaces/{NAMESPACE}/")) {
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
