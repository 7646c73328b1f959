//! The number of processors from the workers' answers to the Deployment, against a cluster in the test process.

use serde_json::json;

use crate::testing::Cluster;

fn processors(cluster: &Cluster) -> i64 {
    let deployments = cluster.api.find("/deployments/market-processor");
    deployments[0].1["spec"]["replicas"].as_i64().unwrap()
}

async fn autoscaled() -> Cluster {
    let mut cluster = Cluster::new();
    cluster.apply(|spec| {
        spec["processor"]["replicas"] = json!(2);
        spec["processor"]["autoscaling"] = json!({"enabled": true});
    });
    cluster.converge(|_| {}).await;
    cluster
}

#[tokio::test]
async fn being_behind_brings_more_processors_and_another_operator_goes_on_from_there() {
    let mut cluster = autoscaled().await;
    assert_eq!(processors(&cluster), 2);
    cluster.engines.behind(61);
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.status().autoscaling.unwrap().replicas, 4);
    assert_eq!(processors(&cluster), 2, "recorded before it is carried out");
    cluster.restart_operator();
    cluster.converge(|_| {}).await;
    assert_eq!(processors(&cluster), 4);
    assert_eq!(cluster.status().components["processor"].desired, 4);

    // Off again, the number is the user's.
    cluster.apply(|spec| spec["processor"]["autoscaling"]["enabled"] = json!(false));
    cluster.converge(|_| {}).await;
    assert_eq!(processors(&cluster), 2);
    assert_eq!(cluster.status().autoscaling, None);
}

#[tokio::test]
async fn an_autoscaled_pipeline_at_rest_is_silent() {
    let cluster = autoscaled().await;
    cluster.reconcile().await.unwrap();
    let before = cluster.api.writes();
    for _ in 0..3 {
        cluster.reconcile().await.unwrap();
    }
    assert_eq!(cluster.api.writes()[before.len()..], [""; 0]);
}
