//! The Jobs that format, once, what HDFS starts from: the first NameNode's disk, the JournalNodes, ZooKeeper.
//!
//! The decision to format is the operator's alone, taken while the records say that it never happened: a process that formats
//! by itself because its disk looks empty turns a lost disk into an empty archive.

use crds::names::{Names, Role};
use k8s_openapi::api::{
    batch::v1::{Job, JobSpec},
    core::v1::{Container, PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Volume},
};

use super::{CONFIG_PATH, containers, stateful_set};
use crate::{
    build::{
        metadata::{labels, owned, selector},
        pod::{self, ConfigMount, Parts},
        stateful_set::{DATA, DATA_PATH},
    },
    milestone::FormatTarget,
    reconcile::validate::ValidatedPipeline,
};

/// Tries, each with a pod of its own that keeps its log.
const RETRIES: i32 = 4;

/// Name of a Job.
pub fn format_job_name(names: &Names, target: FormatTarget) -> String {
    format!("{}-{}", names.pipeline, target.component())
}

/// The Job that formats `target`, or adopts what it finds there.
///
/// A Job's template is immutable: create it, do not apply it over an existing one. Every one of them works with the first
/// NameNode's ServiceAccount and ConfigMap; those of NameNode and JournalNodes with its disk, the claim of
/// [`name_node_claim`].
pub fn format_job(pipeline: &ValidatedPipeline, target: FormatTarget) -> Job {
    let role = Role::NameNode;
    let component = target.component();
    let engine = stateful_set::engine(pipeline, role, String::new());
    let labels = labels(pipeline, component);
    let needs_disk = target != FormatTarget::ZooKeeper;
    let container = Container {
        env: Some(containers::env(pipeline, role)),
        resources: Some(pipeline.sizings.name_node.resources.clone()),
        volume_mounts: needs_disk.then(|| vec![pod::mount(DATA, DATA_PATH)]),
        ..pod::script(
            containers::image(pipeline),
            component,
            &format!("/etc/hadoop/{component}.sh"),
        )
    };
    let disk = || Volume {
        name: DATA.to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: Names::claim(&pipeline.names.of(role), 0),
            read_only: None,
        }),
        ..Volume::default()
    };
    let mut template = pod::template(
        pipeline,
        Parts {
            labels: labels.clone(),
            peers: &selector(pipeline, component),
            service_account: pipeline.names.of(role),
            site: &engine.site(pipeline, None),
            grace_seconds: 30,
            config_hash: None,
            containers: vec![container],
            config: ConfigMount {
                config_map: pipeline.names.of(role),
                path: CONFIG_PATH,
            },
            volumes: needs_disk.then(disk).into_iter().collect(),
        },
    );
    if let Some(pod) = template.spec.as_mut() {
        pod.restart_policy = Some("Never".to_owned());
    }
    Job {
        metadata: owned(pipeline, format_job_name(&pipeline.names, target), labels),
        spec: Some(JobSpec {
            backoff_limit: Some(RETRIES),
            template,
            ..JobSpec::default()
        }),
        ..Job::default()
    }
}

/// The first NameNode's claim as its StatefulSet would create it, which therefore adopts it. It has no owner.
pub fn name_node_claim(pipeline: &ValidatedPipeline) -> PersistentVolumeClaim {
    stateful_set::engine(pipeline, Role::NameNode, String::new()).first_claim(pipeline)
}
