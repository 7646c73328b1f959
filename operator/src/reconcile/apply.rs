//! Carries a plan out. Writes nothing that is as wanted already.

use std::collections::BTreeMap;

use crds::{
    names::{LABEL_RACK, Role},
    status::Identity,
};
use k8s_openapi::api::{
    batch::v1::{CronJob, Job},
    core::v1::{PersistentVolumeClaim, Pod},
};
use kube::ResourceExt;
use serde_json::json;

use super::{
    dereference::{Live, Observed},
    identity::{self, formed_annotation, zone_annotation},
    subset::same_quantity,
    symbols::{Behind, SYMBOLS_ANNOTATION},
    validate::ValidatedPipeline,
};
use crate::{
    api::{Error, Object, Writer},
    build::{self, CLUSTER_ID_ANNOTATION, Resources},
    engine::{Engine, volume_size},
    milestone::{FormatTarget, Milestone},
    plan::Step,
};

/// What plans are carried out with.
pub struct Applier<'a> {
    /// Writes.
    pub writer: &'a Writer,
    /// What is asked for.
    pub pipeline: &'a ValidatedPipeline,
    /// The objects that it needs.
    pub resources: &'a Resources,
    /// The objects that exist.
    pub observed: &'a Observed,
}

impl Applier<'_> {
    /// Applies what pods refer to, before any pod exists that refers to it.
    pub async fn supporting(&self) -> Result<(), Error> {
        let Resources {
            service_accounts,
            config_maps,
            claims,
            services,
            pod_disruption_budgets,
            ..
        } = self.resources;
        let observed = self.observed;
        self.all(&observed.service_accounts, service_accounts).await?;
        self.all(&observed.config_maps, config_maps).await?;
        // A claim that exists is only ever grown.
        for claim in claims
            .iter()
            .filter(|claim| !observed.claims.contains_key(&claim.name_any()))
        {
            self.writer.converge(None, claim).await?;
        }
        self.all(&observed.services, services).await?;
        self.all(&observed.pod_disruption_budgets, pod_disruption_budgets)
            .await
    }

    /// Carries one step out. Bootstraps are not writes to the API server and are done elsewhere.
    pub async fn step(&self, step: &Step) -> Result<(), Error> {
        match step {
            Step::ApplyEngine { engine, replicas } => self.engine(*engine, replicas).await,
            Step::Format(target) => self.format(*target).await,
            Step::Clear(target) => {
                let job = build::hdfs::format_job_name(&self.pipeline.names, *target);
                self.writer.delete::<Job>(&job, None).await
            }
            Step::Record(milestone) => self.record(*milestone).await,
            Step::ApplyWorkers(role) => {
                if *role == Role::Processor {
                    self.all(&self.observed.cron_jobs, &self.resources.cron_jobs)
                        .await?;
                }
                for wanted in self
                    .resources
                    .deployments
                    .iter()
                    .filter(|wanted| wanted.role == *role)
                {
                    let live = self.observed.deployments.get(&wanted.object.name_any());
                    self.writer.converge(live, &wanted.object).await?;
                }
                Ok(())
            }
            // What serves goes as a drain would take it, within its disruption budget: the two never take two members at once.
            Step::Restart {
                pod,
                uid,
                serves: true,
                ..
            } => self.writer.evict(pod, uid).await,
            Step::Restart { pod, uid, .. } => self.writer.delete::<Pod>(pod, Some(uid)).await,
            Step::Bootstrap(_) => Ok(()),
        }
    }

    /// Suspends the CronJobs that there are, and changes nothing else of them: a run changes the archive, which a pause must
    /// not see.
    pub async fn suspend(&self) -> Result<(), Error> {
        for (name, live) in &self.observed.cron_jobs {
            if live.spec.as_ref().and_then(|spec| spec.suspend) != Some(true) {
                let change = json!({"spec": {"suspend": true}});
                self.writer.merge::<CronJob>(name, &change).await?;
            }
        }
        Ok(())
    }

    /// Deletes what this pipeline once needed and needs no longer, such as the Deployment of a shard. Never a store.
    pub async fn orphans(&self) -> Result<(), Error> {
        let deployments: Vec<_> = self
            .resources
            .deployments
            .iter()
            .map(|d| d.object.clone())
            .collect();
        let observed = self.observed;
        self.surplus(&observed.deployments, &deployments).await?;
        self.surplus(&observed.cron_jobs, &self.resources.cron_jobs)
            .await?;
        self.surplus(&observed.config_maps, &self.resources.config_maps)
            .await?;
        self.surplus(&observed.services, &self.resources.services).await?;
        self.surplus(
            &observed.pod_disruption_budgets,
            &self.resources.pod_disruption_budgets,
        )
        .await?;
        self.surplus(&observed.service_accounts, &self.resources.service_accounts)
            .await
    }

    /// Asks for larger volumes where the spec does. Only for classes that can expand; the others are reported.
    pub async fn grow(&self, growing: &[Growth]) -> Result<(), Error> {
        for growth in growing {
            let change = json!({"spec": {"resources": {"requests": {"storage": growth.size}}}});
            self.writer
                .merge::<PersistentVolumeClaim>(&growth.claim, &change)
                .await?;
        }
        Ok(())
    }

    /// Lets the kubelet bring changed symbols to running workers at once, instead of within a minute or two.
    pub async fn note_symbols(&self, behind: &[Behind]) -> Result<(), Error> {
        for Behind { pod, version, .. } in behind.iter().filter(|worker| !worker.noted) {
            let change = json!({"metadata": {"annotations": {SYMBOLS_ANNOTATION: version}}});
            match self.writer.merge::<Pod>(pod, &change).await {
                // A worker that has gone meanwhile comes back with the new symbols.
                Err(error) if error.is_absent() => {}
                written => written?,
            }
        }
        Ok(())
    }

    async fn all<K: Object>(&self, live: &Live<K>, wanted: &[K]) -> Result<(), Error> {
        for object in wanted {
            self.writer.converge(live.get(&object.name_any()), object).await?;
        }
        Ok(())
    }

    async fn surplus<K: Object>(&self, live: &Live<K>, wanted: &[K]) -> Result<(), Error> {
        for (name, object) in live {
            let ours = object
                .owner_references()
                .iter()
                .any(|owner| owner.uid == self.pipeline.owner.uid);
            if ours && !wanted.iter().any(|wanted| wanted.name_any() == *name) {
                self.writer.delete::<K>(name, object.uid().as_deref()).await?;
            }
        }
        Ok(())
    }

    async fn engine(&self, engine: Engine, replicas: &BTreeMap<String, i32>) -> Result<(), Error> {
        for wanted in &self.resources.stateful_sets {
            if Engine::of(wanted.role) != Some(engine) {
                continue;
            }
            let mut object = wanted.object.clone();
            let name = object.name_any();
            let Some(allowed) = replicas.get(&name) else {
                continue;
            };
            if let Some(spec) = object.spec.as_mut() {
                spec.replicas = Some(*allowed);
            }
            self.writer
                .converge(self.observed.stateful_sets.get(&name), &object)
                .await?;
        }
        Ok(())
    }

    /// The claim first: the Job's pod mounts it, and later the NameNode finds it by its name.
    async fn format(&self, target: FormatTarget) -> Result<(), Error> {
        let claim = build::hdfs::name_node_claim(self.pipeline);
        if !self.observed.claims.contains_key(&claim.name_any()) {
            self.writer.converge(None, &claim).await?;
        }
        self.writer
            .converge(None, &build::hdfs::format_job(self.pipeline, target))
            .await
    }

    /// Writes on the volumes concerned what an object that is created again must know.
    async fn record(&self, milestone: Milestone) -> Result<(), Error> {
        let identity = &self.pipeline.facts.identity;
        let engine = milestone.engine();
        for claim in identity::of_roles(milestone.roles(), &self.observed.claims) {
            let mut facts = BTreeMap::from([
                (formed_annotation(), "true".to_owned()),
                (zone_annotation(), zone(claim, engine, identity)),
            ]);
            facts.extend(
                cluster_id(engine, identity).map(|id| (CLUSTER_ID_ANNOTATION.to_owned(), id.to_owned())),
            );
            let known = claim.annotations();
            if facts.iter().all(|(key, value)| known.get(key) == Some(value)) {
                continue;
            }
            self.writer
                .merge::<PersistentVolumeClaim>(
                    &claim.name_any(),
                    &json!({"metadata": {"annotations": facts}}),
                )
                .await?;
        }
        Ok(())
    }
}

fn zone(claim: &PersistentVolumeClaim, engine: Engine, identity: &Identity) -> String {
    let index: Option<usize> = claim
        .labels()
        .get(LABEL_RACK)
        .and_then(|index| index.parse().ok());
    let racks = identity.racks.get(engine.as_str());
    index
        .zip(racks)
        .and_then(|(index, racks)| racks.get(index))
        .cloned()
        .unwrap_or_default()
}

fn cluster_id(engine: Engine, identity: &Identity) -> Option<&str> {
    match engine {
        Engine::Kafka => identity.kafka_cluster_id.as_deref(),
        Engine::Cassandra => None,
        Engine::Hdfs => identity.hdfs_cluster_id.as_deref(),
    }
}

/// A claim that is smaller than the spec asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Name of the claim.
    pub claim: String,
    /// Its storage class.
    pub class: Option<String>,
    /// The size asked for.
    pub size: String,
}

/// The claims that are smaller than the spec asks for.
pub fn growing(pipeline: &ValidatedPipeline, observed: &Observed) -> Vec<Growth> {
    let bytes = |quantity| crds::quantity::bytes(quantity).ok();
    observed
        .claims
        .iter()
        .filter_map(|(name, claim)| {
            let wanted = volume_size(identity::role(claim)?, &pipeline.spec)?;
            let spec = claim.spec.as_ref()?;
            let now = spec.resources.as_ref()?.requests.as_ref()?.get("storage")?;
            let smaller = bytes(now)? < bytes(wanted)? && !same_quantity(&now.0, &wanted.0);
            smaller.then(|| Growth {
                claim: name.clone(),
                class: spec.storage_class_name.clone(),
                size: wanted.0.clone(),
            })
        })
        .collect()
}
