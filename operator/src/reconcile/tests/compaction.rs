//! The compactor's CronJob, and what the status says of its runs, in a whole reconciliation.

use crds::status::{Phase, condition::COMPACTION_HEALTHY};
use serde_json::{Value, json};

use crate::{
    events,
    testing::{Cluster, NAMESPACE},
};

const CRON_JOB: &str = "market-compactor";

fn path(kind: &str, name: &str) -> String {
    format!("/apis/batch/v1/namespaces/{NAMESPACE}/{kind}/{name}")
}

fn cron_job(cluster: &Cluster) -> Option<Value> {
    cluster.api.get(&path("cronjobs", CRON_JOB))
}

fn suspended(cluster: &Cluster) -> Option<bool> {
    cron_job(cluster)?["spec"]["suspend"].as_bool()
}

fn ask(cluster: &Cluster, enabled: bool) {
    cluster.apply(|spec| spec["processor"]["archive"]["compaction"] = json!({"enabled": enabled}));
}

/// Ready, with compaction asked for.
async fn compacting() -> Cluster {
    let mut cluster = Cluster::new();
    cluster.apply(|_| {});
    ask(&cluster, true);
    cluster.converge(|_| {}).await;
    cluster
}

/// As the CronJob's controller makes one, and as the Job's own tells of its end.
fn ended(cluster: &Cluster, name: &str, end: &Value) {
    let template = cron_job(cluster).unwrap()["spec"]["jobTemplate"].clone();
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": template["metadata"]["labels"]},
        "spec": template["spec"],
        "status": {"conditions": [end]},
    });
    cluster.api.put(&path("jobs", name), job);
}

fn succeeded(time: &str) -> Value {
    json!({"type": "Complete", "status": "True", "lastTransitionTime": time})
}

fn failed(time: &str) -> Value {
    json!({"type": "Failed", "status": "True", "lastTransitionTime": time, "reason": "BackoffLimitExceeded",
           "message": "Job has reached the specified backoff limit"})
}

fn healthy(cluster: &Cluster) -> Option<(String, String, String)> {
    let conditions = cluster.status().conditions;
    let found = conditions.into_iter().find(|c| c.type_ == COMPACTION_HEALTHY)?;
    Some((found.status, found.reason, found.message))
}

#[tokio::test]
async fn the_cron_job_is_there_while_compaction_is_asked_for() {
    let mut cluster = Cluster::new();
    cluster.apply(|_| {});
    cluster.converge(|_| {}).await;
    assert_eq!((cron_job(&cluster), healthy(&cluster)), (None, None));

    ask(&cluster, true);
    cluster.converge(|_| {}).await;
    assert_eq!(suspended(&cluster), Some(false));
    assert_eq!(cron_job(&cluster).unwrap()["spec"]["schedule"], "15 3 * * *");
    let (status, reason, _) = healthy(&cluster).unwrap();
    assert_eq!((status.as_str(), reason.as_str()), ("Unknown", "NoRunYet"));

    ask(&cluster, false);
    cluster.converge(|_| {}).await;
    assert_eq!((cron_job(&cluster), healthy(&cluster)), (None, None));
}

#[tokio::test]
async fn a_pause_suspends_it_and_changes_nothing_else_of_it() {
    let mut cluster = compacting().await;
    cluster.apply(|spec| {
        spec["paused"] = json!(true);
        spec["processor"]["archive"]["compaction"]["schedule"] = json!("0 5 * * *");
    });
    let schedule = |cluster: &Cluster| cron_job(cluster).unwrap()["spec"]["schedule"].clone();
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.status().phase, Some(Phase::Paused));
    assert_eq!(
        (suspended(&cluster), schedule(&cluster)),
        (Some(true), json!("15 3 * * *"))
    );
    let writes = cluster.api.writes().len();
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.api.writes().len(), writes, "it is suspended once");

    cluster.apply(|spec| spec["paused"] = json!(false));
    cluster.converge(|_| {}).await;
    assert_eq!(
        (suspended(&cluster), schedule(&cluster)),
        (Some(false), json!("0 5 * * *"))
    );
}

#[tokio::test]
async fn one_that_is_given_up_in_a_pause_is_suspended_and_goes_after_it() {
    let mut cluster = compacting().await;
    cluster.apply(|spec| {
        spec["paused"] = json!(true);
        spec["processor"]["archive"]["compaction"]["enabled"] = json!(false);
    });
    cluster.reconcile().await.unwrap();
    assert_eq!(suspended(&cluster), Some(true));
    cluster.apply(|spec| spec["paused"] = json!(false));
    cluster.converge(|_| {}).await;
    assert_eq!(cron_job(&cluster), None);
}

#[tokio::test]
async fn a_failed_run_warns_and_holds_nothing_else_back() {
    let cluster = compacting().await;
    let before = cluster.status();
    ended(&cluster, "market-compactor-1", &failed("2026-01-02T03:20:00Z"));
    cluster.reconcile().await.unwrap();
    let (status, reason, message) = healthy(&cluster).unwrap();
    assert_eq!((status.as_str(), reason.as_str()), ("False", "CompactionFailed"));
    for part in ["BackoffLimitExceeded", "kubectl logs job/market-compactor-1"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(cluster.status().phase, Some(Phase::Ready));
    let notices = events::transitions(&before, &cluster.status());
    let told: Vec<_> = notices.iter().map(|n| (n.warning, n.reason.as_str())).collect();
    assert_eq!(told, [(true, "CompactionFailed")]);
    let writes = cluster.api.writes().len();
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.api.writes().len(), writes, "it is told once");
}

#[tokio::test]
async fn the_run_that_ended_last_speaks_and_its_word_stays() {
    let cluster = compacting().await;
    ended(&cluster, "market-compactor-2", &succeeded("2026-01-03T03:20:00Z"));
    // A job of another component, and a run that goes on.
    let mut other = cluster.api.get(&path("jobs", "market-compactor-2")).unwrap();
    other["metadata"]["labels"]["app.kubernetes.io/component"] = json!("other");
    other["metadata"]["name"] = json!("other");
    other["status"] = json!({"conditions": [failed("2026-01-09T03:20:00Z")]});
    cluster.api.put(&path("jobs", "other"), other);
    let begun =
        json!({"type": "FailureTarget", "status": "True", "lastTransitionTime": "2026-01-08T03:15:00Z"});
    ended(&cluster, "market-compactor-3", &begun);
    cluster.reconcile().await.unwrap();
    assert_eq!(healthy(&cluster).unwrap().1, "LastRunSucceeded");

    ended(&cluster, "market-compactor-1", &failed("2026-01-04T03:20:00Z"));
    cluster.reconcile().await.unwrap();
    assert_eq!(healthy(&cluster).unwrap().1, "CompactionFailed");
    // A person deletes the Jobs.
    for (path, _) in cluster.api.find("/jobs/") {
        cluster.api.remove(&path);
    }
    cluster.reconcile().await.unwrap();
    assert_eq!(healthy(&cluster).unwrap().1, "CompactionFailed");
    // Started by a person, it carries the CronJob's labels.
    ended(&cluster, "compact-now", &succeeded("2026-01-05T10:00:00Z"));
    cluster.reconcile().await.unwrap();
    let (status, reason, message) = healthy(&cluster).unwrap();
    assert_eq!((status.as_str(), reason.as_str()), ("True", "LastRunSucceeded"));
    assert!(message.contains("compact-now"), "{message}");
}
