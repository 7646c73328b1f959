//! Which site or node is cut off, and since when, from two kinds of facts: what the API server says of nodes, and whether the
//! pipeline's own connections reach the site. One without the other is no proof: kubelets may have another way to the API server
//! than pods have to each other. Pure but for `ask`.

mod ask;
mod probe;
mod stranded;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crds::{
    CryptoPipelineSpec,
    status::{PlacementStatus, Reach},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::{dereference::Observed, view};
use crate::{
    bootstrap::Finding,
    engine::Engine,
    placement::{self, Site},
};

pub use ask::Connected;
pub use probe::{Probe, probes};
pub use stranded::stranded;

/// How long a site's connections must fail before it counts as cut off, so that a flap or a restart does not. Nodes have had the
/// API server's own patience (50 s) when they are told of.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// What is known of all sites.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sites {
    /// By placement that a component names; empty where there are fewer than two, since then nothing lies between them.
    pub placements: BTreeMap<String, PlacementStatus>,
    /// Which sites are cut off; `None` where none is.
    pub cut: Option<Finding>,
    /// Which nodes that hold pods of this pipeline are not ready; `None` where all are.
    pub nodes: Option<Finding>,
}

impl Sites {
    /// From nodes and pods, what the connections say, and what was said before.
    pub fn of(
        spec: &CryptoPipelineSpec,
        observed: &Observed,
        probes: &[Probe],
        before: &BTreeMap<String, PlacementStatus>,
        now: Timestamp,
    ) -> Self {
        let named = named(spec);
        let mut found = Self {
            nodes: nodes(observed),
            ..Self::default()
        };
        if named.len() < 2 {
            return found;
        }
        let mut cuts = vec![];
        for name in named {
            let Some(placement) = spec.placements.get(name) else {
                continue;
            };
            let nodes: Vec<&Site> = placement::members(placement, &observed.sites).collect();
            let probes: Vec<&Probe> = probes.iter().filter(|probe| probe.to == name).collect();
            let status = status(&nodes, &probes, before.get(name), now);
            cuts.extend(cut(name, &status, &nodes, &probes, now));
            found.placements.insert(name.to_owned(), status);
        }
        if let Some(first) = cuts.first() {
            let messages: Vec<&str> = cuts.iter().map(|cut| cut.message.as_str()).collect();
            found.cut = Some(Finding::new(first.reason, messages.join("; ")));
        }
        found
    }

    /// What keeps the pipeline from being ready: the site if one is cut off, else the node.
    pub fn trouble(&self) -> Option<&Finding> {
        self.cut.as_ref().or(self.nodes.as_ref())
    }
}

/// The placements that components name.
fn named(spec: &CryptoPipelineSpec) -> BTreeSet<&str> {
    Engine::ALL
        .iter()
        .filter_map(|engine| engine.placement_name(spec))
        .chain(spec.ingest.placement.as_deref())
        .chain(spec.processor.placement.as_deref())
        .collect()
}

fn status(
    nodes: &[&Site],
    probes: &[&Probe],
    before: Option<&PlacementStatus>,
    now: Timestamp,
) -> PlacementStatus {
    let down: Vec<Timestamp> = nodes.iter().filter_map(|node| node.down_since).collect();
    let control_plane = match nodes.len() {
        0 => Reach::Unknown,
        all if down.len() == all => Reach::Unreachable,
        _ => Reach::Reachable,
    };
    let data_plane = data_plane(control_plane, probes);
    let known = before.and_then(|before| before.since.clone());
    let since = if control_plane == Reach::Unreachable {
        // The last node's time, unless the connections failed before.
        let nodes = down.into_iter().max().unwrap_or(now);
        Some(known.map_or(nodes, |time| time.0.min(nodes)))
    } else if data_plane == Reach::Unreachable {
        Some(known.map_or(now, |time| time.0))
    } else {
        None
    };
    let count = |nodes: usize| i32::try_from(nodes).unwrap_or(i32::MAX);
    PlacementStatus {
        nodes: count(nodes.len()),
        ready: count(nodes.iter().filter(|node| node.down_since.is_none()).count()),
        control_plane,
        data_plane,
        since: since.map(Time),
    }
}

/// Two connections that fail independently make a cut, one is a fault of its far end. What workers reach counts for more than what
/// the operator reaches, which may itself stand on that site.
fn data_plane(control_plane: Reach, probes: &[&Probe]) -> Reach {
    let reached = |worker: bool| {
        probes
            .iter()
            .filter(|probe| probe.from_worker == worker && probe.reached)
            .count()
    };
    // A far end that says itself that it is not up proves nothing, unless its whole site is away.
    let failed = |worker: bool| {
        probes
            .iter()
            .filter(|probe| probe.from_worker == worker && !probe.reached)
            .filter(|probe| probe.serving || control_plane == Reach::Unreachable)
            .count()
    };
    if reached(true) > 0 {
        Reach::Reachable
    } else if failed(true) >= 2 || (failed(true) + failed(false) >= 2 && reached(false) == 0) {
        Reach::Unreachable
    } else if reached(false) > 0 {
        Reach::Reachable
    } else {
        Reach::Unknown
    }
}

fn cut(
    name: &str,
    status: &PlacementStatus,
    nodes: &[&Site],
    probes: &[&Probe],
    now: Timestamp,
) -> Option<Finding> {
    let since = status.since.as_ref()?.0;
    let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    let names = names.join(", ");
    let failed: Vec<&str> = probes
        .iter()
        .filter(|probe| !probe.reached)
        .map(|probe| probe.what)
        .collect();
    let failed = failed.join(", ");
    let found = match (status.control_plane, status.data_plane) {
        (Reach::Unreachable, Reach::Reachable) => Finding::new(
            "ControlPlaneOnly",
            format!(
                "site {name} has no connection to the API server since {since} (nodes {names}), but its data still flows; nothing \
                 there is changed or restarted; look at the way from the site to the API server"
            ),
        ),
        (Reach::Unreachable, data) => {
            let also = if data == Reach::Unreachable {
                format!(", and what passes to it fails too: {failed}")
            } else {
                String::new()
            };
            Finding::new(
                "LinkDown",
                format!(
                    "site {name} is cut off since {since}: none of its nodes ({names}) reaches the API server{also}; its pods stay, \
                     lanes wait, and Kafka keeps what they do not store; look at the link and at the site's power"
                ),
            )
        }
        (_, Reach::Unreachable) if now.duration_since(since) >= PATIENCE => Finding::new(
            "DataPlaneOnly",
            format!(
                "site {name} is cut off for data since {since}, although its nodes ({names}) reach the API server; what fails: \
                 {failed}; look at the link between the sites: VPN, routes, MTU, network policies"
            ),
        ),
        _ => return None,
    };
    Some(found)
}

/// The nodes that are not ready and hold pods, with these pods.
fn nodes(observed: &Observed) -> Option<Finding> {
    let told: Vec<String> = observed
        .sites
        .iter()
        .filter_map(|node| {
            let since = node.down_since?;
            let held: Vec<String> = observed
                .pods
                .values()
                .filter(|pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()) == Some(&node.name))
                .filter(|pod| pod.metadata.deletion_timestamp.is_none() && !view::ended(pod))
                .map(ResourceExt::name_any)
                .collect();
            (!held.is_empty()).then(|| {
                format!(
                    "node {} is not ready since {since}; it holds {}",
                    node.name,
                    held.join(", ")
                )
            })
        })
        .collect();
    (!told.is_empty()).then(|| {
        Finding::new(
            "NodeNotReady",
            format!(
                "{}; bring it back, or remove it if it is gone for good",
                told.join("; ")
            ),
        )
    })
}
