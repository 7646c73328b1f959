//! A store is down for a minute. Kafka is the buffer: the lane into the other store never notices, and the lane that had to wait
//! catches up.

use std::time::Duration;

use anyhow::{Result, ensure};
use crds::names::{LABEL_COMPONENT, Role};
use e2e::{
    progress::{Look, hold, note, until},
    stream::Stream,
    testbed::{READY_LIMIT, Testbed},
    workers::{self, Progress},
};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

const OUTAGE: Duration = Duration::from_mins(1);

/// Cassandra is down: Parquet files are closed as ever, rows wait.
pub async fn the_archive_goes_on_without_cassandra(bed: &Testbed) -> Result<()> {
    outage(bed, "NOROWS", &[Role::Cassandra], |before, after| {
        ensure!(
            after.archived > before.archived,
            "the archive stood still: {before:?}, {after:?}"
        );
        ensure!(
            after.hot == before.hot,
            "rows were written without Cassandra: {before:?}, {after:?}"
        );
        Ok(())
    })
    .await
}

/// HDFS is down: rows are written as ever, files wait.
pub async fn the_table_goes_on_without_hdfs(bed: &Testbed) -> Result<()> {
    outage(
        bed,
        "NOFILES",
        &[Role::NameNode, Role::DataNode],
        |before, after| {
            ensure!(
                after.hot > before.hot,
                "the table stood still: {before:?}, {after:?}"
            );
            ensure!(
                after.archived == before.archived,
                "files were closed without HDFS: {before:?}, {after:?}"
            );
            Ok(())
        },
    )
    .await
}

async fn outage(
    bed: &Testbed,
    prefix: &str,
    roles: &[Role],
    judge: impl Fn(Progress, Progress) -> Result<()>,
) -> Result<()> {
    let stream = Stream::open(&bed.pipeline, &bed.sim, prefix).await?;
    // The operator would bring the store back at once.
    bed.pipeline.change(json!({"paused": true})).await?;
    for role in roles {
        take_down(bed, *role).await?;
    }
    let before = workers::progress(&bed.pipeline).await?;
    hold(&format!("{roles:?} down"), OUTAGE).await;
    let after = workers::progress(&bed.pipeline).await?;
    note(format_args!("{before:?} became {after:?}"));
    judge(before, after)?;

    bed.pipeline.change(json!({"paused": false})).await?;
    bed.pipeline.wait_ready(READY_LIMIT).await?;
    stream.end_complete().await
}

/// Scales every StatefulSet of the role to nothing and waits until its pods are gone.
async fn take_down(bed: &Testbed, role: Role) -> Result<()> {
    let labels = bed.pipeline.role_labels(role);
    let namespace = &bed.pipeline.namespace;
    let sets: Vec<StatefulSet> = bed.cluster.list(namespace, &labels).await?;
    ensure!(
        !sets.is_empty(),
        "no StatefulSet has the label {LABEL_COMPONENT}={role}"
    );
    let api: Api<StatefulSet> = bed.cluster.api(namespace);
    for set in sets {
        let patch = Patch::Merge(json!({"spec": {"replicas": 0}}));
        api.patch_scale(&set.name_any(), &PatchParams::default(), &patch)
            .await?;
    }
    until(&format!("{role} down"), Duration::from_mins(3), async || {
        let pods: Vec<Pod> = bed.cluster.list(namespace, &labels).await?;
        Ok(Look::when(
            pods.is_empty(),
            (),
            format!("{} pods left", pods.len()),
        ))
    })
    .await
}
