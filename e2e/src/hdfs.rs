//! HDFS under test, as its own processes see it: which NameNode is active, which cluster a disk belongs to, which ZooKeeper
//! server leads. Asked of the pods themselves, not of the operator, whose view is under test too.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::names::{JOURNAL_NODE_HTTP_PORT, NAME_NODE_HTTP_PORT, Role, ZOOKEEPER_PORT};
use jiff::Timestamp;
use kube::ResourceExt;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    pipeline::Pipeline,
    progress::{Look, until},
};

/// A NameNode that serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveNameNode {
    /// Its pod.
    pub pod: String,
    /// Since when it has been the active one; absent without a second NameNode.
    pub since: Option<Timestamp>,
}

/// The bean `NameNodeStatus`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NameNodeStatus {
    state: String,
    /// Milliseconds since 1970; 0 before the first transition.
    #[serde(rename = "LastHATransitionTime")]
    last_transition_ms: i64,
}

/// The bean `NameNodeInfo`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NameNodeInfo {
    cluster_id: String,
}

/// The bean of a JournalNode's journal.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Journal {
    last_written_tx_id: i64,
}

/// The NameNode that calls itself active. Fails while there is none.
pub async fn active(pipeline: &Pipeline) -> Result<ActiveNameNode> {
    let mut seen = Vec::new();
    for pod in pod_names(pipeline, Role::NameNode).await? {
        match name_node_bean::<NameNodeStatus>(pipeline, &pod, "NameNodeStatus").await {
            Ok(status) if status.state == "active" => {
                let since = (status.last_transition_ms > 0)
                    .then(|| Timestamp::from_millisecond(status.last_transition_ms))
                    .transpose()?;
                return Ok(ActiveNameNode { pod, since });
            }
            Ok(status) => seen.push(format!("{pod} is {}", status.state)),
            Err(_) => seen.push(format!("{pod} does not answer")),
        }
    }
    anyhow::bail!("no NameNode is active: {}", seen.join(", "))
}

/// Waits until a NameNode is active.
pub async fn wait_active(pipeline: &Pipeline, limit: Duration) -> Result<ActiveNameNode> {
    until("an active NameNode", limit, async || {
        active(pipeline).await.map(Look::Found)
    })
    .await
}

/// The cluster that all NameNodes belong to: each says the same, or it is an error.
pub async fn cluster_id(pipeline: &Pipeline) -> Result<String> {
    let mut found: Option<String> = None;
    for pod in pod_names(pipeline, Role::NameNode).await? {
        let info: NameNodeInfo = name_node_bean(pipeline, &pod, "NameNodeInfo").await?;
        let id = found.get_or_insert_with(|| info.cluster_id.clone());
        ensure!(
            *id == info.cluster_id,
            "{pod} belongs to the cluster {}, another NameNode to {id}",
            info.cluster_id
        );
    }
    found.context("there is no NameNode")
}

/// Waits until the NameNodes' edits reach this JournalNode: it has a journal, and something has been written to it.
pub async fn wait_journalled(pipeline: &Pipeline, pod: &str) -> Result<()> {
    let name = format!("Journal-{}", pipeline.name);
    until(&format!("edits at {pod}"), Duration::from_mins(4), async || {
        let journal: Journal = bean(pipeline, pod, JOURNAL_NODE_HTTP_PORT, "JournalNode", &name).await?;
        let last = journal.last_written_tx_id;
        Ok(Look::when(last > 0, (), format!("last transaction {last}")))
    })
    .await
}

/// The ZooKeeper server that leads, as soon as one does.
pub async fn zookeeper_leader(pipeline: &Pipeline) -> Result<String> {
    until("a leader of ZooKeeper", Duration::from_mins(2), async || {
        for pod in pod_names(pipeline, Role::ZooKeeper).await? {
            let answer = zookeeper_answer(pipeline, &pod, "srvr").await;
            if answer.is_ok_and(|answer| answer.contains("Mode: leader")) {
                return Ok(Look::Found(pod));
            }
        }
        Ok(Look::Waiting("nobody leads".to_owned()))
    })
    .await
}

/// Sends one of ZooKeeper's four-letter words.
async fn zookeeper_answer(pipeline: &Pipeline, pod: &str, word: &str) -> Result<String> {
    let ask = format!("exec 3<>/dev/tcp/$HOSTNAME/{ZOOKEEPER_PORT} && printf {word} >&3 && cat <&3");
    let container = Role::ZooKeeper.as_str();
    let command = ["bash", "-c", &ask];
    pipeline
        .cluster
        .exec(&pipeline.namespace, pod, container, &command, "")
        .await
}

async fn pod_names(pipeline: &Pipeline, role: Role) -> Result<Vec<String>> {
    let pods = pipeline.pods(role).await?;
    Ok(pods.iter().map(ResourceExt::name_any).collect())
}

async fn name_node_bean<T: DeserializeOwned>(pipeline: &Pipeline, pod: &str, name: &str) -> Result<T> {
    bean(pipeline, pod, NAME_NODE_HTTP_PORT, "NameNode", name).await
}

async fn bean<T: DeserializeOwned>(
    pipeline: &Pipeline,
    pod: &str,
    port: u16,
    service: &str,
    name: &str,
) -> Result<T> {
    let path = format!("/jmx?qry=Hadoop:service={service},name={name}");
    let text = pipeline
        .cluster
        .get_from_pod(&pipeline.namespace, pod, port, &path)
        .await?;
    first_bean(&text).with_context(|| format!("{name} of {pod}: {text}"))
}

fn first_bean<T: DeserializeOwned>(text: &str) -> Result<T> {
    #[derive(Deserialize)]
    struct Answer<T> {
        beans: Vec<T>,
    }
    let answer: Answer<T> = serde_json::from_str(text)?;
    answer.beans.into_iter().next().context("there is no such bean")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_nodes_state_is_read_from_its_jmx() {
        let text = r#"{"beans": [{"name": "Hadoop:service=NameNode,name=NameNodeStatus", "modelerType": "x",
            "NNRole": "NameNode", "State": "standby", "LastHATransitionTime": 1700000000123}]}"#;
        let status: NameNodeStatus = first_bean(text).unwrap();
        assert_eq!(
            (status.state.as_str(), status.last_transition_ms),
            ("standby", 1_700_000_000_123)
        );
        let absent = first_bean::<NameNodeStatus>(r#"{"beans": []}"#);
        assert_eq!(absent.err().unwrap().to_string(), "there is no such bean");
    }
}
