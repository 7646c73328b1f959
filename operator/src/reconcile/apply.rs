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
use serde_json::{Value, json};

use super::{
    dereference::{Live, Observed},
    identity::{self, formed_annotation, zone_annotation},
    refusals::{Component, Refusals},
    symbols::{Behind, SYMBOLS_ANNOTATION},
    validate::ValidatedPipeline,
    volumes::Growth,
};
use crate::{
    api::{Error, Object, Writer},
    build::{self, CLUSTER_ID_ANNOTATION, KEPT_ANNOTATIONS, Resources},
    engine::Engine,
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
    /// The writes that were refused.
    pub refusals: Refusals,
}

impl Applier<'_> {
    /// Applies what pods refer to, before any pod exists that refers to it.
    pub async fn supporting(&mut self) -> Result<(), Error> {
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
            let written = self.writer.converge(None, claim).await;
            self.refusals.note(Component::of_object(claim), written)?;
        }
        self.all(&observed.services, services).await?;
        // No pod refers to a budget.
        for budget in pod_disruption_budgets {
            let live = observed.pod_disruption_budgets.get(&budget.name_any());
            let written = self.writer.converge(live, budget).await;
            self.refusals.note(None, written)?;
        }
        Ok(())
    }

    /// Carries one step out and says whether that was done. Bootstraps are not writes to the API server and are done elsewhere.
    pub async fn step(&mut self, step: &Step) -> Result<bool, Error> {
        let needs = match step {
            Step::ApplyEngine { engine, .. } => Some(Component::Engine(*engine)),
            Step::Format(_) => Some(Component::Engine(Engine::Hdfs)),
            Step::ApplyWorkers(role) => Some(Component::Workers(*role)),
            _ => None,
        };
        if needs.is_some_and(|component| self.refusals.hold(component)) {
            return Ok(false);
        }
        match step {
            Step::ApplyEngine { engine, replicas } => self.engine(*engine, replicas).await,
            Step::ApplyWorkers(role) => self.workers(*role).await,
            Step::Format(target) => {
                let written = self.format(*target).await;
                self.refusals.note(needs, written)
            }
            Step::Clear(target) => {
                let job = build::hdfs::format_job_name(&self.pipeline.names, *target);
                let written = self.writer.delete::<Job>(&job, None).await;
                self.refusals.note(None, written)
            }
            Step::Record(milestone) => {
                let written = self.record(*milestone).await;
                self.refusals.note(None, written)
            }
            // What serves goes as a drain would take it, within its disruption budget: the two never take two members at once.
            Step::Restart {
                pod,
                uid,
                serves: true,
                ..
            } => match self.writer.evict(pod, uid).await {
                Ok(evicted) => Ok(evicted),
                Err(error) => self.refusals.note(None, Err(error)),
            },
            Step::Restart { pod, uid, .. } => {
                let written = self.writer.delete::<Pod>(pod, Some(uid)).await;
                self.refusals.note(None, written)
            }
            Step::Bootstrap(_) => Ok(true),
        }
    }

    /// Deletes a worker's pod on a node that is gone, so that another is made elsewhere. The object stays until the node is back.
    /// Says whether it was done.
    pub async fn take_off(&mut self, pod: &Pod) -> Result<bool, Error> {
        let uid = pod.uid();
        let deleted = self.writer.delete::<Pod>(&pod.name_any(), uid.as_deref()).await;
        self.refusals.note(None, deleted)
    }

    /// Suspends the CronJobs that there are, and changes nothing else of them: a run changes the archive, which a pause must
    /// not see.
    pub async fn suspend(&mut self) -> Result<(), Error> {
        for (name, live) in &self.observed.cron_jobs {
            if live.spec.as_ref().and_then(|spec| spec.suspend) != Some(true) {
                let change = json!({"spec": {"suspend": true}});
                let written = self.writer.merge::<CronJob>(name, &change).await;
                self.refusals.note(None, written)?;
            }
        }
        Ok(())
    }

    /// Deletes what this pipeline once needed and needs no longer, such as the Deployment of a shard. Never a store. What a
    /// component has is left to it where something that replaces it may just have been refused.
    pub async fn orphans(&mut self) -> Result<(), Error> {
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
    pub async fn grow(&mut self, growing: &[Growth]) -> Result<(), Error> {
        for growth in growing {
            let change = json!({"spec": {"resources": {"requests": {"storage": growth.size}}}});
            self.change_claim(&growth.claim, &change).await?;
        }
        Ok(())
    }

    /// Puts the annotations that keep tools from pruning on claims that lack them: older versions made them without. What a user
    /// has written there stays.
    pub async fn keep_claims(&mut self) -> Result<(), Error> {
        for (name, claim) in &self.observed.claims {
            let lacking: BTreeMap<_, _> = KEPT_ANNOTATIONS
                .into_iter()
                .filter(|(key, _)| !claim.annotations().contains_key(*key))
                .collect();
            if !lacking.is_empty() {
                self.change_claim(name, &json!({"metadata": {"annotations": lacking}}))
                    .await?;
            }
        }
        Ok(())
    }

    async fn change_claim(&mut self, name: &str, change: &Value) -> Result<(), Error> {
        let written = self.writer.merge::<PersistentVolumeClaim>(name, change).await;
        self.refusals.note(None, written).map(drop)
    }

    /// Lets the kubelet bring changed symbols to running workers at once, instead of within a minute or two.
    pub async fn note_symbols(&mut self, behind: &[Behind]) -> Result<(), Error> {
        for Behind { pod, version, .. } in behind.iter().filter(|worker| !worker.noted) {
            let change = json!({"metadata": {"annotations": {SYMBOLS_ANNOTATION: version}}});
            match self.writer.merge::<Pod>(pod, &change).await {
                // A worker that has gone meanwhile comes back with the new symbols.
                Err(error) if error.is_absent() => {}
                written => {
                    self.refusals.note(None, written)?;
                }
            }
        }
        Ok(())
    }

    async fn all<K: Object>(&mut self, live: &Live<K>, wanted: &[K]) -> Result<(), Error> {
        for object in wanted {
            let written = self.writer.converge(live.get(&object.name_any()), object).await;
            self.refusals.note(Component::of_object(object), written)?;
        }
        Ok(())
    }

    async fn surplus<K: Object>(&mut self, live: &Live<K>, wanted: &[K]) -> Result<(), Error> {
        for (name, object) in live {
            let ours = object
                .owner_references()
                .iter()
                .any(|owner| owner.uid == self.pipeline.owner.uid);
            let held = Component::of_object(object).is_some_and(|component| self.refusals.hold(component));
            if ours && !held && !wanted.iter().any(|wanted| wanted.name_any() == *name) {
                let deleted = self.writer.delete::<K>(name, object.uid().as_deref()).await;
                self.refusals.note(None, deleted)?;
            }
        }
        Ok(())
    }

    async fn engine(&mut self, engine: Engine, replicas: &BTreeMap<String, i32>) -> Result<bool, Error> {
        let mut done = true;
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
            let written = self
                .writer
                .converge(self.observed.stateful_sets.get(&name), &object)
                .await;
            done &= self.refusals.note(Some(Component::Engine(engine)), written)?;
        }
        Ok(done)
    }

    async fn workers(&mut self, role: Role) -> Result<bool, Error> {
        if role == Role::Processor {
            self.all(&self.observed.cron_jobs, &self.resources.cron_jobs)
                .await?;
        }
        let mut done = true;
        let wanted = self.resources.deployments.iter();
        for wanted in wanted.filter(|wanted| wanted.role == role) {
            let live = self.observed.deployments.get(&wanted.object.name_any());
            let written = self.writer.converge(live, &wanted.object).await;
            done &= self.refusals.note(Some(Component::Workers(role)), written)?;
        }
        Ok(done)
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
        Engine::Cassandra => identity.cassandra_cluster_name.as_deref(),
        Engine::Hdfs => identity.hdfs_cluster_id.as_deref(),
    }
}
