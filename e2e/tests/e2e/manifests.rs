//! Wrong manifests: the table beside the API's own tests, tried against a real API server and a real operator.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use crds::{CryptoPipeline, status::condition};
use e2e::{cluster::Cluster, pipeline::Pipeline, progress::note, testbed::Testbed};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

#[path = "../../../crds/tests/api/wrong_manifests.rs"]
mod wrong_manifests;
use wrong_manifests::{Layer, WrongManifest, wrong_manifests};

const NAMESPACE: &str = "cryptopipeline-e2e-wrong";

/// Refused with 422 and a message that names the field and the remedy. Creations and updates are dry runs.
pub async fn the_api_server_refuses_wrong_manifests(bed: &Testbed) -> Result<()> {
    let cluster = &bed.cluster;
    cluster.fresh_namespace(NAMESPACE).await?;
    let api = pipelines(cluster);
    let rows: Vec<_> = wrong_manifests()?
        .into_iter()
        .filter(|row| row.refused_by != Layer::Operator)
        .collect();
    ensure!(rows.len() >= 25, "the table has only {} rows", rows.len());
    for row in &rows {
        let message = refusal(&api, row).await.with_context(|| row.name.clone())?;
        ensure!(
            message.contains(&row.expect),
            "{}: `{}` is expected, the API server said: {message}",
            row.name,
            row.expect
        );
    }
    note(format_args!(
        "{} wrong manifests refused, each with its remedy",
        rows.len()
    ));
    cluster.delete_namespace(NAMESPACE).await
}

async fn refusal(api: &Api<DynamicObject>, row: &WrongManifest) -> Result<String> {
    let (stored, wrong) = row.objects();
    let answer = if let Some(mut stored) = stored {
        // Paused, so that the operator makes nothing of it.
        stored["spec"]["paused"] = json!(true);
        let name = create(api, stored).await?;
        let dry_run = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        let change = json!({"spec": row.spec});
        let answer = api.patch(&name, &dry_run, &Patch::Merge(change)).await;
        delete(api, &name).await?;
        answer
    } else {
        let dry_run = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        api.create(&dry_run, &serde_json::from_value(wrong)?).await
    };
    match answer {
        Err(kube::Error::Api(status)) if status.code == 422 => Ok(status.message),
        Err(error) => Err(error.into()),
        Ok(_) => bail!("it was accepted"),
    }
}

/// Returns the object's name.
async fn create(api: &Api<DynamicObject>, object: Value) -> Result<String> {
    let stored = api
        .create(&PostParams::default(), &serde_json::from_value(object)?)
        .await?;
    Ok(stored.name_any())
}

/// What only the operator can see is stored and answered by the condition `Ready`.
pub async fn conditions_name_what_the_api_server_cannot_see(bed: &Testbed) -> Result<()> {
    let cluster = &bed.cluster;
    cluster.fresh_namespace(NAMESPACE).await?;
    let api = pipelines(cluster);
    for row in wrong_manifests()?
        .iter()
        .filter(|row| row.refused_by == Layer::Operator)
    {
        let pipeline = Pipeline {
            cluster: cluster.clone(),
            namespace: NAMESPACE.to_owned(),
            name: create(&api, row.objects().1).await?,
        };
        let refused = pipeline.wait_condition(condition::READY, Duration::from_secs(30), |ready| {
            ready.status == "False" && ready.message.contains(&row.expect)
        });
        refused
            .await
            .with_context(|| format!("{}: `{}` is expected", row.name, row.expect))?;
        delete(&api, &pipeline.name).await?;
        note(&row.name);
    }
    cluster.delete_namespace(NAMESPACE).await
}

async fn delete(api: &Api<DynamicObject>, name: &str) -> Result<()> {
    api.delete(name, &DeleteParams::default()).await?;
    e2e::progress::until("deletion", Duration::from_secs(30), async || {
        let gone = api.get_opt(name).await?.is_none();
        Ok(e2e::progress::Look::when(gone, (), name))
    })
    .await
}

fn pipelines(cluster: &Cluster) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<CryptoPipeline>(&());
    Api::namespaced_with(cluster.client.clone(), NAMESPACE, &resource)
}
