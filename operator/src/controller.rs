//! Watches: which changes lead to a reconciliation, and what happens when one fails.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crds::{
    CryptoPipeline,
    names::{LABEL_MANAGED_BY, MANAGER},
};
use futures::{StreamExt, future};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    batch::v1::Job,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DeserializeGuard, NamespaceResourceScope},
    runtime::{
        Controller, Predicate, PredicateConfig, WatchStreamExt,
        controller::{self, Action, Config},
        predicates, reflector, watcher,
    },
};
use tracing::{error, warn};

use crate::{
    context::Context,
    events::Notice,
    http::Readiness,
    reconcile::{self, Error},
};

/// Pipelines that are reconciled at the same time.
const CONCURRENCY: u16 = 4;
/// Changes that come together are answered together.
const DEBOUNCE: Duration = Duration::from_millis(300);
/// Pause after the first failure; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// One broken object must not stop the watch of all others.
type Guarded = DeserializeGuard<CryptoPipeline>;

/// Runs until `stop` resolves; then running reconciliations are finished.
///
/// A pipeline's own status is not a reason to look at it again: only its generation, annotations and finalizers are.
/// What the operator made is watched in full, so that a pod that becomes ready is seen by its StatefulSet's status.
/// Pods, nodes and volumes are looked at with each reconciliation.
pub async fn run(
    context: Arc<Context>,
    watch_namespace: Option<&str>,
    readiness: Readiness,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let client = context.client.clone();
    let pipelines: Api<Guarded> = api(&client, watch_namespace);
    let ours = watcher::Config::default().labels(&format!("{LABEL_MANAGED_BY}={MANAGER}"));
    let (reader, writer) = reflector::store();
    let changes = predicates::generation
        .combine(predicates::annotations)
        .combine(predicates::finalizers);
    let stream = watcher(pipelines, watcher::Config::default())
        .default_backoff()
        .reflect(writer)
        .applied_objects()
        .predicate_filter(changes, PredicateConfig::default());
    let synced = reader.clone();
    let announce = async move {
        if synced.wait_until_ready().await.is_ok() {
            readiness.set(true);
        }
    };
    let controller = Controller::for_stream(stream, reader)
        .owns(api::<StatefulSet>(&client, watch_namespace), ours.clone())
        .owns(api::<Deployment>(&client, watch_namespace), ours.clone())
        .owns(api::<Job>(&client, watch_namespace), ours)
        .graceful_shutdown_on(stop);
    futures::join!(announce, drive(controller, context));
}

/// Reconciles what the controller is triggered for, until it ends.
async fn drive(controller: Controller<Guarded>, context: Arc<Context>) {
    controller
        .with_config(Config::default().concurrency(CONCURRENCY).debounce(DEBOUNCE))
        .run(reconcile, pause, context.clone())
        .for_each(|result| {
            match result {
                // No reconciliation is run for an object that is gone: this is the last that is heard of it.
                Err(controller::Error::ObjectNotFound(gone)) => {
                    let namespace = gone.namespace.as_deref().unwrap_or_default();
                    context.metrics.forget(namespace, &gone.name);
                }
                Err(controller::Error::QueueError(error)) => {
                    warn!(%error, "a watch is interrupted and starts again");
                }
                // A failed reconciliation has been logged already.
                _ => {}
            }
            future::ready(())
        })
        .await;
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

async fn reconcile(object: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Error> {
    let started = Instant::now();
    let namespace = object.namespace().unwrap_or_default();
    let name = object.name_any();
    let result = match &object.0 {
        Ok(_) => reconcile::reconcile(&context, &namespace, &name).await,
        Err(invalid) => Err(Error::Unreadable(invalid.to_string())),
    };
    context.metrics.reconciled(started.elapsed());
    match &result {
        Ok(_) => context.memories.with(&uid(&object), |memory| memory.failures = 0),
        Err(error) => {
            let reason = error.reason();
            if error.is_transient() {
                warn!(namespace, name, reason, %error, "reconciliation failed and is tried again");
            } else {
                error!(namespace, name, reason, %error, "reconciliation failed");
            }
            context.metrics.failed(reason);
            if let Error::Unreadable(_) = error {
                let notice = Notice {
                    warning: true,
                    action: "Reconcile".to_owned(),
                    reason: reason.to_owned(),
                    note: error.to_string(),
                };
                context.events.publish(&object.object_ref(&()), notice).await;
            }
        }
    }
    result
}

/// Error policy: growing pauses, one count for each pipeline.
#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn pause(object: Arc<Guarded>, error: &Error, context: Arc<Context>) -> Action {
    if let Error::Unreadable(_) = error {
        return Action::await_change();
    }
    let failures = context.memories.with(&uid(&object), |memory| {
        memory.failures = memory.failures.saturating_add(1);
        memory.failures
    });
    Action::requeue(backoff(failures))
}

fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

fn uid(object: &Guarded) -> String {
    object.uid().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc;
    use kube::runtime::watcher::Event;

    use super::*;
    use crate::testing::Cluster;

    async fn until(what: &str, holds: impl Fn() -> bool) {
        let started = Instant::now();
        while !holds() {
            assert!(
                started.elapsed() < Duration::from_mins(1),
                "never happened: {what}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn the_gauges_of_a_pipeline_that_is_gone_go_with_it() {
        let cluster = Cluster::new();
        cluster.apply(|_| {});
        let path = Cluster::pipeline_path();
        let pipeline: Guarded = serde_json::from_value(cluster.api.get(&path).unwrap()).unwrap();
        let (reader, mut store) = reflector::store();
        for event in [Event::Init, Event::InitApply(pipeline.clone()), Event::InitDone] {
            store.apply_watcher_event(&event);
        }
        let (triggers, stream) = mpsc::unbounded();
        let metrics = cluster.operator.metrics.clone();
        let shown = || metrics.render().contains("pipeline_ready{");
        let controller = Controller::for_stream(stream, reader);
        let driven = tokio::spawn(drive(controller, Arc::new(cluster.operator)));

        triggers.unbounded_send(Ok(pipeline.clone())).unwrap();
        until("the pipeline's gauges are shown", shown).await;
        cluster.api.remove(&path);
        store.apply_watcher_event(&Event::Delete(pipeline.clone()));
        // As by a StatefulSet that is deleted after its owner.
        triggers.unbounded_send(Ok(pipeline)).unwrap();
        until("they are gone", || !shown()).await;
        driven.abort();
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let seconds: Vec<_> = [1, 2, 3, 6, 7, 1000].map(|n| backoff(n).as_secs()).into();
        assert_eq!(seconds, [1, 2, 4, 32, 60, 60]);
    }
}
