//! HDFS loses its NameNodes, JournalNodes, ZooKeeper servers and disks while trades stream. Each time it comes back by itself, as
//! the same cluster, and the archive lacks and doubles nothing. How long it took is printed beside the goal.

use std::time::Duration;

use anyhow::{Result, ensure};
use crds::{names::Role, wire::AuditReport};
use e2e::{
    archive_watch::ArchiveWatch,
    audit,
    chaos::{self, Victim},
    cluster::Cluster,
    hdfs,
    pipeline::Pipeline,
    progress::note,
    proof::{self, Copies},
    sim,
    stream::Stream,
    testbed::{READY_LIMIT, Testbed},
};
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::json;

/// The longest that HDFS may take to heal.
const HEAL: Duration = Duration::from_mins(6);
/// The longest wait for an active NameNode.
const ELECTION: Duration = Duration::from_mins(4);
/// From the death of the active NameNode until another is active.
const FAILOVER_GOAL: &str = "15 s";
/// Between two writes to the archive, which are 5 s apart when nothing is wrong.
const PAUSE_GOAL: &str = "30 s";

const EVERYTHING: [Role; 4] = [Role::ZooKeeper, Role::JournalNode, Role::NameNode, Role::DataNode];

/// A running pipeline gets its second NameNode, with JournalNodes and ZooKeeper, and keeps all files.
pub async fn one_name_node_becomes_two(cluster: &Cluster) -> Result<()> {
    let bed = Testbed::with(cluster, |spec| spec.hdfs.name_nodes = 1).await?;
    bed.pipeline.wait_ready(READY_LIMIT).await?;
    survives_with_data(&bed, "GROW", async |pipeline| {
        let began = Timestamp::now();
        pipeline.settle(json!({"hdfs": {"nameNodes": 2}})).await?;
        let name_nodes = pipeline.pods(Role::NameNode).await?.len();
        ensure!(
            name_nodes == 2,
            "Ready, but {name_nodes} NameNodes run instead of 2"
        );
        Ok(began)
    })
    .await
}

/// The other NameNode takes over.
pub async fn the_active_name_node_is_killed(bed: &Testbed) -> Result<()> {
    survives(bed, "ACTIVE", async |pipeline| {
        let active = hdfs::active(pipeline).await?;
        let killed = kill(pipeline, Role::NameNode, vec![active.pod.clone()]).await?;
        let now = hdfs::wait_active(pipeline, ELECTION).await?;
        note(format_args!("{} was active, {} is", active.pod, now.pod));
        Ok(killed)
    })
    .await
}

/// Nobody can take over; whoever is back first serves.
pub async fn both_name_nodes_are_killed(bed: &Testbed) -> Result<()> {
    survives(bed, "BOTH", async |pipeline| {
        let all = members(pipeline, Role::NameNode).await?;
        kill(pipeline, Role::NameNode, all).await
    })
    .await
}

/// Without a majority of JournalNodes no NameNode may write.
pub async fn two_journal_nodes_are_killed(bed: &Testbed) -> Result<()> {
    survives(bed, "QUORUM", async |pipeline| {
        let mut members = members(pipeline, Role::JournalNode).await?;
        ensure!(
            members.len() == 3,
            "{} JournalNodes run instead of 3",
            members.len()
        );
        members.truncate(2);
        kill(pipeline, Role::JournalNode, members).await
    })
    .await
}

/// ZooKeeper elects another leader; the active NameNode may stay or be replaced.
pub async fn the_zookeeper_leader_is_killed(bed: &Testbed) -> Result<()> {
    survives(bed, "LEADER", async |pipeline| {
        let leader = hdfs::zookeeper_leader(pipeline).await?;
        let killed = kill(pipeline, Role::ZooKeeper, vec![leader.clone()]).await?;
        let now = hdfs::zookeeper_leader(pipeline).await?;
        note(format_args!("{leader} led ZooKeeper, {now} does"));
        Ok(killed)
    })
    .await
}

/// The active NameNode's disk is lost: the other takes over, and the lost one copies the archive's index from it.
pub async fn a_name_node_loses_its_disk(bed: &Testbed) -> Result<()> {
    survives_with_data(bed, "NAMEDISK", async |pipeline| {
        let active = hdfs::active(pipeline).await?;
        wipe(pipeline, Role::NameNode, &active.pod).await
    })
    .await
}

/// A JournalNode's disk is lost: it gets a journal again, and edits in it.
pub async fn a_journal_node_loses_its_disk(bed: &Testbed) -> Result<()> {
    survives_with_data(bed, "JOURNAL", async |pipeline| {
        let pod = format!("{}-0", pipeline.names().await?.of(Role::JournalNode));
        let wiped = wipe(pipeline, Role::JournalNode, &pod).await?;
        hdfs::wait_journalled(pipeline, &pod).await?;
        Ok(wiped)
    })
    .await
}

/// Everything is down and comes back from its disks alone.
pub async fn all_of_hdfs_starts_cold(bed: &Testbed) -> Result<()> {
    survives_with_data(bed, "COLD", async |pipeline| {
        chaos::stop(pipeline, &EVERYTHING).await?;
        let resumed = Timestamp::now();
        chaos::resume(pipeline).await?;
        Ok(resumed)
    })
    .await
}

/// As [`survives`], and besides, all that was there before is unchanged.
async fn survives_with_data(
    bed: &Testbed,
    prefix: &str,
    harm: impl AsyncFnOnce(&Pipeline) -> Result<Timestamp>,
) -> Result<()> {
    let before = at_rest(bed).await?;
    survives(bed, prefix, harm).await?;
    audit::prove(&bed.pipeline, &[], |after| proof::unchanged(&before, after)).await?;
    note(format_args!(
        "all trades of {} earlier symbols are still there",
        before.symbols.len()
    ));
    Ok(())
}

/// What all three places hold once every stream has ended.
async fn at_rest(bed: &Testbed) -> Result<AuditReport> {
    let listed = sim::LISTED.map(str::to_owned);
    let ledger = bed.sim.wait_finished(&listed).await?;
    audit::prove(&bed.pipeline, &listed, |report| {
        proof::complete(report, &ledger, &listed, Copies::None)
    })
    .await?;
    audit::report(&bed.pipeline, &[]).await
}

/// Does harm to HDFS while trades stream, waits until it has healed, and proves that it is the cluster it was and that every trade
/// arrived once. `harm` returns the time from which a failover counts.
async fn survives(
    bed: &Testbed,
    prefix: &str,
    harm: impl AsyncFnOnce(&Pipeline) -> Result<Timestamp>,
) -> Result<()> {
    let pipeline = &bed.pipeline;
    let stream = Stream::open(pipeline, &bed.sim, prefix).await?;
    let id = hdfs::cluster_id(pipeline).await?;
    let watch = ArchiveWatch::start(pipeline).await?;
    let began = harm(pipeline).await?;
    pipeline.wait_ready(HEAL).await?;
    stream.flow(200).await?;
    tell_times(pipeline, began, &watch).await?;
    let now = hdfs::cluster_id(pipeline).await?;
    ensure!(now == id, "the cluster was {id} and is {now}: it was formatted");
    stream.end_complete().await
}

async fn tell_times(pipeline: &Pipeline, began: Timestamp, watch: &ArchiveWatch) -> Result<()> {
    let active = hdfs::wait_active(pipeline, ELECTION).await?;
    match active.since.filter(|since| *since > began) {
        Some(since) => note(format_args!(
            "failover time {:.1} s (goal {FAILOVER_GOAL}): {} is active",
            since.duration_since(began).as_secs_f64(),
            active.pod
        )),
        None => note(format_args!("no failover: {} stayed active", active.pod)),
    }
    note(format_args!(
        "longest pause of the archive {:.1} s (goal {PAUSE_GOAL})",
        watch.longest_pause().as_secs_f64()
    ));
    Ok(())
}

async fn members(pipeline: &Pipeline, role: Role) -> Result<Vec<String>> {
    let pods = pipeline.pods(role).await?;
    Ok(pods.iter().map(ResourceExt::name_any).collect())
}

/// Kills pods at once, waits for their successors, and returns when they died.
async fn kill(pipeline: &Pipeline, role: Role, names: Vec<String>) -> Result<Timestamp> {
    let victims = chaos::kill_together(pipeline, role, &names).await?;
    let killed = victims.iter().map(|victim| victim.at).min();
    for victim in &victims {
        healed(pipeline, role, victim).await?;
    }
    Ok(killed.unwrap_or_else(Timestamp::now))
}

/// Kills a pod and takes its volume, waits for its successor, and returns when it died.
async fn wipe(pipeline: &Pipeline, role: Role, name: &str) -> Result<Timestamp> {
    let victim = chaos::wipe(pipeline, role, name).await?;
    healed(pipeline, role, &victim).await?;
    Ok(victim.at)
}

async fn healed(pipeline: &Pipeline, role: Role, victim: &Victim) -> Result<()> {
    let labels = pipeline.role_labels(role);
    chaos::wait_healed(&pipeline.cluster, &pipeline.namespace, &labels, victim).await
}
