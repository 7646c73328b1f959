//! The Deployments of the workers.

use crds::{
    names::Role,
    wire::{CONFIG_PATH, SPOOL_PATH},
};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
        core::v1::{Container, EmptyDirVolumeSource, ResourceRequirements, Volume, VolumeMount},
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::{HTTP, config};
use crate::{
    build::{
        RoleDeployment,
        metadata::{Labels, labels, owned, selector},
        placement::Site,
        pod::{self, ConfigMount, Parts},
    },
    reconcile::validate::ValidatedPipeline,
};

/// Directory of [`CONFIG_PATH`].
pub const CONFIG_DIR: &str = "/etc/cryptopipeline";
const SPOOL: &str = "spool";

/// What differs between the workers' Deployments.
pub struct Worker<'a> {
    /// What it runs.
    pub role: Role,
    /// Name of the Deployment and of its ConfigMap.
    pub name: String,
    /// A label that tells Deployments of one role apart.
    pub extra_label: Option<(&'static str, String)>,
    /// Key of the placement.
    pub placement: Option<&'a String>,
    /// Number of pods.
    pub replicas: i32,
    /// Of the only container.
    pub resources: ResourceRequirements,
    /// Size of the volume at [`SPOOL_PATH`], which has the pod's life; absent where there is none.
    pub spool: Option<&'a Quantity>,
    /// Disks that outlive the pod.
    pub volumes: Vec<Mounted>,
    /// Seconds from SIGTERM to SIGKILL.
    pub grace_seconds: i64,
    /// How new pods take the place of old ones.
    pub rollout: Rollout,
}

/// How new pods take the place of old ones.
#[derive(Clone, Copy, Debug)]
pub enum Rollout {
    /// The new pod is ready before the old one is asked to end.
    Overlap,
    /// One at a time: an old pod is asked to end, and its successor starts beside it.
    OneByOne,
    /// No new pod starts before the old one has ended. A rolling update does not wait for that, whatever its numbers are.
    Alone,
}

impl Rollout {
    fn strategy(self) -> DeploymentStrategy {
        let rolling = |surge, unavailable| DeploymentStrategy {
            type_: Some("RollingUpdate".to_owned()),
            rolling_update: Some(RollingUpdateDeployment {
                max_surge: Some(IntOrString::Int(surge)),
                max_unavailable: Some(IntOrString::Int(unavailable)),
            }),
        };
        match self {
            Self::Overlap => rolling(1, 0),
            Self::OneByOne => rolling(0, 1),
            Self::Alone => DeploymentStrategy {
                type_: Some("Recreate".to_owned()),
                rolling_update: None,
            },
        }
    }
}

/// A volume, and where the container has it.
pub struct Mounted {
    /// Of the pod.
    pub volume: Volume,
    /// Of the container.
    pub mount: VolumeMount,
}

impl Worker<'_> {
    /// The Deployment.
    pub fn deployment(self, pipeline: &ValidatedPipeline, config_hash: String) -> RoleDeployment {
        let component = self.role.as_str();
        let extend = |mut labels: Labels| {
            labels.extend(
                self.extra_label
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), value.clone())),
            );
            labels
        };
        let peers = selector(pipeline, component);
        let labels = extend(labels(pipeline, component));
        let template = pod::template(
            pipeline,
            Parts {
                labels: labels.clone(),
                peers: &peers,
                service_account: pipeline.names.of(self.role),
                site: &Site::of_deployment(pipeline, self.placement),
                grace_seconds: self.grace_seconds,
                config_hash: Some(config_hash),
                containers: vec![self.container(pipeline)],
                config: ConfigMount {
                    config_map: self.name.clone(),
                    path: CONFIG_DIR,
                },
                volumes: self.volumes(),
            },
        );
        RoleDeployment {
            role: self.role,
            object: Deployment {
                metadata: owned(pipeline, self.name.clone(), labels),
                spec: Some(DeploymentSpec {
                    replicas: Some(self.replicas),
                    selector: LabelSelector {
                        match_labels: Some(extend(peers.clone())),
                        ..LabelSelector::default()
                    },
                    strategy: Some(self.rollout.strategy()),
                    revision_history_limit: Some(3),
                    template,
                    ..DeploymentSpec::default()
                }),
                ..Deployment::default()
            },
        }
    }

    fn container(&self, pipeline: &ValidatedPipeline) -> Container {
        Container {
            name: self.role.as_str().to_owned(),
            image: Some(config::image(pipeline)),
            command: Some(vec![config::program(self.role)]),
            args: Some(["--config", CONFIG_PATH].map(str::to_owned).into()),
            env: Some(vec![pod::env_of_pod("POD_NAME", "metadata.name")]),
            ports: Some(pod::ports(&[HTTP])),
            resources: Some(self.resources.clone()),
            volume_mounts: self.mounts(),
            startup_probe: Some(pod::while_starting(pod::http_probe(HTTP.0, "/livez"))),
            liveness_probe: Some(pod::for_liveness(pod::http_probe(HTTP.0, "/livez"))),
            readiness_probe: Some(pod::for_readiness(pod::http_probe(HTTP.0, "/readyz"), 3)),
            ..Container::default()
        }
    }

    fn volumes(&self) -> Vec<Volume> {
        let lasting = self.volumes.iter().map(|mounted| mounted.volume.clone());
        self.spool.into_iter().map(scratch).chain(lasting).collect()
    }

    fn mounts(&self) -> Option<Vec<VolumeMount>> {
        let spool = self.spool.map(|_| pod::mount(SPOOL, SPOOL_PATH));
        let lasting = self.volumes.iter().map(|mounted| mounted.mount.clone());
        let mounts: Vec<_> = spool.into_iter().chain(lasting).collect();
        (!mounts.is_empty()).then_some(mounts)
    }
}

fn scratch(size: &Quantity) -> Volume {
    Volume {
        name: SPOOL.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(size.clone()),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    }
}
