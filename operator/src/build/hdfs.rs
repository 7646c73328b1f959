//! HDFS.

use k8s_openapi::api::{batch::v1::Job, core::v1::PersistentVolumeClaim};

use crate::reconcile::validate::ValidatedPipeline;

/// The Job that formats the NameNode's volume once. Applied by the plan only while the pipeline was never formatted.
pub fn format_job(_pipeline: &ValidatedPipeline) -> Job {
    Job::default()
}

/// The NameNode's claim, as its StatefulSet would create it, so that the StatefulSet adopts it.
pub fn name_node_claim(_pipeline: &ValidatedPipeline) -> PersistentVolumeClaim {
    PersistentVolumeClaim::default()
}
