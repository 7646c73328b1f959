//! One reconciliation: dereference, validate, build, plan, apply, status. Only the first and the last two touch the
//! network, and nothing sleeps: a wait is a requeue with a reason in the status.

pub mod apply;
#[cfg(test)]
mod autoscaling_tests;
pub mod buffer;
mod compaction;
pub mod data_flow;
mod deletion;
pub mod dereference;
mod execute;
mod facts;
pub mod fill;
mod flow;
mod gap_policy;
pub mod identity;
mod measure;
pub mod refusals;
pub mod refused_pods;
pub mod sites;
pub mod status;
pub mod subset;
pub mod symbols;
#[cfg(test)]
mod tests;
mod transient;
pub mod validate;
pub mod view;
pub mod volumes;

use std::time::Duration;

use crds::{
    CryptoPipeline, CryptoPipelineStatus,
    names::Role,
    status::{Identity, Phase},
};
use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::PersistentVolumeClaim};
use kube::{Resource, ResourceExt, runtime::controller::Action};

use self::{
    data_flow::Answers,
    dereference::{Live, Observed},
    identity::Evidence,
    refusals::Refusals,
    validate::Facts,
};
use crate::{api, bootstrap::Finding, context::Context, events};

/// Time to the next look at a pipeline that is not ready.
const WHILE_CHANGING: Duration = Duration::from_secs(5);
/// Time to the next look at a pipeline that is ready, or waits for a person: how old the figures in `dataFlow` may be.
const WHILE_READY: Duration = Duration::from_secs(15);

/// Why a reconciliation failed. It is tried again with growing pauses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something could not be read.
    #[error("cannot read from the API server: {0}")]
    Read(#[from] kube::Error),
    /// Something could not be written.
    #[error(transparent)]
    Write(#[from] api::Error),
    /// Writes that were refused; everything else was done.
    #[error(transparent)]
    Refused(#[from] Refusals),
    /// The object is not what the CRD describes.
    #[error("the object cannot be read: {0}; correct it")]
    Unreadable(String),
}

impl Error {
    /// Stable reason for conditions, events and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Read(_) => "ApiServerUnavailable",
            Self::Write(error) => error.reason(),
            Self::Refused(_) => "ApplyRefused",
            Self::Unreadable(_) => "Unreadable",
        }
    }
}

/// Reconciles the pipeline of this name.
pub async fn reconcile(context: &Context, namespace: &str, name: &str) -> Result<Action, Error> {
    let Some(object) = dereference::object(&context.client, namespace, name).await? else {
        context.metrics.forget(namespace, name);
        return Ok(Action::await_change());
    };
    // Boxed here and below: many requests at once are a large future.
    let observed = Box::pin(dereference::observe(&context.client, namespace, name)).await?;
    let pass = Pass {
        context,
        namespace,
        object: &object,
    };
    if object.metadata.deletion_timestamp.is_some() {
        return pass.delete(&observed).await;
    }
    let answers = pass.ask(&observed).await;
    let claim_templates = claim_templates(&observed);
    let told = Evidence {
        claims: &observed.claims,
        templates: &claim_templates,
        sites: &observed.sites,
    };
    let identity = match identity::adopt(&object, &told) {
        Ok(identity) => identity,
        Err(unclear) => {
            let why = Finding::new(unclear.reason(), unclear.to_string());
            return pass.watch(Phase::Degraded, &why, &answers).await;
        }
    };
    let facts = Facts {
        racks: identity.racks.clone(),
        identity,
        claim_templates,
        volumes: volumes::volumes(&observed),
        readings: symbols::readings(
            &view::running(&observed, Role::Ingest).collect::<Vec<_>>(),
            &answers.ingest,
        ),
    };
    match validate::validate(&object, facts) {
        Ok(pipeline) => Box::pin(pass.carry_out(pipeline, &observed, &answers)).await,
        Err(invalid) => {
            let why = Finding::new(invalid.reason(), invalid.to_string());
            pass.watch(Phase::Invalid, &why, &answers).await
        }
    }
}

/// Each live StatefulSet's claim template, which is immutable.
fn claim_templates(observed: &Observed) -> Live<PersistentVolumeClaim> {
    let template = |set: &StatefulSet| {
        set.spec
            .as_ref()?
            .volume_claim_templates
            .as_ref()?
            .first()
            .cloned()
    };
    let sets = observed.stateful_sets.iter();
    sets.filter_map(|(name, set)| Some((name.clone(), template(set)?)))
        .collect()
}

/// One reconciliation of one object.
struct Pass<'a> {
    context: &'a Context,
    namespace: &'a str,
    object: &'a CryptoPipeline,
}

impl Pass<'_> {
    fn previous(&self) -> CryptoPipelineStatus {
        self.object.status.clone().unwrap_or_default()
    }

    fn uid(&self) -> String {
        self.object.uid().unwrap_or_default()
    }

    async fn delete(&self, observed: &Observed) -> Result<Action, Error> {
        if !deletion::is_held(self.object) {
            self.context
                .metrics
                .forget(self.namespace, &self.object.name_any());
            self.context.memories.forget(&self.uid());
            return Ok(Action::await_change());
        }
        let writer = self.context.writer(self.namespace);
        match deletion::clean_up(&writer, self.object, observed).await? {
            Some(awaited) => {
                let why = Finding::new("DeletingVolumes", awaited);
                let generation = self.object.metadata.generation;
                let status = status::refused(&self.previous(), generation, Phase::Deleting, &why, now());
                self.publish(&status).await?;
                Ok(Action::requeue(WHILE_CHANGING))
            }
            None => Ok(Action::await_change()),
        }
    }

    /// Says why nothing is carried out, and what the workers that run tell meanwhile.
    async fn watch(&self, phase: Phase, why: &Finding, answers: &Answers) -> Result<Action, Error> {
        let generation = self.object.metadata.generation;
        let flow = self.flow(&self.object.spec, answers);
        let status = status::watched(&self.previous(), generation, phase, why, &flow, now());
        self.publish(&status).await?;
        Ok(Action::requeue(WHILE_READY))
    }

    /// Records the identity before anything is made from it: after a crash it must come out the same.
    async fn record(&self, identity: &Identity) -> Result<(), Error> {
        let previous = self.previous();
        if previous.identity.as_ref() == Some(identity) {
            return Ok(());
        }
        let status = CryptoPipelineStatus {
            identity: Some(identity.clone()),
            ..previous
        };
        Ok(self.write_status(&status).await?)
    }

    /// Writes the status if it says something new, and tells of transitions.
    async fn publish(&self, status: &CryptoPipelineStatus) -> Result<(), Error> {
        let previous = self.previous();
        self.context
            .metrics
            .show(self.namespace, &self.object.name_any(), status);
        if same(&previous, status) {
            return Ok(());
        }
        self.write_status(status).await?;
        for notice in events::transitions(&previous, status) {
            self.tell(notice).await;
        }
        Ok(())
    }

    async fn write_status(&self, status: &CryptoPipelineStatus) -> Result<(), api::Error> {
        self.context
            .writer(self.namespace)
            .status::<CryptoPipeline>(&self.object.name_any(), status)
            .await
    }

    async fn tell(&self, notice: events::Notice) {
        let about = self.object.object_ref(&());
        self.context.events.publish(&about, notice).await;
    }
}

/// Whether two statuses say the same; the API server may reorder conditions.
fn same(left: &CryptoPipelineStatus, right: &CryptoPipelineStatus) -> bool {
    let sorted = |status: &CryptoPipelineStatus| {
        let mut status = status.clone();
        status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
        status
    };
    sorted(left) == sorted(right)
}

/// In whole seconds, as Kubernetes writes times.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
