//! Wrong manifests: the table beside the API's own tests, tried against a real API server and a real operator.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use crds::{CryptoPipeline, status::condition};
use e2e::{cluster::Cluster, pipeline::Pipeline, progress::note, testbed::Testbed};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, PostParams},
};
use serde::Deserialize;
use serde_json::{Value, json};

const NAMESPACE: &str = "cryptopipeline-e2e-wrong";
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds/tests/wrong_manifests.yaml");

/// One row of the table, whose head explains it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrongManifest {
    name: String,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    spec: Value,
    stored_spec: Option<Value>,
    refused_by: Layer,
    expect: String,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
enum Layer {
    Rule,
    Schema,
    Operator,
}

/// Refused with 422 and a message that names the field and the remedy. Creations and updates are dry runs.
pub async fn the_api_server_refuses_wrong_manifests(bed: &Testbed) -> Result<()> {
    let cluster = &bed.cluster;
    cluster.fresh_namespace(NAMESPACE).await?;
    let api = pipelines(cluster);
    let rows: Vec<_> = rows()?
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
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let answer = if let Some(stored) = &row.stored_spec {
        // Paused, so that the operator makes nothing of it.
        let mut object = smallest();
        merge(&mut object["spec"], stored);
        object["spec"]["paused"] = json!(true);
        let stored = api
            .create(&PostParams::default(), &serde_json::from_value(object.clone())?)
            .await?;
        object["metadata"]["resourceVersion"] = json!(stored.resource_version());
        merge(&mut object["spec"], &row.spec);
        let answer = api
            .replace(&stored.name_any(), &dry_run, &serde_json::from_value(object)?)
            .await;
        delete(api, &stored.name_any()).await?;
        answer
    } else {
        api.create(&dry_run, &serde_json::from_value(manifest(row))?)
            .await
    };
    match answer {
        Err(kube::Error::Api(status)) if status.code == 422 => Ok(status.message),
        Err(error) => Err(error.into()),
        Ok(_) => bail!("it was accepted"),
    }
}

/// What only the operator can see is stored and answered by the condition `Ready`.
pub async fn conditions_name_what_the_api_server_cannot_see(bed: &Testbed) -> Result<()> {
    let cluster = &bed.cluster;
    cluster.fresh_namespace(NAMESPACE).await?;
    let api = pipelines(cluster);
    for row in rows()?.iter().filter(|row| row.refused_by == Layer::Operator) {
        let stored = api
            .create(&PostParams::default(), &serde_json::from_value(manifest(row))?)
            .await?;
        let pipeline = Pipeline {
            cluster: cluster.clone(),
            namespace: NAMESPACE.to_owned(),
            name: stored.name_any(),
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

fn rows() -> Result<Vec<WrongManifest>> {
    let text = std::fs::read_to_string(TABLE).with_context(|| format!("reading {TABLE}"))?;
    Ok(serde_yaml::from_str(&text)?)
}

fn smallest() -> Value {
    json!({
        "apiVersion": "cryptopipeline.dev/v1alpha1",
        "kind": "CryptoPipeline",
        "metadata": {"name": "market"},
        "spec": {"ingest": {"symbols": ["BTCUSDT", "ETHUSDT"]}},
    })
}

fn manifest(row: &WrongManifest) -> Value {
    let mut object = smallest();
    merge(&mut object["metadata"], &row.metadata);
    merge(&mut object["spec"], &row.spec);
    object
}

/// JSON merge patch (RFC 7386), where a missing patch changes nothing.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        if !patch.is_null() {
            *target = patch.clone();
        }
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in fields {
        match (value.is_null(), target.as_object_mut()) {
            (true, Some(object)) => drop(object.remove(name)),
            _ => merge(&mut target[name.as_str()], value),
        }
    }
}
