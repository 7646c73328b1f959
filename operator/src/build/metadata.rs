//! Names, labels, owner and other metadata of every object.

use std::collections::BTreeMap;

use crds::names::{
    APP_NAME, LABEL_COMPONENT, LABEL_INSTANCE, LABEL_MANAGED_BY, LABEL_NAME, LABEL_RACK, MANAGER, Role,
};
use k8s_openapi::{
    api::{
        core::v1::ServiceAccount,
        policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};

use super::rack::Rack;
use crate::reconcile::validate::ValidatedPipeline;

/// Annotation of pods: hash of the files that their process reads only when it starts.
pub const CONFIG_HASH_ANNOTATION: &str = "cryptopipeline.dev/config-hash";
/// Annotation of claims: the id of the cluster whose data they hold.
pub const CLUSTER_ID_ANNOTATION: &str = "cryptopipeline.dev/cluster-id";

/// Annotations of claims that keep tools which own a namespace's objects from deleting a volume that they did not make. Argo CD
/// takes a claim for one of the application whose name its instance label has; Flux prunes what it once applied.
pub const KEPT_ANNOTATIONS: [(&str, &str); 2] = [
    ("argocd.argoproj.io/sync-options", "Prune=false,Delete=false"),
    ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
];

/// Labels by name.
pub type Labels = BTreeMap<String, String>;

/// The labels of a component's objects.
pub fn labels(pipeline: &ValidatedPipeline, component: &str) -> Labels {
    let mut labels = selector(pipeline, component);
    labels.insert(LABEL_MANAGED_BY.to_owned(), MANAGER.to_owned());
    labels
}

/// The labels that select a component's pods. Selectors are immutable: nothing may ever be added here.
pub fn selector(pipeline: &ValidatedPipeline, component: &str) -> Labels {
    [
        (LABEL_NAME, APP_NAME),
        (LABEL_INSTANCE, &pipeline.names.pipeline),
        (LABEL_COMPONENT, component),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// Adds the label of the rack, for a role that has racks.
pub fn in_rack(mut labels: Labels, rack: Option<&Rack>) -> Labels {
    if let Some(rack) = rack {
        labels.insert(LABEL_RACK.to_owned(), rack.index.to_string());
    }
    labels
}

/// Metadata of an object that goes when the pipeline goes.
pub fn owned(pipeline: &ValidatedPipeline, name: String, labels: Labels) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(pipeline.names.namespace.clone()),
        labels: Some(labels),
        owner_references: Some(vec![pipeline.owner.clone()]),
        ..ObjectMeta::default()
    }
}

/// The annotations of a new claim; `cluster_id` where its data belongs to a cluster.
pub fn claim_annotations(cluster_id: Option<&str>) -> Labels {
    let id = cluster_id.map(|id| (CLUSTER_ID_ANNOTATION, id));
    let all = KEPT_ANNOTATIONS.into_iter().chain(id);
    all.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// A role's ServiceAccount. No process of a pipeline talks to Kubernetes, so it carries no token; it is there to be named in
/// policies.
pub fn service_account(pipeline: &ValidatedPipeline, role: Role) -> ServiceAccount {
    ServiceAccount {
        metadata: owned(pipeline, pipeline.names.of(role), labels(pipeline, role.as_str())),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// How many pods of a role, over all racks, a drain may take away at once.
pub fn disruption_budget(
    pipeline: &ValidatedPipeline,
    role: Role,
    max_unavailable: IntOrString,
) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: owned(pipeline, pipeline.names.of(role), labels(pipeline, role.as_str())),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(max_unavailable),
            selector: Some(LabelSelector {
                match_labels: Some(selector(pipeline, role.as_str())),
                ..LabelSelector::default()
            }),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}
