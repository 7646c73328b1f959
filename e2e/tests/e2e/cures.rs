//! Whatever keeps members from serving is cured by what it names: the spec, a quota, an address. Nobody deletes a pod.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::{names::Role, status::condition};
use e2e::{
    chaos,
    pipeline::Pipeline,
    progress::{Look, note, until},
    stream::Stream,
    testbed::{READY_LIMIT, Testbed},
};
use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

/// The longest that the operator may take to see that something is amiss.
const SEEN: Duration = Duration::from_mins(4);
/// Members that were replaced come back within this time.
const CURED: Duration = Duration::from_mins(15);
/// So little processor time that Cassandra runs and never serves.
const TOO_LITTLE: &str = "2m";

/// Two Cassandra nodes get so little processor time that they run and never serve. The spec alone cures them.
pub async fn two_unready_members_are_cured_by_the_spec(bed: &Testbed) -> Result<()> {
    let pipeline = &bed.pipeline;
    let stream = Stream::open(pipeline, &bed.sim, "CURE").await?;
    let limits = |cpu| json!({"cassandra": {"resources": {"limits": {"memory": "1536Mi", "cpu": cpu}}}});
    pipeline.change(limits(Some(TOO_LITTLE))).await?;
    let first = until("a node with the bad setting", SEEN, async || {
        let nodes = bad(pipeline).await?;
        Ok(Look::when(
            nodes.len() == 1,
            nodes.first().cloned(),
            format!("{nodes:?}"),
        ))
    })
    .await?
    .context("no node")?;
    // A second one dies for another reason and comes back with the setting.
    let nodes = pipeline.pods(Role::Cassandra).await?;
    let second = nodes
        .iter()
        .map(ResourceExt::name_any)
        .find(|name| *name != first)
        .context("one node only")?;
    let labels = pipeline.role_labels(Role::Cassandra);
    chaos::kill(&bed.cluster, &pipeline.namespace, &labels, Some(&second)).await?;
    until("two nodes with the bad setting", SEEN, async || {
        let nodes = bad(pipeline).await?;
        Ok(Look::when(nodes.len() >= 2, (), format!("{nodes:?}")))
    })
    .await?;
    note(format_args!("{first} and {second} run and do not serve"));
    pipeline.change(limits(None)).await?;
    pipeline.wait_ready(CURED).await?;
    ensure!(
        bad(pipeline).await?.is_empty(),
        "Ready, but a node still has the bad setting"
    );
    stream.end_complete().await
}

/// Cassandra nodes whose pods have the bad setting.
async fn bad(pipeline: &Pipeline) -> Result<Vec<String>> {
    let nodes = pipeline.pods(Role::Cassandra).await?;
    let has = |pod: &&Pod| {
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        containers
            .filter_map(|container| container.resources.as_ref()?.limits.as_ref()?.get("cpu"))
            .any(|cpu| cpu.0 == TOO_LITTLE)
    };
    Ok(nodes.iter().filter(has).map(ResourceExt::name_any).collect())
}

/// A quota refuses a broker's pod and a processor's: each condition has the quota's words. Raising it is enough.
pub async fn a_quota_that_is_too_small_is_named_and_raised(bed: &Testbed) -> Result<()> {
    let pipeline = &bed.pipeline;
    let stream = Stream::open(pipeline, &bed.sim, "QUOTA").await?;
    let quotas: Api<ResourceQuota> = bed.cluster.api(&pipeline.namespace);
    quotas.create(&PostParams::default(), &quota("0")).await?;
    let outcome = refused(bed).await;
    let raised = json!({"spec": {"hard": {"pods": "100"}}});
    quotas
        .patch(QUOTA, &PatchParams::default(), &Patch::Merge(raised))
        .await?;
    let cured = pipeline.wait_ready(READY_LIMIT * 2).await;
    quotas.delete(QUOTA, &DeleteParams::default()).await?;
    outcome?;
    cured?;
    stream.end_complete().await
}

async fn refused(bed: &Testbed) -> Result<()> {
    let pipeline = &bed.pipeline;
    for (role, type_) in [
        (Role::KafkaBroker, condition::KAFKA_READY),
        (Role::Processor, condition::WORKERS_READY),
    ] {
        chaos::kill(
            &bed.cluster,
            &pipeline.namespace,
            &pipeline.role_labels(role),
            None,
        )
        .await?;
        let told = pipeline
            .wait_condition(type_, SEEN, |c| c.status != "True" && c.message.contains(QUOTA))
            .await?;
        note(format_args!("{type_}: {} ({})", told.message, told.reason));
        ensure!(told.reason == "PodsRefused", "the reason is {}", told.reason);
    }
    Ok(())
}

const QUOTA: &str = "too-small";

fn quota(pods: &str) -> ResourceQuota {
    let quota = json!({"metadata": {"name": QUOTA}, "spec": {"hard": {"pods": pods}}});
    serde_json::from_value(quota).unwrap_or_default()
}

/// The exchange's address answers nobody: the status says so with the address, does not call the symbols known, and recovers with
/// the address.
pub async fn an_exchange_out_of_reach_is_named(bed: &Testbed) -> Result<()> {
    const NOWHERE: &str = "nowhere.cryptopipeline-e2e.svc:8080";
    let pipeline = &bed.pipeline;
    let endpoints = pipeline.get().await?.spec.ingest.endpoints;
    let wrong = json!({"stream": format!("ws://{NOWHERE}"), "rest": format!("http://{NOWHERE}")});
    pipeline.change(json!({"ingest": {"endpoints": wrong}})).await?;
    let flow = pipeline
        .wait_condition(condition::DATA_FLOWING, SEEN, |c| {
            c.status == "False" && c.reason == "FeedDisconnected" && c.message.contains(NOWHERE)
        })
        .await?;
    note(format_args!("DataFlowing: {}", flow.message));
    let symbols = pipeline
        .wait_condition(condition::SYMBOLS_KNOWN, SEEN, |c| {
            c.status == "Unknown" && c.message.contains(NOWHERE)
        })
        .await?;
    note(format_args!("SymbolsKnown: {}", symbols.message));
    pipeline
        .wait_condition(condition::READY, SEEN, |c| {
            c.status == "False" && c.reason == "FeedDisconnected"
        })
        .await?;
    pipeline
        .change(json!({"ingest": {"endpoints": endpoints}}))
        .await?;
    pipeline.wait_ready(READY_LIMIT).await?;
    let stream = Stream::open(pipeline, &bed.sim, "REACH").await?;
    stream.flow(100).await?;
    stream.end_complete().await
}

/// A Cassandra node was away for longer than `gc_grace` and the heartbeat says so: it starts all the same, since its tables are only
/// written and expire.
pub async fn a_node_that_was_away_for_weeks_comes_back(bed: &Testbed) -> Result<()> {
    const AWAY: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 11);
    let pipeline = &bed.pipeline;
    let stream = Stream::open(pipeline, &bed.sim, "AWAY").await?;
    let nodes = pipeline.pods(Role::Cassandra).await?;
    let node = nodes
        .first()
        .map(ResourceExt::name_any)
        .context("no Cassandra node")?;
    let then = jiff::Timestamp::now() - AWAY;
    let heartbeat = format!("{{\"last_heartbeat\":\"{then:.0}\"}}");
    let script = "f=$(find /data/cassandra -name 'cassandra-heartbeat*' | head -n 1); \
                  cat > \"${f:-/data/cassandra/data/cassandra-heartbeat}\"";
    bed.cluster
        .exec(
            &pipeline.namespace,
            &node,
            "cassandra",
            &["bash", "-c", script],
            &heartbeat,
        )
        .await?;
    let labels = pipeline.role_labels(Role::Cassandra);
    let victim = chaos::kill(&bed.cluster, &pipeline.namespace, &labels, Some(&node)).await?;
    chaos::wait_healed(&bed.cluster, &pipeline.namespace, &labels, &victim).await?;
    pipeline.wait_ready(READY_LIMIT).await?;
    stream.end_complete().await
}
