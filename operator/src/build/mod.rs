//! From a validated pipeline to every Kubernetes object it needs. Pure and deterministic: no client, no clock, no randomness.
//!
//! Everything is owned by the pipeline, so that deleting it removes everything but the claims, which nobody owns.

pub mod cassandra;
mod files;
pub mod hdfs;
mod jvm;
pub mod kafka;
mod metadata;
mod placement;
mod pod;
mod properties;
pub mod rack;
mod service;
mod stateful_set;
#[cfg(test)]
mod tests;
pub mod workers;

use crds::names::Role;
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    batch::v1::CronJob,
    core::v1::{ConfigMap, PersistentVolumeClaim, Service, ServiceAccount},
    policy::v1::PodDisruptionBudget,
};

pub use self::{
    metadata::{CLUSTER_ID_ANNOTATION, CONFIG_HASH_ANNOTATION, KEPT_ANNOTATIONS},
    stateful_set::{DATA, requested_storage},
};
use crate::reconcile::validate::ValidatedPipeline;

/// Every object of a pipeline, by kind, in the order in which they are applied: what is referred to comes first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// One per role.
    pub service_accounts: Vec<ServiceAccount>,
    /// Configuration files and start scripts.
    pub config_maps: Vec<ConfigMap>,
    /// Claims that no StatefulSet makes, without an owner: those of recordings.
    pub claims: Vec<PersistentVolumeClaim>,
    /// Headless Services of the engines, one for each JournalNode, and the one that Kafka clients bootstrap from.
    pub services: Vec<Service>,
    /// One per role whose pods must not all be drained at once.
    pub pod_disruption_budgets: Vec<PodDisruptionBudget>,
    /// The engines. Their strategy is `OnDelete`: the operator restarts pods when the engine can spare them.
    pub stateful_sets: Vec<RoleStatefulSet>,
    /// The compactor's, where one is asked for.
    pub cron_jobs: Vec<CronJob>,
    /// The workers.
    pub deployments: Vec<RoleDeployment>,
}

/// A StatefulSet and what it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleStatefulSet {
    /// What its pods are.
    pub role: Role,
    /// Index of their rack; 0 for roles without racks.
    pub rack: usize,
    /// The object.
    pub object: StatefulSet,
}

/// A Deployment and what it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleDeployment {
    /// What its pods are.
    pub role: Role,
    /// The object.
    pub object: Deployment,
}

/// Everything that the pipeline needs, except for the Jobs of [`hdfs::format_job`].
pub fn build(pipeline: &ValidatedPipeline) -> Resources {
    let mut resources = Resources::default();
    kafka::build(pipeline, &mut resources);
    cassandra::build(pipeline, &mut resources);
    hdfs::build(pipeline, &mut resources);
    workers::build(pipeline, &mut resources);
    resources
}
