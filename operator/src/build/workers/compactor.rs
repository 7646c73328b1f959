//! The CronJob that merges the archive's files of days that are over.

use crds::{
    names::{Names, Role},
    wire::CONFIG_PATH,
};
use k8s_openapi::{
    api::{
        batch::v1::{CronJob, CronJobSpec, JobSpec, JobTemplateSpec},
        core::v1::Container,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{auditor_name, config, deployment::CONFIG_DIR};
use crate::{
    build::{
        metadata::{labels, owned, selector},
        placement::Site,
        pod::{self, ConfigMount, Parts},
    },
    reconcile::validate::{ValidatedPipeline, requirements},
};

/// Component label of its pods and Jobs.
pub const COMPACTOR: &str = "compactor";
/// Tries of one run. A run goes on where the one before was stopped.
const RETRIES: i32 = 2;
/// A run that hangs must not keep all later ones from starting.
const LONGEST_RUN_SECONDS: i64 = 6 * 3_600;
/// How late a run may begin when nobody was there to start it.
const LATEST_START_SECONDS: i64 = 3_600;
/// A run that is stopped has nothing to save.
const GRACE_SECONDS: i64 = 10;

/// Name of the CronJob.
pub fn compactor_name(names: &Names) -> String {
    format!("{}-{COMPACTOR}", names.pipeline)
}

/// The CronJob; none where compaction is not asked for. It stands beside the processor, and reads the auditor's
/// configuration, which says where the archive is.
pub(super) fn cron_job(pipeline: &ValidatedPipeline) -> Option<CronJob> {
    let processor = &pipeline.spec.processor;
    let compaction = &processor.archive.compaction;
    if !processor.archive.enabled || !compaction.enabled {
        return None;
    }
    let labels = labels(pipeline, COMPACTOR);
    let resources = compaction.resources.clone();
    let container = Container {
        name: COMPACTOR.to_owned(),
        image: Some(config::image(pipeline)),
        command: Some(vec![format!("/usr/local/bin/{COMPACTOR}")]),
        args: Some(["--config", CONFIG_PATH].map(str::to_owned).into()),
        env: Some(vec![pod::env_of_pod("POD_NAME", "metadata.name")]),
        resources: Some(resources.unwrap_or_else(|| requirements("100m", "512Mi", "1Gi"))),
        ..Container::default()
    };
    let mut template = pod::template(
        pipeline,
        Parts {
            labels: labels.clone(),
            peers: &selector(pipeline, COMPACTOR),
            service_account: pipeline.names.of(Role::Processor),
            site: &Site::of_workers(pipeline, processor.placement.as_ref()),
            grace_seconds: GRACE_SECONDS,
            config_hash: None,
            containers: vec![container],
            config: ConfigMount {
                config_map: auditor_name(&pipeline.names),
                path: CONFIG_DIR,
            },
            volumes: vec![],
        },
    );
    if let Some(pod) = template.spec.as_mut() {
        pod.restart_policy = Some("Never".to_owned());
    }
    Some(CronJob {
        metadata: owned(pipeline, compactor_name(&pipeline.names), labels.clone()),
        spec: Some(CronJobSpec {
            schedule: compaction.schedule.clone(),
            time_zone: Some("Etc/UTC".to_owned()),
            concurrency_policy: Some("Forbid".to_owned()),
            suspend: Some(pipeline.spec.paused),
            starting_deadline_seconds: Some(LATEST_START_SECONDS),
            successful_jobs_history_limit: Some(1),
            failed_jobs_history_limit: Some(1),
            job_template: JobTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    ..ObjectMeta::default()
                }),
                spec: Some(JobSpec {
                    backoff_limit: Some(RETRIES),
                    active_deadline_seconds: Some(LONGEST_RUN_SECONDS),
                    template,
                    ..JobSpec::default()
                }),
            },
        }),
        ..CronJob::default()
    })
}
