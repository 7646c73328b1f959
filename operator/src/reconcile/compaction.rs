//! What came of the last run of compaction. Pure.

use crds::names::LABEL_COMPONENT;
use k8s_openapi::api::batch::v1::{Job, JobCondition};
use kube::ResourceExt;

use super::{dereference::Observed, validate::ValidatedPipeline};
use crate::build::workers::COMPACTOR;

/// How compaction stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compaction {
    /// No run that ended is there to be seen.
    NotSeen,
    /// The last run merged everything that it could.
    Succeeded {
        /// Its Job.
        job: String,
    },
    /// The last run gave up.
    Failed {
        /// Its Job.
        job: String,
        /// In Kubernetes' words.
        why: String,
    },
}

impl Compaction {
    /// `None` where it is not asked for. Runs that a person started count too: they carry the CronJob's labels. The CronJob
    /// keeps the last run that succeeded and the last that failed, and the one that ended later speaks.
    pub fn of(pipeline: &ValidatedPipeline, observed: &Observed) -> Option<Self> {
        let archive = &pipeline.spec.processor.archive;
        if !archive.enabled || !archive.compaction.enabled {
            return None;
        }
        let runs = observed.jobs.values().filter(|job| {
            let component = job.labels().get(LABEL_COMPONENT);
            component.is_some_and(|component| component == COMPACTOR)
        });
        let last = runs
            .filter_map(|job| Some((job, end(job)?)))
            .max_by_key(|(_, end)| end.last_transition_time.clone());
        Some(last.map_or(Self::NotSeen, |(job, end)| {
            let job = job.name_any();
            if end.type_ == COMPLETE {
                return Self::Succeeded { job };
            }
            let why = [&end.reason, &end.message].map(|text| text.as_deref().unwrap_or("unknown"));
            Self::Failed {
                job,
                why: why.join(": "),
            }
        }))
    }
}

const COMPLETE: &str = "Complete";

/// How a Job ended; `None` while it runs.
fn end(job: &Job) -> Option<&JobCondition> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| {
        condition.status == "True" && [COMPLETE, "Failed"].contains(&condition.type_.as_str())
    })
}
