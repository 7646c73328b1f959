//! The first and only format of the NameNode's disk.
//!
//! The decision to format is the operator's alone, taken while the pipeline was never formatted: a NameNode that formats by itself
//! because its disk looks empty turns a lost disk into an empty archive.

use crds::names::{Names, Role};
use k8s_openapi::api::{
    batch::v1::{Job, JobSpec},
    core::v1::{Container, PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Volume},
};

use super::{CONFIG_PATH, stateful_set};
use crate::{
    build::{
        metadata::{labels, owned, selector},
        pod::{self, ConfigMount, Parts},
        stateful_set::{DATA, DATA_PATH},
    },
    reconcile::validate::ValidatedPipeline,
};

/// Value of the component label: not that of the NameNode, whose Service and budget must not count the Job's pod.
const COMPONENT: &str = "namenode-format";
/// Tries, each with a pod of its own that keeps its log.
const RETRIES: i32 = 4;

/// Name of the Job.
pub fn format_job_name(names: &Names) -> String {
    format!("{}-{COMPONENT}", names.pipeline)
}

/// The Job that formats the NameNode's disk, or adopts the file system that it finds there. Its pod ends with the cluster id of
/// the disk as its termination message.
///
/// A Job's template is immutable: create it, do not apply it over an existing one. It needs the NameNode's ServiceAccount and
/// ConfigMap and the claim of [`name_node_claim`].
pub fn format_job(pipeline: &ValidatedPipeline) -> Job {
    let role = Role::NameNode;
    let engine = stateful_set::engine(pipeline, role, String::new());
    let labels = labels(pipeline, COMPONENT);
    let claim = Names::claim(&pipeline.names.of(role), 0);
    let container = Container {
        env: Some(stateful_set::env(pipeline, role)),
        resources: Some(pipeline.sizings.name_node.resources.clone()),
        volume_mounts: Some(vec![pod::mount(DATA, DATA_PATH)]),
        ..pod::script(stateful_set::image(pipeline), COMPONENT, "/etc/hadoop/format.sh")
    };
    let mut template = pod::template(
        pipeline,
        Parts {
            labels: labels.clone(),
            peers: &selector(pipeline, COMPONENT),
            service_account: pipeline.names.of(role),
            site: &engine.site(pipeline, None),
            grace_seconds: 30,
            config_hash: None,
            container,
            config: ConfigMount {
                config_map: pipeline.names.of(role),
                path: CONFIG_PATH,
            },
            volumes: vec![Volume {
                name: DATA.to_owned(),
                persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                    claim_name: claim,
                    read_only: None,
                }),
                ..Volume::default()
            }],
        },
    );
    if let Some(pod) = template.spec.as_mut() {
        pod.restart_policy = Some("Never".to_owned());
    }
    Job {
        metadata: owned(pipeline, format_job_name(&pipeline.names), labels),
        spec: Some(JobSpec {
            backoff_limit: Some(RETRIES),
            template,
            ..JobSpec::default()
        }),
        ..Job::default()
    }
}

/// The NameNode's claim as its StatefulSet would create it, which therefore adopts it. It has no owner.
pub fn name_node_claim(pipeline: &ValidatedPipeline) -> PersistentVolumeClaim {
    stateful_set::engine(pipeline, Role::NameNode, String::new()).first_claim(pipeline)
}
