//! Asks the engines about the state of their data, which readiness of pods does not show. Every question has a limit of a few seconds, all
//! are asked at once, and one that is not answered is a reason why nobody knows. Nothing is asked of an engine none of whose members runs.

use std::time::Duration;

use crds::{
    CryptoPipelineStatus,
    names::Role,
    reason::Reason,
    status::{Phase, condition},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::{Pass, dereference::Observed, execute::address, view};
use crate::{
    bootstrap::Wanted,
    plan::{Blocks, Partition, Ring, Told, View},
    ring::{find_unsettled, find_up},
};

/// For so long after a crash Kafka takes a broker for in sync that is not: `broker.session.timeout.ms` as Kafka has it by default.
const SESSION: Duration = Duration::from_secs(9);

impl Pass<'_> {
    /// Fills in what the engines tell of their data.
    pub(super) async fn ask_engines(
        &self,
        view: &mut View,
        observed: &Observed,
        wanted: &Wanted,
        now: Timestamp,
    ) {
        let active = view.active_name_node().map(str::to_owned);
        let (partitions, blocks, ring) = futures::join!(
            self.partitions(observed, wanted, now),
            self.blocks(observed, active.as_deref()),
            self.ring(observed)
        );
        view.partitions = partitions;
        view.blocks = blocks;
        view.ring = ring;
        let CryptoPipelineStatus {
            conditions, phase, ..
        } = self.previous();
        view.updating = phase == Some(Phase::Updating);
        view.copying_blocks = conditions
            .iter()
            .any(|c| c.type_ == condition::HDFS_READY && c.reason == Reason::BlocksUnderReplicated.as_str());
    }

    async fn partitions(&self, observed: &Observed, wanted: &Wanted, now: Timestamp) -> Told<Vec<Partition>> {
        if let Some((pod, age)) = young_broker(observed, now) {
            return Told::Unknown(format!(
                "broker {pod} started {} s ago, and Kafka is believed {} s after a start",
                age.as_secs(),
                SESSION.as_secs()
            ));
        }
        if view::running(observed, Role::KafkaBroker).next().is_none() {
            return Told::Unknown("no broker runs".to_owned());
        }
        let asked = self.context.topics.partitions(wanted.topics.bootstrap.clone());
        match asked.await {
            Ok(partitions) => Told::Known(partitions),
            Err(error) => Told::Unknown(error.to_string()),
        }
    }

    async fn blocks(&self, observed: &Observed, active: Option<&str>) -> Told<Blocks> {
        let Some(address) = active.and_then(|pod| address(observed.pods.get(pod)?)) else {
            return Told::Unknown("no NameNode says that it is active".to_owned());
        };
        match self.context.name_nodes.blocks(address).await {
            Ok(report) => {
                let reported = pods_at(observed, Role::DataNode, &report.reported);
                Told::Known(Blocks {
                    missing: report.missing,
                    low: report.low,
                    pending: report.pending,
                    gone: report
                        .live
                        .saturating_sub(u64::try_from(reported.len()).unwrap_or(0)),
                    reported,
                })
            }
            Err(why) => Told::Unknown(why),
        }
    }

    async fn ring(&self, observed: &Observed) -> Told<Ring> {
        // A node whose sidecar alone is amiss is not ready and knows the ring all the same.
        let (ready, others): (Vec<_>, Vec<_>) =
            view::running(observed, Role::Cassandra).partition(|pod| view::ready(pod));
        let nodes: Vec<String> = ready.into_iter().chain(others).filter_map(address).collect();
        if nodes.is_empty() {
            return Told::Unknown("no node runs".to_owned());
        }
        match self.context.rings.gossip(self.uid(), nodes).await {
            Ok(gossip) => Told::Known(Ring {
                up: pods_at(observed, Role::Cassandra, &find_up(&gossip)),
                unsettled: find_unsettled(&gossip),
            }),
            Err(why) => Told::Unknown(why),
        }
    }
}

/// The broker whose container started so lately that Kafka may still count on the one before it.
fn young_broker(observed: &Observed, now: Timestamp) -> Option<(String, Duration)> {
    let ages = view::running(observed, Role::KafkaBroker)
        .filter_map(|pod| Some((pod.name_any(), container_age(pod, now)?)));
    ages.min_by_key(|(_, age)| *age)
        .filter(|(_, age)| *age <= SESSION)
}

/// Since the newest container of a pod started.
fn container_age(pod: &Pod, now: Timestamp) -> Option<Duration> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let starts = statuses
        .iter()
        .filter_map(|status| status.state.as_ref()?.running.as_ref()?.started_at.as_ref());
    let newest = starts.map(|start| start.0).max()?;
    Some(Duration::try_from(now.duration_since(newest)).unwrap_or_default())
}

/// Names of the pods of a role that have these addresses.
fn pods_at(observed: &Observed, role: Role, addresses: &[String]) -> Vec<String> {
    view::running(observed, role)
        .filter(|pod| address(pod).is_some_and(|address| addresses.contains(&address)))
        .map(ResourceExt::name_any)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kafka_is_not_believed_within_a_session_of_a_brokers_start() {
        let broker = |name: &str, started: &str| {
            let pod: Pod = serde_json::from_value(json!({
                "metadata": {"name": name, "labels": {"app.kubernetes.io/component": Role::KafkaBroker.as_str()}},
                "status": {"containerStatuses": [{"name": "kafka", "ready": true, "image": "", "imageID": "", "restartCount": 1,
                           "state": {"running": {"startedAt": started}}}]},
            }))
            .unwrap();
            (name.to_owned(), pod)
        };
        let mut observed = Observed::default();
        observed.pods.extend([
            broker("a", "2026-01-01T00:00:00Z"),
            broker("b", "2026-01-01T00:01:00Z"),
        ]);
        let at = |time: &str| young_broker(&observed, time.parse().unwrap()).map(|(pod, _)| pod);
        assert_eq!(at("2026-01-01T00:01:08Z").as_deref(), Some("b"));
        assert_eq!(at("2026-01-01T00:01:10Z"), None);
    }
}
