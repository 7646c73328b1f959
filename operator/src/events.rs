//! Kubernetes Events: transitions only, so that a pipeline at rest says nothing.

use std::sync::Arc;

use crds::{
    CryptoPipelineStatus,
    names::MANAGER,
    reason::Reason,
    status::{Phase, condition},
};
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tracing::{info, warn};

use crate::{bootstrap::Finding, metrics::Metrics, plan::autoscaling};

/// Something worth telling the owner of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether someone should look.
    pub warning: bool,
    /// What the operator did or saw; one event series for each.
    pub action: String,
    /// Stable, `CamelCase`.
    pub reason: String,
    /// In words.
    pub note: String,
}

impl Notice {
    /// A worker's pod was taken off a node that is gone.
    pub fn moved(pod: &str) -> Self {
        Self {
            warning: true,
            action: format!("Move {pod}").chars().take(MAX_ACTION).collect(),
            reason: "WorkerMoved".to_owned(),
            note: format!(
                "pod {pod} is replaced on another node, because its own has not been ready for five minutes"
            ),
        }
    }

    /// Something was done in an engine.
    pub fn done(finding: &Finding) -> Self {
        Self {
            warning: false,
            action: finding.message.chars().take(MAX_ACTION).collect(),
            reason: finding.reason.to_owned(),
            note: finding.message.clone(),
        }
    }

    /// A pod is restarted.
    pub fn restart(pod: &str) -> Self {
        Self {
            warning: false,
            action: format!("Restart {pod}"),
            reason: "PodRestarted".to_owned(),
            note: format!("pod {pod} restarted, because its configuration or version changed"),
        }
    }
}

/// Longest `action` that the API server takes.
const MAX_ACTION: usize = 128;
/// Longest `note` that the API server takes.
const MAX_NOTE: usize = 1024;

/// Conditions whose flip is a warning when they become false.
const WATCHED: [&str; 11] = [
    condition::KAFKA_READY,
    condition::TOPICS_READY,
    condition::CASSANDRA_READY,
    condition::SCHEMA_READY,
    condition::HDFS_READY,
    condition::ARCHIVE_READY,
    condition::WORKERS_READY,
    condition::SYMBOLS_KNOWN,
    condition::DATA_FLOWING,
    condition::COMPACTION_HEALTHY,
    condition::NODES_READY,
];
/// Conditions of which True is bad.
const TROUBLES: [&str; 3] = [
    condition::SITE_UNREACHABLE,
    condition::BUFFER_AT_RISK,
    condition::STORAGE_FILLING,
];

/// What changed between two statuses.
pub fn transitions(before: &CryptoPipelineStatus, after: &CryptoPipelineStatus) -> Vec<Notice> {
    let mut notices = vec![];
    if let Some(phase) = after.phase.filter(|phase| before.phase != Some(*phase)) {
        let ready = find(after, condition::READY);
        notices.push(Notice {
            warning: matches!(phase, Phase::Degraded | Phase::Invalid),
            action: "Reconcile".to_owned(),
            reason: format!("{phase:?}"),
            note: ready.map(|c| c.message.clone()).unwrap_or_default(),
        });
    }
    let (was, now) = (before.autoscaling.as_ref(), after.autoscaling.as_ref());
    if let Some(note) = autoscaling::describe(was, now, after.data_flow.as_ref()) {
        notices.push(Notice {
            warning: false,
            action: "Scale".to_owned(),
            reason: "ProcessorScaled".to_owned(),
            note,
        });
    }
    let watched = WATCHED.map(|type_| (type_, true));
    for (type_, good) in watched.into_iter().chain(TROUBLES.map(|type_| (type_, false))) {
        // Nothing where nobody knows.
        let fine = |condition: &Condition| match condition.status.as_str() {
            "Unknown" => None,
            status => Some((status == "True") == good),
        };
        // What was never said was no trouble, and was not there either.
        let was = find(before, type_).map_or(Some(!good), fine);
        let Some(now) = find(after, type_) else {
            continue;
        };
        let is = fine(now);
        let told = match (was, is) {
            (Some(was), Some(is)) => was != is,
            // The phase tells of a refused spec; of a trouble only its coming and going are news.
            (Some(true), None) => good && now.reason != Reason::NotLookedAt.as_str(),
            (None, Some(true)) => good,
            // While a pipeline starts nothing was there to be lost.
            (None, Some(false)) => !good || !is_starting(before),
            (Some(false) | None, None) => false,
        };
        if !told {
            continue;
        }
        let lost = is != Some(true);
        notices.push(Notice {
            // A planned restart is no alarm.
            warning: lost && now.reason != Reason::Restarting.as_str(),
            action: match is {
                Some(false) if good => format!("{type_} lost"),
                None => format!("{type_} unknown"),
                Some(_) => type_.to_owned(),
            },
            reason: if lost {
                now.reason.clone()
            } else {
                type_.to_owned()
            },
            note: now.message.clone(),
        });
    }
    notices
}

fn find<'a>(status: &'a CryptoPipelineStatus, type_: &str) -> Option<&'a Condition> {
    status
        .conditions
        .iter()
        .find(|condition| condition.type_ == type_)
}

const fn is_starting(status: &CryptoPipelineStatus) -> bool {
    matches!(status.phase, None | Some(Phase::Starting))
}

/// Publishes notices as Events. One that cannot be published is logged: nothing depends on it.
pub struct Events {
    recorder: Recorder,
    metrics: Arc<Metrics>,
}

impl Events {
    /// `instance` is this pod's name.
    pub fn new(client: Client, instance: &str, metrics: Arc<Metrics>) -> Self {
        let reporter = Reporter {
            controller: MANAGER.to_owned(),
            instance: Some(instance.to_owned()),
        };
        Self {
            recorder: Recorder::new(client, reporter),
            metrics,
        }
    }

    /// Publishes one notice about an object.
    pub async fn publish(&self, about: &ObjectReference, notice: Notice) {
        info!(reason = notice.reason, note = notice.note, "event");
        let event = Event {
            type_: if notice.warning {
                EventType::Warning
            } else {
                EventType::Normal
            },
            reason: notice.reason,
            note: Some(notice.note.chars().take(MAX_NOTE).collect()),
            action: notice.action,
            secondary: None,
        };
        self.metrics.wrote("Event", "create");
        if let Err(error) = self.recorder.publish(&event, about).await {
            warn!(%error, "event not published");
        }
    }
}

#[cfg(test)]
mod tests {
    use crds::status::{AutoscalingStatus, DataFlow};
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn status(phase: Phase, kafka_ready: bool) -> CryptoPipelineStatus {
        CryptoPipelineStatus {
            phase: Some(phase),
            conditions: vec![Condition {
                type_: condition::KAFKA_READY.to_owned(),
                status: if kafka_ready { "True" } else { "False" }.to_owned(),
                reason: "MembersNotReady".to_owned(),
                message: "2 of 3".to_owned(),
                observed_generation: None,
                last_transition_time: Time(Timestamp::UNIX_EPOCH),
            }],
            ..CryptoPipelineStatus::default()
        }
    }

    #[test]
    fn an_unchanged_status_is_silent() {
        let ready = status(Phase::Ready, true);
        assert_eq!(transitions(&ready, &ready), []);
    }

    #[test]
    fn a_condition_that_was_never_true_is_no_news() {
        let notices = transitions(&CryptoPipelineStatus::default(), &status(Phase::Starting, false));
        let reasons: Vec<_> = notices.iter().map(|n| n.reason.as_str()).collect();
        assert_eq!(reasons, ["Starting"]);
    }

    #[test]
    fn a_changed_number_of_processors_is_told_with_what_it_is_for() {
        let scaled = |replicas| CryptoPipelineStatus {
            autoscaling: Some(AutoscalingStatus {
                replicas,
                ..AutoscalingStatus::default()
            }),
            data_flow: Some(DataFlow {
                hot_behind_seconds: 61,
                ..DataFlow::default()
            }),
            ..status(Phase::Ready, true)
        };
        let notices = transitions(&scaled(2), &scaled(4));
        assert_eq!(notices[0].reason, "ProcessorScaled");
        assert_eq!(
            notices[0].note,
            "processor goes from 2 to 4 workers; reading is 61 s behind"
        );
        assert_eq!(transitions(&scaled(4), &scaled(4)), []);
    }

    #[test]
    fn trouble_warns_when_it_comes_and_not_when_it_goes() {
        let at_risk = |status: &str, reason: &str| {
            let mut at_risk = super::tests::status(Phase::Ready, true);
            at_risk.conditions[0].type_ = condition::BUFFER_AT_RISK.to_owned();
            at_risk.conditions[0].status = status.to_owned();
            at_risk.conditions[0].reason = reason.to_owned();
            at_risk
        };
        let (bad, good) = (at_risk("True", "RecordsAtRisk"), at_risk("False", "BufferSafe"));
        let told = |before, after| {
            let notices = transitions(before, after);
            notices
                .into_iter()
                .filter(|notice| notice.action == condition::BUFFER_AT_RISK)
                .map(|notice| notice.warning)
                .collect::<Vec<_>>()
        };
        let nothing = CryptoPipelineStatus::default();
        assert_eq!(told(&good, &bad), [true]);
        assert_eq!(told(&nothing, &bad), [true]);
        assert_eq!(told(&bad, &good), [false]);
        assert_eq!(told(&nothing, &good), [false; 0]);
    }

    #[test]
    fn what_nobody_knows_any_more_is_told_and_what_was_never_known_is_not() {
        let flowing = |phase, status: &str, reason: &str| {
            let mut flowing = super::tests::status(phase, true);
            let condition = &mut flowing.conditions[0];
            condition.type_ = condition::DATA_FLOWING.to_owned();
            condition.status = status.to_owned();
            condition.reason = reason.to_owned();
            flowing
        };
        let told = |before, after| {
            let notices = transitions(&before, &after);
            let told = notices.into_iter().map(|n| (n.warning, n.action, n.reason));
            told.collect::<Vec<_>>()
        };
        let [yes, no, unknown] = [
            ("True", "TradesFlow"),
            ("False", "LaneWaiting"),
            ("Unknown", "WorkersSilent"),
        ]
        .map(|(status, reason)| move |phase| flowing(phase, status, reason));
        let one = |warning, action: &str, reason: &str| vec![(warning, action.to_owned(), reason.to_owned())];
        let ready = Phase::Ready;
        assert_eq!(
            told(yes(ready), unknown(ready)),
            one(true, "DataFlowing unknown", "WorkersSilent")
        );
        assert_eq!(
            told(unknown(ready), no(ready)),
            one(true, "DataFlowing lost", "LaneWaiting")
        );
        assert_eq!(
            told(unknown(ready), yes(ready)),
            one(false, "DataFlowing", "DataFlowing")
        );
        assert_eq!(told(no(ready), unknown(ready)), []);
        // While a pipeline starts nothing was there to be lost.
        assert_eq!(told(unknown(Phase::Starting), no(Phase::Starting)), []);
    }

    #[test]
    fn a_lost_condition_warns_with_its_reason() {
        let notices = transitions(&status(Phase::Ready, true), &status(Phase::Degraded, false));
        let seen: Vec<_> = notices.iter().map(|n| (n.warning, n.reason.as_str())).collect();
        assert_eq!(seen, [(true, "Degraded"), (true, "MembersNotReady")]);
    }
}
