//! The volumes of an ingest worker that outlive its pod: its recording, and the files that it plays.

use std::collections::BTreeMap;

use crds::{
    names::{LABEL_SHARD, Names, Role},
    wire::{RECORDING_PATH, REPLAY_PATH},
};
use k8s_openapi::{
    api::core::v1::{
        PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeClaimVolumeSource, Volume,
        VolumeMount, VolumeResourceRequirements,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{deployment::Mounted, ingest_name};
use crate::{
    build::{
        metadata::{claim_annotations, labels},
        placement::Site,
        pod,
    },
    reconcile::validate::ValidatedPipeline,
};

const RECORDING: &str = "recording";
const REPLAY: &str = "replay";

/// The claims that the pod of an ingest shard mounts.
pub fn of_shard(pipeline: &ValidatedPipeline, shard: usize) -> Vec<Mounted> {
    let recording = pipeline.recording.is_some().then(|| {
        mounted(
            RECORDING,
            recording_name(&pipeline.names, shard),
            RECORDING_PATH,
            false,
        )
    });
    let replay = pipeline
        .replayed()
        .map(|replay| mounted(REPLAY, replay.claim.clone(), REPLAY_PATH, true));
    recording.into_iter().chain(replay).collect()
}

/// The claim of a shard's recording; `None` where nothing is recorded. It has no owner: recordings outlive the pipeline.
pub fn recording_claim(pipeline: &ValidatedPipeline, shard: usize) -> Option<PersistentVolumeClaim> {
    pipeline.recording.as_ref()?;
    let spec = &pipeline.spec.ingest;
    let mut labels = labels(pipeline, Role::Ingest.as_str());
    labels.insert(LABEL_SHARD.to_owned(), shard.to_string());
    Some(PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(recording_name(&pipeline.names, shard)),
            namespace: Some(pipeline.names.namespace.clone()),
            labels: Some(labels),
            annotations: Some(claim_annotations(None)),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: Site::of_workers(pipeline, spec.placement.as_ref()).storage_class(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([(
                    "storage".to_owned(),
                    spec.recording.storage.size.clone(),
                )])),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    })
}

fn recording_name(names: &Names, shard: usize) -> String {
    format!("{}-{RECORDING}", ingest_name(names, shard))
}

fn mounted(name: &str, claim: String, path: &str, read_only: bool) -> Mounted {
    let read_only = read_only.then_some(true);
    Mounted {
        volume: Volume {
            name: name.to_owned(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim,
                read_only,
            }),
            ..Volume::default()
        },
        mount: VolumeMount {
            read_only,
            ..pod::mount(name, path)
        },
    }
}
