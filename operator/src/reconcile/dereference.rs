//! First step: reads everything that decisions depend on. Only reads.

use std::{collections::BTreeMap, fmt::Debug};

use crds::{
    CryptoPipeline,
    names::{APP_NAME, LABEL_INSTANCE, LABEL_NAME},
};
use jiff::Timestamp;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::{ConfigMap, Node, PersistentVolumeClaim, Pod, Service, ServiceAccount},
        events::v1::Event,
        policy::v1::PodDisruptionBudget,
        storage::v1::StorageClass,
    },
};
use kube::{Api, Client, Resource, ResourceExt, api::ListParams};
use serde::de::DeserializeOwned;
use tracing::warn;

use super::refused_pods;
use crate::placement::Site;

/// Objects of one kind by name.
pub type Live<K> = BTreeMap<String, K>;

/// A pipeline's objects as they are, and the cluster's nodes.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Identities of pods.
    pub service_accounts: Live<ServiceAccount>,
    /// Configuration files.
    pub config_maps: Live<ConfigMap>,
    /// Addresses.
    pub services: Live<Service>,
    /// Limits to drains.
    pub pod_disruption_budgets: Live<PodDisruptionBudget>,
    /// Engines.
    pub stateful_sets: Live<StatefulSet>,
    /// The compactor's.
    pub cron_jobs: Live<CronJob>,
    /// Workers.
    pub deployments: Live<Deployment>,
    /// The Jobs that format, and the compactor's.
    pub jobs: Live<Job>,
    /// Processes.
    pub pods: Live<Pod>,
    /// Disks.
    pub claims: Live<PersistentVolumeClaim>,
    /// Nodes.
    pub sites: Vec<Site>,
    /// Why pods are not created, by name of their StatefulSet, Job or Deployment.
    pub refused_pods: BTreeMap<String, String>,
}

/// The object as it is now; the controller's cache may be older than this process's own last write.
pub async fn object(client: &Client, namespace: &str, name: &str) -> kube::Result<Option<CryptoPipeline>> {
    Api::namespaced(client.clone(), namespace).get_opt(name).await
}

/// Reads everything of a pipeline.
pub async fn observe(client: &Client, namespace: &str, name: &str) -> kube::Result<Observed> {
    let labels = format!("{LABEL_INSTANCE}={name},{LABEL_NAME}={APP_NAME}");
    let of = |client: &Client| (client.clone(), namespace.to_owned(), labels.clone());
    let (
        service_accounts,
        config_maps,
        services,
        pod_disruption_budgets,
        stateful_sets,
        cron_jobs,
        deployments,
        jobs,
        pods,
        claims,
        sites,
    ) = futures::try_join!(
        list(of(client)),
        list(of(client)),
        list(of(client)),
        list(of(client)),
        list(of(client)),
        list(of(client)),
        list(of(client)),
        list(of(client)),
        list(of(client)),
        list(of(client)),
        sites(client.clone()),
    )?;
    let mut observed = Observed {
        service_accounts,
        config_maps,
        services,
        pod_disruption_budgets,
        stateful_sets,
        cron_jobs,
        deployments,
        jobs,
        pods,
        claims,
        sites,
        refused_pods: BTreeMap::new(),
    };
    let events = if refused_pods::are_missing(&observed) {
        events(client, namespace).await.unwrap_or_else(|error| {
            warn!(%error, "cannot read Events, which say why pods are missing");
            vec![]
        })
    } else {
        vec![]
    };
    observed.refused_pods = refused_pods::refused_pods(&observed, &events, Timestamp::now());
    Ok(observed)
}

/// What the controllers of StatefulSets and Jobs said of the pods that they created, or could not.
async fn events(client: &Client, namespace: &str) -> kube::Result<Vec<Event>> {
    let about = |kind: &str| {
        let fields = ListParams::default().fields(&format!("regarding.kind={kind}"));
        let events = Api::<Event>::namespaced(client.clone(), namespace);
        async move { events.list(&fields).await }
    };
    let (sets, jobs) = futures::try_join!(about("StatefulSet"), about("Job"))?;
    Ok(sets.into_iter().chain(jobs).collect())
}

/// Whether volumes of this class can grow. Without such a class, as on a cluster whose volumes are made by hand, they cannot.
pub async fn can_expand(client: &Client, class: &str) -> kube::Result<bool> {
    let class = Api::<StorageClass>::all(client.clone()).get_opt(class).await?;
    Ok(class.and_then(|class| class.allow_volume_expansion) == Some(true))
}

async fn list<K>((client, namespace, labels): (Client, String, String)) -> kube::Result<Live<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + Debug,
{
    let listed = Api::<K>::namespaced(client, &namespace)
        .list(&ListParams::default().labels(&labels))
        .await?;
    Ok(listed
        .into_iter()
        .map(|object| (object.name_any(), object))
        .collect())
}

/// Page by page, keeping of each node only what placement asks for: clusters may be large, the operator stays small.
async fn sites(client: Client) -> kube::Result<Vec<Site>> {
    const PAGE: u32 = 100;
    let nodes = Api::<Node>::all(client);
    let mut sites = vec![];
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let listed = nodes.list(&page).await?;
        let next = listed
            .metadata
            .continue_
            .clone()
            .filter(|token| !token.is_empty());
        sites.extend(listed.into_iter().map(Site::of));
        match next {
            Some(token) => page = ListParams::default().limit(PAGE).continue_token(&token),
            None => return Ok(sites),
        }
    }
}
