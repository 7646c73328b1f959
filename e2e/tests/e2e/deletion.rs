//! The object is deleted and made again: its volumes outlive it, with everything in them.

use std::{collections::BTreeSet, fmt::Debug, time::Duration};

use anyhow::{Result, ensure};
use e2e::{
    audit,
    progress::{Look, note, until},
    proof::{self, Copies},
    sim,
    stream::Stream,
    testbed::{READY_LIMIT, Testbed},
};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, StatefulSet},
        batch::v1::Job,
        core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount},
        policy::v1::PodDisruptionBudget,
    },
};
use kube::{Resource, ResourceExt, api::PostParams};
use serde::de::DeserializeOwned;

/// Exactly the claims are left; a new object of the same name finds every trade, and new trades flow.
pub async fn volumes_stay_and_are_adopted(bed: &Testbed) -> Result<()> {
    let pipeline = &bed.pipeline;
    let listed = sim::LISTED.map(str::to_owned);
    let ledger = bed.sim.wait_finished(&listed).await?;
    audit::prove(pipeline, &listed, |report| {
        proof::complete(report, &ledger, &listed, Copies::None)
    })
    .await?;
    let before = audit::report(pipeline, &[]).await?;
    let claims = names::<PersistentVolumeClaim>(bed).await?;
    ensure!(!claims.is_empty(), "no claim carries the pipeline's label");

    let mut object = pipeline.get().await?;
    pipeline.delete().await?;
    until("only volumes left", Duration::from_mins(1), async || {
        let left = leftovers(bed).await?;
        Ok(Look::when(left.is_empty(), (), format!("{left:?}")))
    })
    .await?;
    let kept = names::<PersistentVolumeClaim>(bed).await?;
    ensure!(kept == claims, "the claims were {claims:?} and are {kept:?}");
    note(format_args!("{} claims are left, and nothing else", kept.len()));

    object.metadata = kube::api::ObjectMeta {
        name: object.metadata.name,
        ..kube::api::ObjectMeta::default()
    };
    object.status = None;
    pipeline.api().create(&PostParams::default(), &object).await?;
    pipeline.wait_ready(READY_LIMIT).await?;
    let adopted = names::<PersistentVolumeClaim>(bed).await?;
    ensure!(
        adopted == claims,
        "the claims were {claims:?} and are {adopted:?}"
    );
    audit::prove(pipeline, &[], |after| proof::unchanged(&before, after)).await?;
    note(format_args!(
        "all trades of {} symbols are still there",
        before.symbols.len()
    ));

    let stream = Stream::open(pipeline, &bed.sim, "AGAIN").await?;
    stream.flow(100).await?;
    stream.end_complete().await
}

/// Everything but claims that carries the pipeline's label.
async fn leftovers(bed: &Testbed) -> Result<BTreeSet<String>> {
    let mut left = names::<StatefulSet>(bed).await?;
    left.extend(names::<Deployment>(bed).await?);
    left.extend(names::<Job>(bed).await?);
    left.extend(names::<Service>(bed).await?);
    left.extend(names::<ConfigMap>(bed).await?);
    left.extend(names::<Secret>(bed).await?);
    left.extend(names::<ServiceAccount>(bed).await?);
    left.extend(names::<PodDisruptionBudget>(bed).await?);
    Ok(left)
}

async fn names<K>(bed: &Testbed) -> Result<BTreeSet<String>>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let objects: Vec<K> = bed
        .cluster
        .list(&bed.pipeline.namespace, &bed.pipeline.labels())
        .await?;
    Ok(objects
        .iter()
        .map(|object| format!("{} {}", K::kind(&()), object.name_any()))
        .collect())
}
