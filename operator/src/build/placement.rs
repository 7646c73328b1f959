//! Where pods may run: the one place that turns a placement into node affinity, tolerations and spread, for every pod template
//! and Job.

use crds::spec::Placement;
use k8s_openapi::{
    api::core::v1::{
        Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Toleration,
        TopologySpreadConstraint,
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};

use super::metadata::Labels;
use crate::reconcile::validate::ValidatedPipeline;

/// Taints that Kubernetes puts on a node it cannot reach. A store's pod tolerates them for ever: eviction frees neither its name
/// nor its volume, but kills every member of a site together once a cut link returns. So does a worker's pod that is bound to a
/// site: of a site that is cut off as a whole it has nowhere else to go, and the operator moves it where it has
/// (`reconcile/sites.rs`).
const LOST_NODE_TAINTS: [&str; 2] = ["node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"];

/// Where the pods of one workload may run.
pub struct Site {
    placement: Placement,
    zone: Option<String>,
    outlasts_lost_nodes: bool,
}

impl Site {
    /// The site of a component: `key` is the component's `placement`, any node where it is absent.
    pub fn of_workers(pipeline: &ValidatedPipeline, key: Option<&String>) -> Self {
        Self {
            placement: key
                .and_then(|key| pipeline.spec.placements.get(key))
                .cloned()
                .unwrap_or_default(),
            zone: None,
            outlasts_lost_nodes: false,
        }
    }

    /// The site of a Deployment. Without a placement its pods may go anywhere, and Kubernetes moves them.
    pub fn of_deployment(pipeline: &ValidatedPipeline, key: Option<&String>) -> Self {
        Self {
            outlasts_lost_nodes: key.is_some(),
            ..Self::of_workers(pipeline, key)
        }
    }

    /// The site of a component with data, within it `zone` where one is given.
    pub fn of_store(pipeline: &ValidatedPipeline, key: Option<&String>, zone: Option<String>) -> Self {
        Self {
            zone,
            outlasts_lost_nodes: true,
            ..Self::of_workers(pipeline, key)
        }
    }

    /// Storage class of claims; absent: the cluster's default.
    pub fn storage_class(&self) -> Option<String> {
        self.placement.storage_class_name.clone()
    }

    /// Renders the site into a pod. `peers` selects the pods to keep apart.
    pub fn apply(&self, pod: &mut PodSpec, peers: &Labels) {
        pod.affinity = self.affinity();
        let tolerations = self.tolerations();
        pod.tolerations = (!tolerations.is_empty()).then_some(tolerations);
        pod.topology_spread_constraints = Some(
            [self.placement.zone_label.as_str(), "kubernetes.io/hostname"]
                .map(|topology_key| spread(topology_key, peers))
                .into(),
        );
    }

    /// One single term: all requirements of a term must hold, while of several terms one is enough.
    fn affinity(&self) -> Option<Affinity> {
        let equals = |(key, value): (&String, &String)| NodeSelectorRequirement {
            key: key.clone(),
            operator: "In".to_owned(),
            values: Some(vec![value.clone()]),
        };
        let placement = &self.placement;
        let mut requirements: Vec<_> = placement.node_labels.iter().map(equals).collect();
        requirements.extend(placement.node_expressions.iter().cloned());
        requirements.extend(
            self.zone
                .as_ref()
                .map(|zone| equals((&placement.zone_label, zone))),
        );
        (!requirements.is_empty()).then(|| Affinity {
            node_affinity: Some(NodeAffinity {
                required_during_scheduling_ignored_during_execution: Some(NodeSelector {
                    node_selector_terms: vec![NodeSelectorTerm {
                        match_expressions: Some(requirements),
                        match_fields: None,
                    }],
                }),
                ..NodeAffinity::default()
            }),
            ..Affinity::default()
        })
    }

    fn tolerations(&self) -> Vec<Toleration> {
        let mut tolerations = self.placement.tolerations.clone();
        if self.outlasts_lost_nodes {
            tolerations.extend(LOST_NODE_TAINTS.map(|key| Toleration {
                key: Some(key.to_owned()),
                operator: Some("Exists".to_owned()),
                effect: Some("NoExecute".to_owned()),
                ..Toleration::default()
            }));
        }
        tolerations
    }
}

/// A wish, not a condition: a site with fewer nodes than members must still work.
fn spread(topology_key: &str, peers: &Labels) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: topology_key.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(LabelSelector {
            match_labels: Some(peers.clone()),
            ..LabelSelector::default()
        }),
        ..TopologySpreadConstraint::default()
    }
}
