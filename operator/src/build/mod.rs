//! From a validated pipeline to every Kubernetes object it needs. Pure and deterministic: no client, no clock, no randomness.

pub mod hdfs;

use crds::names::Role;
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{ConfigMap, Service, ServiceAccount},
    policy::v1::PodDisruptionBudget,
};

use crate::reconcile::validate::ValidatedPipeline;

/// Every object of a pipeline, by kind, in the order in which they are applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// One per role.
    pub service_accounts: Vec<ServiceAccount>,
    /// Configuration files and start scripts.
    pub config_maps: Vec<ConfigMap>,
    /// Headless Services of the engines, and the one that Kafka clients bootstrap from.
    pub services: Vec<Service>,
    /// One per role.
    pub pod_disruption_budgets: Vec<PodDisruptionBudget>,
    /// The engines.
    pub stateful_sets: Vec<RoleStatefulSet>,
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

/// Everything that the pipeline needs.
pub fn build(_pipeline: &ValidatedPipeline) -> Resources {
    Resources::default()
}
