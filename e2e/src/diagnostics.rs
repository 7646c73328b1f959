//! What is kept of a failed test: objects, events and logs, in a folder that is named at the end.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, LogParams},
};

use crate::cluster::Cluster;

/// Group, version and kind of what is kept of a namespace.
const KINDS: [(&str, &str, &str); 13] = [
    ("cryptopipeline.dev", "v1alpha1", "CryptoPipeline"),
    ("", "v1", "Event"),
    ("", "v1", "Pod"),
    ("", "v1", "Service"),
    ("", "v1", "ConfigMap"),
    ("", "v1", "PersistentVolumeClaim"),
    ("", "v1", "ServiceAccount"),
    ("apps", "v1", "StatefulSet"),
    ("apps", "v1", "Deployment"),
    ("batch", "v1", "Job"),
    ("policy", "v1", "PodDisruptionBudget"),
    ("discovery.k8s.io", "v1", "EndpointSlice"),
    ("coordination.k8s.io", "v1", "Lease"),
];

/// Writes everything about these namespaces to `out/e2e/<test>/<namespace>` and returns that folder. What cannot be read is left out: a
/// broken cluster is what this is for.
pub async fn collect(cluster: &Cluster, test: &str, namespaces: &[&str]) -> Result<PathBuf> {
    let root = crate::folder().with_file_name("out");
    let folder = root.join("e2e").join(test.replace("::", "/"));
    for namespace in namespaces {
        let into = folder.join(namespace);
        fs::create_dir_all(&into)?;
        for (group, version, kind) in KINDS {
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
            let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), namespace, &resource);
            if let Ok(list) = api.list(&ListParams::default()).await {
                fs::write(
                    into.join(format!("{kind}.yaml")),
                    serde_yaml::to_string(&list.items)?,
                )?;
            }
        }
        let pods = cluster.list::<Pod>(namespace, "").await.unwrap_or_default();
        join_all(pods.iter().map(|pod| logs(cluster, namespace, pod, &into))).await;
    }
    Ok(folder)
}

async fn logs(cluster: &Cluster, namespace: &str, pod: &Pod, into: &Path) {
    let api: Api<Pod> = cluster.api(namespace);
    let spec = pod.spec.as_ref();
    let containers = spec.into_iter().flat_map(|spec| {
        let init = spec.init_containers.as_deref().unwrap_or_default();
        init.iter().chain(&spec.containers)
    });
    for container in containers {
        for (previous, suffix) in [(false, ""), (true, ".previous")] {
            let params = LogParams {
                container: Some(container.name.clone()),
                previous,
                ..LogParams::default()
            };
            if let Ok(text) = api.logs(&pod.name_any(), &params).await {
                let file = format!("{}.{}{suffix}.log", pod.name_any(), container.name);
                // A full disk must not hide the failure that is being told.
                fs::write(into.join(file), text).ok();
            }
        }
    }
}
