//! A client of the test cluster: the few requests that every part of the harness needs.

use std::{fmt::Debug, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use crds::{
    CryptoPipeline,
    names::{LABEL_MANAGED_BY, MANAGER as OPERATOR},
};
use http::Request;
use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::{Namespace, PersistentVolume, Pod},
};
use kube::{
    Api, Client, Config, Resource, ResourceExt,
    api::{
        ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, TypeMeta,
    },
    config::{KubeConfigOptions, Kubeconfig},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::progress::{Look, until};

/// Field manager of everything that the harness applies.
const MANAGER: &str = "e2e";

/// The cluster that the tests and the demo run on.
#[derive(Clone)]
pub struct Cluster {
    /// A client with the rights of the kubeconfig's user.
    pub client: Client,
}

impl Cluster {
    /// The cluster named by `KUBECONFIG`, never the one in a home folder: tests delete namespaces and kill pods.
    pub async fn connect() -> Result<Self> {
        let kubeconfig = Kubeconfig::from_env()?.context(
            "KUBECONFIG is not set: run `make demo` or `make e2e`, or `source e2e/cluster/env.sh` first",
        )?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        let client = Client::try_from(config)?;
        client
            .apiserver_version()
            .await
            .context("the API server does not answer: run `make cluster`")?;
        Ok(Self { client })
    }

    /// Objects of one kind in a namespace.
    pub fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Objects of one kind in a namespace that carry the labels.
    pub async fn list<K>(&self, namespace: &str, labels: &str) -> Result<Vec<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let params = ListParams::default().labels(labels);
        Ok(self.api(namespace).list(&params).await?.items)
    }

    /// Applies every document of a YAML text in a namespace.
    pub async fn apply(&self, namespace: &str, manifests: &str) -> Result<()> {
        for document in serde_yaml::Deserializer::from_str(manifests) {
            let object = serde_json::Value::deserialize(document)?;
            self.apply_object(namespace, object).await?;
        }
        Ok(())
    }

    async fn apply_object(&self, namespace: &str, object: serde_json::Value) -> Result<()> {
        let types: TypeMeta = serde_json::from_value(object.clone())?;
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types)?);
        let name = object["metadata"]["name"]
            .as_str()
            .context("a manifest without metadata.name")?;
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
        api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&object))
            .await
            .with_context(|| format!("applying {} {name}", resource.kind))?;
        Ok(())
    }

    /// Deletes what is left of an earlier run and makes the namespace, with the strictest pod security standard enforced.
    pub async fn fresh_namespace(&self, name: &str) -> Result<()> {
        self.delete_namespace(name).await?;
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        });
        Api::<Namespace>::all(self.client.clone())
            .patch(name, &PatchParams::apply(MANAGER), &Patch::Apply(namespace))
            .await?;
        Ok(())
    }

    /// Deletes a namespace and waits until it and its volumes are gone. Pipelines go first: a namespace whose pods have a long
    /// grace period is looked at again only after half of that period, however early they end.
    pub async fn delete_namespace(&self, name: &str) -> Result<()> {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        if namespaces.get_opt(name).await?.is_none() {
            return Ok(());
        }
        self.api::<CryptoPipeline>(name)
            .delete_collection(&DeleteParams::default(), &ListParams::default())
            .await?;
        until(
            &format!("pipelines of {name} gone"),
            Duration::from_mins(2),
            async || {
                let pods = self
                    .list::<Pod>(name, &format!("{LABEL_MANAGED_BY}={OPERATOR}"))
                    .await?
                    .len();
                Ok(Look::when(pods == 0, (), format!("{pods} pods left")))
            },
        )
        .await?;
        namespaces.delete(name, &DeleteParams::default()).await?;
        until(
            &format!("namespace {name} gone"),
            Duration::from_mins(5),
            async || {
                let pods = self
                    .api::<Pod>(name)
                    .list(&ListParams::default())
                    .await?
                    .items
                    .len();
                let volumes = self.volumes_of(name).await?;
                let gone = namespaces.get_opt(name).await?.is_none() && volumes == 0;
                Ok(Look::when(
                    gone,
                    (),
                    format!("{pods} pods and {volumes} volumes left"),
                ))
            },
        )
        .await
    }

    async fn volumes_of(&self, namespace: &str) -> Result<usize> {
        let volumes = Api::<PersistentVolume>::all(self.client.clone());
        let claimed = |volume: &PersistentVolume| {
            let claim = volume.spec.as_ref()?.claim_ref.as_ref()?;
            claim.namespace.clone()
        };
        let all = volumes.list(&ListParams::default()).await?;
        Ok(all
            .iter()
            .filter(|volume| claimed(volume).as_deref() == Some(namespace))
            .count())
    }

    /// Names of the pods in a namespace that carry the labels.
    pub async fn pod_names(&self, namespace: &str, labels: &str) -> Result<Vec<String>> {
        let pods = self.list::<Pod>(namespace, labels).await?;
        Ok(pods.iter().map(ResourceExt::name_any).collect())
    }

    /// `GET` through the API server, for instance of a path under `…/pods/<name>:<port>/proxy`.
    pub async fn get(&self, path: &str) -> Result<String> {
        self.send(Request::get(path), Vec::new()).await
    }

    /// `POST` through the API server.
    pub async fn post(&self, path: &str, content_type: &str, body: Vec<u8>) -> Result<String> {
        let request = Request::post(path).header(http::header::CONTENT_TYPE, content_type);
        self.send(request, body).await
    }

    async fn send(&self, request: http::request::Builder, body: Vec<u8>) -> Result<String> {
        let request = request.body(body)?;
        let path = request.uri().to_string();
        let answer = self.client.request_text(request).await;
        answer.with_context(|| format!("request to {path}"))
    }

    /// Runs a command in a container with this as its standard input, and returns what it prints.
    pub async fn exec(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        command: &[&str],
        input: &str,
    ) -> Result<String> {
        let target = [
            "exec",
            "--stdin",
            "--namespace",
            namespace,
            pod,
            "--container",
            container,
            "--",
        ];
        let mut running = Command::new("kubectl")
            .args(target)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = running.stdin.take().context("kubectl without a standard input")?;
        // Beside each other: a command that ends early, or says much first, does not take all of its input.
        let writing = async move { stdin.write_all(input.as_bytes()).await };
        let (written, answer) = tokio::join!(writing, running.wait_with_output());
        let answer = answer?;
        ensure!(
            answer.status.success(),
            "{command:?} in {pod}: {}",
            String::from_utf8_lossy(&answer.stderr)
        );
        written?;
        Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
    }

    /// `GET` of a pod's HTTP port.
    pub async fn get_from_pod(&self, namespace: &str, pod: &str, port: u16, path: &str) -> Result<String> {
        self.get(&format!(
            "/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy{path}"
        ))
        .await
    }
}
