//! A cluster with two sites, and what Kubernetes' own controllers do in it.

use std::sync::Arc;

use crds::{CryptoPipeline, CryptoPipelineStatus, status::Phase};
use kube::runtime::controller::Action;
use serde_json::{Value, json};

use super::{ApiServer, Engines, Workers};
use crate::{
    bootstrap::Memories,
    context::Context,
    events::Events,
    metrics::Metrics,
    reconcile::{self, Error},
};

pub const NAMESPACE: &str = "cryptopipeline-demo";
pub const NAME: &str = "market";

/// A cluster, an operator in it, and the pipeline of `examples/demo.yaml`.
pub struct Cluster {
    pub api: ApiServer,
    pub engines: Engines,
    pub operator: Context,
    /// How many pods a quota lets be; `None` without one.
    pub pod_quota: Option<usize>,
}

impl Cluster {
    /// Two nodes on each site. The pipeline is not created yet.
    pub fn new() -> Self {
        let api = ApiServer::default();
        for (name, site, zone_label, zone) in [
            ("cloud-1", "cloud", "topology.kubernetes.io/zone", "cloud-a"),
            ("cloud-2", "cloud", "topology.kubernetes.io/zone", "cloud-b"),
            ("on-prem-1", "on-prem", "cryptopipeline.dev/rack", "rack-a"),
            ("on-prem-2", "on-prem", "cryptopipeline.dev/rack", "rack-b"),
        ] {
            let labels = json!({"cryptopipeline.dev/site": site, zone_label: zone});
            let node =
                json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
            api.put(&format!("/api/v1/nodes/{name}"), node);
        }
        let engines = Engines::default();
        let operator = operator(&api, &engines);
        Self {
            api,
            engines,
            operator,
            pod_quota: None,
        }
    }

    /// The pipeline's path.
    pub fn pipeline_path() -> String {
        format!("/apis/cryptopipeline.dev/v1alpha1/namespaces/{NAMESPACE}/cryptopipelines/{NAME}")
    }

    /// Creates the pipeline of the demo, or changes its spec.
    pub fn apply(&self, change: impl FnOnce(&mut Value)) {
        let path = Self::pipeline_path();
        let mut object = self.api.get(&path).unwrap_or_else(|| {
            let example = format!("{}/../examples/demo.yaml", env!("CARGO_MANIFEST_DIR"));
            serde_yaml::from_str(&std::fs::read_to_string(example).unwrap()).unwrap()
        });
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(fresh_uid());
        }
        change(&mut object["spec"]);
        self.api.put(&path, object);
    }

    /// The pipeline as it is.
    pub fn pipeline(&self) -> CryptoPipeline {
        serde_json::from_value(self.api.get(&Self::pipeline_path()).unwrap()).unwrap()
    }

    pub fn status(&self) -> CryptoPipelineStatus {
        self.pipeline().status.unwrap_or_default()
    }

    /// Reason of a condition, and whether it holds.
    pub fn condition(&self, type_: &str) -> (bool, String) {
        let status = self.status();
        let condition = status.conditions.iter().find(|c| c.type_ == type_).unwrap();
        (condition.status == "True", condition.reason.clone())
    }

    /// A new operator process: it remembers nothing.
    pub fn restart_operator(&mut self) {
        self.operator = operator(&self.api, &self.engines);
    }

    pub async fn reconcile(&self) -> Result<Action, Error> {
        reconcile::reconcile(&self.operator, NAMESPACE, NAME).await
    }

    /// Reconciles, letting Kubernetes catch up in between, until the pipeline is ready.
    pub async fn converge(&mut self, mut between: impl FnMut(&mut Self)) {
        for _ in 0..60 {
            self.reconcile().await.unwrap();
            self.catch_up();
            between(self);
            if self.status().phase == Some(Phase::Ready) && self.is_current() {
                return;
            }
        }
        panic!("not ready: {:#?}", self.status());
    }

    fn is_current(&self) -> bool {
        self.status().observed_generation == self.pipeline().metadata.generation
    }

    /// What Kubernetes' controllers do: pods and claims of StatefulSets, pods of Deployments, completed Jobs.
    pub fn catch_up(&self) {
        for (path, set) in self.api.find("/statefulsets/") {
            self.run_stateful_set(&path, set);
        }
        for (path, deployment) in self.api.find("/deployments/") {
            self.run_deployment(&path, deployment);
        }
        for (path, mut job) in self.api.find("/jobs/") {
            let name = job["metadata"]["name"].as_str().unwrap().to_owned();
            if self.is_full() {
                self.say("Job", &name, "FailedCreate");
            } else if job["status"].is_null() {
                job["status"] = json!({"conditions": [{"type": "Complete", "status": "True"}]});
                self.api.put(&path, job);
            }
        }
    }

    fn run_stateful_set(&self, path: &str, mut set: Value) {
        let name = set["metadata"]["name"].as_str().unwrap().to_owned();
        let template = set["spec"]["template"].clone();
        let revision = revision(&template);
        let replicas = set["spec"]["replicas"].as_i64().unwrap();
        for ordinal in 0..replicas {
            let pod = format!("{name}-{ordinal}");
            self.create_pod(&pod, &template, "StatefulSet", &name, &revision);
            let claim_path = core("persistentvolumeclaims", &format!("data-{pod}"));
            if self.api.get(&claim_path).is_none() {
                let mut claim = set["spec"]["volumeClaimTemplates"][0].clone();
                claim["metadata"]["name"] = json!(format!("data-{pod}"));
                self.api.put(&claim_path, claim);
            }
        }
        for (path, pod) in self.api.find(&format!("/pods/{name}-")) {
            let ordinal = path
                .rsplit('-')
                .next()
                .and_then(|ordinal| ordinal.parse::<i64>().ok());
            let ours = pod["metadata"]["ownerReferences"][0]["name"] == json!(name);
            if ours && ordinal.is_some_and(|ordinal| ordinal >= replicas) {
                self.api.remove(&path);
            }
        }
        let status = json!({"observedGeneration": set["metadata"]["generation"], "updateRevision": revision,
                            "replicas": replicas, "readyReplicas": replicas});
        if set["status"] != status {
            set["status"] = status;
            self.api.put(path, set);
        }
    }

    fn run_deployment(&self, path: &str, mut deployment: Value) {
        let name = deployment["metadata"]["name"].as_str().unwrap().to_owned();
        let template = deployment["spec"]["template"].clone();
        let replicas = deployment["spec"]["replicas"].as_i64().unwrap();
        let created = (0..replicas)
            .filter(|number| {
                self.create_pod(&format!("{name}-{number}"), &template, "ReplicaSet", &name, "1")
            })
            .count();
        let mut status = json!({"observedGeneration": deployment["metadata"]["generation"], "replicas": created,
                                "updatedReplicas": created, "readyReplicas": created});
        if i64::try_from(created).unwrap() < replicas {
            status["conditions"] = json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                                           "message": "exceeded quota: small"}]);
        }
        if deployment["status"] != status {
            deployment["status"] = status;
            self.api.put(path, deployment);
        }
    }

    fn is_full(&self) -> bool {
        let pods = self.api.find("/pods/").len();
        self.pod_quota.is_some_and(|quota| pods >= quota)
    }

    /// The Event of a controller about the pods that it creates.
    fn say(&self, kind: &str, name: &str, reason: &str) {
        let path = format!("/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events/{name}.{reason}");
        let event = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": format!("{name}.{reason}")},
            "regarding": {"kind": kind, "name": name}, "reason": reason, "type": "Warning",
            "note": "exceeded quota: small", "deprecatedLastTimestamp": jiff::Timestamp::now().to_string(),
        });
        self.api.put(&path, event);
    }

    /// Whether the pod is there, perhaps since now.
    fn create_pod(
        &self,
        name: &str,
        template: &Value,
        owner_kind: &str,
        owner: &str,
        revision: &str,
    ) -> bool {
        let path = core("pods", name);
        if self.api.get(&path).is_some() {
            return true;
        }
        if self.is_full() {
            self.say(owner_kind, owner, "FailedCreate");
            return false;
        }
        let mut labels = template["metadata"]["labels"].clone();
        labels["controller-revision-hash"] = json!(revision);
        let owner = json!({"apiVersion": "apps/v1", "kind": owner_kind, "name": owner, "uid": owner});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels, "ownerReferences": [owner]},
            // Where its worker is asked: the name is address enough here.
            "status": {"podIP": name, "conditions": [{"type": "Ready", "status": "True"}]},
        });
        self.api.put(&path, pod);
        true
    }
}

/// Path of an object of the core group.
pub fn core(kind: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{NAMESPACE}/{kind}/{name}")
}

fn revision(template: &Value) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    template.to_string().hash(&mut hasher);
    format!("{:x}", hasher.finish())
}

fn fresh_uid() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!(
        "2f0f3c1e-5a55-4c0b-9f43-{:012x}",
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

fn operator(api: &ApiServer, engines: &Engines) -> Context {
    let client = api.client();
    let metrics = Metrics::new();
    Context {
        events: Events::new(client.clone(), "operator-0", metrics.clone()),
        client,
        metrics,
        topics: Arc::new(engines.clone()),
        schema: Arc::new(engines.clone()),
        archive: Arc::new(engines.clone()),
        name_nodes: Arc::new(engines.clone()),
        rings: Arc::new(engines.clone()),
        connector: Arc::new(engines.clone()),
        disks: Arc::new(engines.clone()),
        workers: Arc::new(Workers::new(api.clone(), engines.clone())),
        memories: Memories::default(),
    }
}
