//! The StatefulSets of the engines.

use std::collections::BTreeMap;

use crds::names::{Names, Role};
use k8s_openapi::{
    api::{
        apps::v1::{
            StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
            StatefulSetUpdateStrategy,
        },
        core::v1::{Container, PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements},
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{LabelSelector, ObjectMeta},
    },
};

use kube::ResourceExt;

use super::{
    RoleStatefulSet,
    metadata::{claim_annotations, in_rack, labels, owned, selector},
    placement::Site,
    pod::{self, ConfigMount, Parts},
    rack::{self, Rack},
};
use crate::reconcile::validate::ValidatedPipeline;

/// Name of the claim template and the volume.
pub const DATA: &str = "data";
/// Where the volume is mounted. Engines use a folder below it, since ext4's `lost+found` lies in its root.
pub const DATA_PATH: &str = "/data";

/// What differs between the engines' StatefulSets.
pub struct Engine<'a> {
    /// What its pods are.
    pub role: Role,
    /// Key of the placement.
    pub placement: Option<&'a String>,
    /// Directory of its files.
    pub config_path: &'static str,
    /// Hash of the files read at start.
    pub config_hash: String,
    /// Seconds from SIGTERM to SIGKILL.
    pub grace_seconds: i64,
    /// Size of a new StatefulSet's claims.
    pub storage: Quantity,
    /// Written on the claims, so that a later pipeline knows whose data they hold.
    pub cluster_id: &'a str,
}

impl Engine<'_> {
    /// One StatefulSet per rack, or a single one for a role without racks. `containers` gets the rack; the first of them gets
    /// the volume.
    pub fn stateful_sets(
        &self,
        pipeline: &ValidatedPipeline,
        containers: impl Fn(Option<&Rack>) -> Vec<Container>,
    ) -> Vec<RoleStatefulSet> {
        if !rack::is_racked(self.role) {
            return vec![self.stateful_set(pipeline, None, containers(None))];
        }
        rack::racks(pipeline, self.role)
            .iter()
            .map(|rack| self.stateful_set(pipeline, Some(rack), containers(Some(rack))))
            .collect()
    }

    fn stateful_set(
        &self,
        pipeline: &ValidatedPipeline,
        rack: Option<&Rack>,
        mut containers: Vec<Container>,
    ) -> RoleStatefulSet {
        let name = self.name(pipeline, rack);
        let component = self.role.as_str();
        let peers = selector(pipeline, component);
        let labels = in_rack(labels(pipeline, component), rack);
        let site = self.site(pipeline, rack);
        if let Some(first) = containers.first_mut() {
            first
                .volume_mounts
                .get_or_insert_default()
                .push(pod::mount(DATA, DATA_PATH));
        }
        let template = pod::template(
            pipeline,
            Parts {
                labels: labels.clone(),
                peers: &peers,
                service_account: pipeline.names.of(self.role),
                site: &site,
                grace_seconds: self.grace_seconds,
                config_hash: Some(self.config_hash.clone()),
                containers,
                config: ConfigMount {
                    config_map: pipeline.names.of(self.role),
                    path: self.config_path,
                },
                volumes: vec![],
            },
        );
        let retain = || Some("Retain".to_owned());
        let mut claim = self.claim(pipeline, rack);
        claim.metadata.name = Some(DATA.to_owned());
        claim.metadata.namespace = None;
        RoleStatefulSet {
            role: self.role,
            rack: rack.map_or(0, |rack| rack.index),
            object: StatefulSet {
                metadata: owned(pipeline, name, labels),
                spec: Some(StatefulSetSpec {
                    replicas: Some(
                        rack.map_or_else(|| rack::replicas(pipeline, self.role), |rack| rack.members),
                    ),
                    service_name: Some(pipeline.names.of(self.role)),
                    selector: LabelSelector {
                        match_labels: Some(in_rack(peers, rack)),
                        ..LabelSelector::default()
                    },
                    // Members of a quorum wait for each other.
                    pod_management_policy: Some("Parallel".to_owned()),
                    update_strategy: Some(StatefulSetUpdateStrategy {
                        type_: Some("OnDelete".to_owned()),
                        rolling_update: None,
                    }),
                    persistent_volume_claim_retention_policy: Some(
                        StatefulSetPersistentVolumeClaimRetentionPolicy {
                            when_deleted: retain(),
                            when_scaled: retain(),
                        },
                    ),
                    revision_history_limit: Some(3),
                    template,
                    volume_claim_templates: Some(vec![claim]),
                    ..StatefulSetSpec::default()
                }),
                ..StatefulSet::default()
            },
        }
    }

    /// The claim of the first pod, as the StatefulSet's controller would create it.
    pub fn first_claim(&self, pipeline: &ValidatedPipeline) -> PersistentVolumeClaim {
        let mut claim = self.claim(pipeline, None);
        claim.metadata.name = Some(Names::claim(&self.name(pipeline, None), 0));
        claim
    }

    /// Where the pods of a rack may run.
    pub fn site(&self, pipeline: &ValidatedPipeline, rack: Option<&Rack>) -> Site {
        Site::of_store(pipeline, self.placement, rack.and_then(|rack| rack.zone.clone()))
    }

    fn name(&self, pipeline: &ValidatedPipeline, rack: Option<&Rack>) -> String {
        rack.map_or_else(
            || pipeline.names.of(self.role),
            |rack| pipeline.names.racked(self.role, rack.index),
        )
    }

    /// The claim without a name. It has no owner: volumes outlive the pipeline. A live StatefulSet's template is immutable, so
    /// what may have changed since is taken from there: size and annotations.
    fn claim(&self, pipeline: &ValidatedPipeline, rack: Option<&Rack>) -> PersistentVolumeClaim {
        let given = pipeline.facts.claim_templates.get(&self.name(pipeline, rack));
        let size = given.and_then(requested_storage).unwrap_or(&self.storage);
        let annotations = given.map_or_else(
            || claim_annotations(Some(self.cluster_id)),
            |given| given.annotations().clone(),
        );
        PersistentVolumeClaim {
            metadata: ObjectMeta {
                namespace: Some(pipeline.names.namespace.clone()),
                labels: Some(in_rack(labels(pipeline, self.role.as_str()), rack)),
                annotations: Some(annotations),
                ..ObjectMeta::default()
            },
            spec: Some(PersistentVolumeClaimSpec {
                access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
                storage_class_name: self.site(pipeline, rack).storage_class(),
                resources: Some(VolumeResourceRequirements {
                    requests: Some(BTreeMap::from([("storage".to_owned(), size.clone())])),
                    limits: None,
                }),
                ..PersistentVolumeClaimSpec::default()
            }),
            ..PersistentVolumeClaim::default()
        }
    }
}

/// The size that a claim asks for.
pub fn requested_storage(claim: &PersistentVolumeClaim) -> Option<&Quantity> {
    claim
        .spec
        .as_ref()?
        .resources
        .as_ref()?
        .requests
        .as_ref()?
        .get("storage")
}
