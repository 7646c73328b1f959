//! Programs that run to their end inside the cluster, where the engines' host names can be resolved.

use std::time::Duration;

use anyhow::{Context, Result};
use crds::spec::Images;
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, LogParams, PostParams},
};
use serde_json::json;

use crate::{
    cluster::Cluster,
    progress::{Look, until},
};

/// What to run.
#[derive(Clone, Debug)]
pub struct Program<'a> {
    /// Prefix of the Job's name.
    pub name: &'a str,
    /// Name of one of this project's images.
    pub image: &'a str,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// A ConfigMap, mounted where the workers look for theirs.
    pub config_map: String,
    /// The longest time it may take.
    pub limit: Duration,
}

/// How it ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Exit code 0.
    pub succeeded: bool,
    /// What it wrote to its outputs.
    pub output: String,
}

/// The full name of an image that is made of this workspace.
pub fn image(name: &str) -> String {
    format!("{}:{}", repository(name), env!("CARGO_PKG_VERSION"))
}

/// The name of one of this project's images, without its tag.
pub fn repository(name: &str) -> String {
    format!("{}/{name}", Images::default().registry)
}

/// Runs a program as a Job and deletes the Job afterwards.
pub async fn run(cluster: &Cluster, namespace: &str, program: &Program<'_>) -> Result<Outcome> {
    let jobs: Api<Job> = cluster.api(namespace);
    let job = jobs.create(&PostParams::default(), &render(program)?).await?;
    let name = job.name_any();
    let ended = until(&format!("end of Job {name}"), program.limit, async || {
        let status = jobs.get_status(&name).await?.status.unwrap_or_default();
        let ended = status.succeeded.or(status.failed).is_some();
        Ok(Look::when(ended, status.succeeded.is_some(), "running"))
    })
    .await;
    let output = logs(cluster, namespace, &name).await;
    let succeeded = ended.with_context(|| output.as_ref().map_or_else(ToString::to_string, Clone::clone))?;
    jobs.delete(&name, &DeleteParams::background()).await?;
    Ok(Outcome {
        succeeded,
        output: output?,
    })
}

async fn logs(cluster: &Cluster, namespace: &str, job: &str) -> Result<String> {
    let pods = cluster
        .pod_names(namespace, &format!("batch.kubernetes.io/job-name={job}"))
        .await?;
    let pod = pods.first().with_context(|| format!("Job {job} has no pod"))?;
    let text = cluster
        .api::<Pod>(namespace)
        .logs(pod, &LogParams::default())
        .await?;
    Ok(text)
}

fn render(program: &Program<'_>) -> Result<Job> {
    Ok(serde_json::from_value(json!({
        "metadata": {"generateName": format!("{}-", program.name)},
        "spec": {
            "backoffLimit": 0,
            "template": {"spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": false,
                "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{
                    "name": program.name,
                    "image": image(program.image),
                    "command": program.command,
                    "env": [{"name": "HOME", "value": "/tmp"}],
                    "volumeMounts": [
                        {"name": "config", "mountPath": "/etc/cryptopipeline", "readOnly": true},
                        {"name": "tmp", "mountPath": "/tmp"},
                    ],
                    "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "2Gi"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": false,
                        "readOnlyRootFilesystem": true,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }],
                "volumes": [
                    {"name": "config", "configMap": {"name": program.config_map}},
                    {"name": "tmp", "emptyDir": {}},
                ],
            }},
        },
    }))?)
}
