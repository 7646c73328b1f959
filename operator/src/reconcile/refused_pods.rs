//! Why pods are not created: a quota, Pod Security, an SCC, a limit range or a webhook refuses them to their controller, and
//! says why only there. Pure.
//!
//! A Deployment says so in its conditions. A StatefulSet and a Job say so in Events alone, which are read only while pods
//! of one of them are missing.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{apps::v1::Deployment, batch::v1::Job, events::v1::Event};
use kube::ResourceExt;

use super::dereference::Observed;

/// Reason of the Events of a controller that could not create a pod, and of a Deployment's condition.
pub const FAILED_CREATE: &str = "FailedCreate";
/// A controller tries again at least every 17 minutes and says so each time. An older Event is of something that passed.
const CURRENT: SignedDuration = SignedDuration::from_mins(30);

/// Whether a StatefulSet or Job lacks pods, so that Events may say why.
pub fn are_missing(observed: &Observed) -> bool {
    missing(observed).next().is_some()
}

/// Kind and name of the StatefulSets and Jobs that lack pods.
fn missing(observed: &Observed) -> impl Iterator<Item = (&'static str, &String)> {
    let pods = |kind: &str, name: &str| {
        let of = |pod: &&_| is_of(*pod, kind, name);
        i32::try_from(observed.pods.values().filter(of).count()).unwrap_or(i32::MAX)
    };
    let sets = observed.stateful_sets.iter().filter(move |(name, set)| {
        let wanted = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0);
        pods("StatefulSet", name) < wanted
    });
    let jobs = observed
        .jobs
        .iter()
        .filter(move |(name, job)| runs(job) && pods("Job", name) == 0);
    sets.map(|(name, _)| ("StatefulSet", name))
        .chain(jobs.map(|(name, _)| ("Job", name)))
}

fn runs(job: &Job) -> bool {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    !conditions.any(|condition| {
        condition.status == "True" && ["Complete", "Failed"].contains(&condition.type_.as_str())
    })
}

fn is_of(pod: &impl ResourceExt, kind: &str, name: &str) -> bool {
    let mut owners = pod.owner_references().iter();
    owners.any(|owner| owner.kind == kind && owner.name == name)
}

/// The words of each refusal, by name of the StatefulSet, Job or Deployment.
pub fn refused_pods(observed: &Observed, events: &[Event], now: Timestamp) -> BTreeMap<String, String> {
    let told =
        missing(observed).filter_map(|(kind, name)| Some((name.clone(), newest(events, kind, name, now)?)));
    let deployments = observed.deployments.iter();
    told.chain(
        deployments.filter_map(|(name, deployment)| Some((name.clone(), replica_failure(deployment)?))),
    )
    .collect()
}

/// The newest refusal of an object's pods, unless it is old or a pod was created since.
fn newest(events: &[Event], kind: &str, name: &str, now: Timestamp) -> Option<String> {
    let about = |event: &&Event| {
        let object = event.regarding.as_ref();
        object.is_some_and(|object| {
            object.kind.as_deref() == Some(kind) && object.name.as_deref() == Some(name)
        })
    };
    let newest = events.iter().filter(about).max_by_key(|event| last_seen(event))?;
    let refused = newest.reason.as_deref() == Some(FAILED_CREATE);
    let current = last_seen(newest).is_some_and(|seen| now.duration_since(seen) < CURRENT);
    newest.note.clone().filter(|_| refused && current)
}

/// When an Event was last repeated. Each way to write Events has its own field.
fn last_seen(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().map(|series| series.last_observed_time.0);
    let repeated = event.deprecated_last_timestamp.as_ref().map(|time| time.0);
    let first = event.event_time.as_ref().map(|time| time.0);
    [series, repeated, first].into_iter().flatten().max()
}

fn replica_failure(deployment: &Deployment) -> Option<String> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions
        .iter()
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")?;
    failure.message.clone()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-01-01T12:00:00Z";

    fn event(reason: &str, time: &str) -> Event {
        serde_json::from_value(json!({
            "metadata": {}, "regarding": {"kind": "StatefulSet", "name": "a"}, "reason": reason, "note": "quota",
            "eventTime": null, "deprecatedLastTimestamp": time,
        }))
        .unwrap()
    }

    #[rstest]
    #[case::refused(&[("FailedCreate", "2026-01-01T11:50:00Z")], true)]
    #[case::created_since(&[("FailedCreate", "2026-01-01T11:50:00Z"), ("SuccessfulCreate", "2026-01-01T11:51:00Z")], false)]
    #[case::refused_since(&[("SuccessfulCreate", "2026-01-01T11:50:00Z"), ("FailedCreate", "2026-01-01T11:51:00Z")], true)]
    #[case::long_ago(&[("FailedCreate", "2026-01-01T11:10:00Z")], false)]
    #[case::nothing_told(&[], false)]
    fn only_a_refusal_that_goes_on_is_told(#[case] told: &[(&str, &str)], #[case] expected: bool) {
        let events: Vec<_> = told.iter().map(|(reason, time)| event(reason, time)).collect();
        let now = NOW.parse().unwrap();
        assert_eq!(newest(&events, "StatefulSet", "a", now).is_some(), expected);
        assert_eq!(newest(&events, "StatefulSet", "b", now), None);
        assert_eq!(newest(&events, "Job", "a", now), None);
    }
}
