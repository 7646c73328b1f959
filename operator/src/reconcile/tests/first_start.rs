//! From nothing to ready.

use crds::status::condition;

use super::ready;
use crate::testing::Cluster;

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
    // Disks are measured once a minute: of those that came up within the last one only a new process knows.
    cluster.restart_operator();
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
