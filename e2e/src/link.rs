//! The link between the two sites: cut by packet filters in the on-prem nodes, which kind runs as Docker containers, and mended. Only
//! what crosses the link is dropped: pods of one site go on reaching each other.

use std::{collections::BTreeMap, net::IpAddr};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Node;
use kube::{Api, ResourceExt, api::ListParams};
use tokio::process::Command;

use crate::{cluster::Cluster, progress::note};

/// The label by which the nodes of kind-config.yaml say where they stand.
const SITE: &str = "cryptopipeline.dev/site";
const ON_PREM: &str = "on-prem";
/// The chain that holds the rules, so that mending is one flush.
const CHAIN: &str = "SITE-CUT";

/// Whether the cut site keeps its way to the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiServer {
    /// Its kubelets go on reporting: the nodes stay ready.
    Reachable,
    /// Its kubelets are not heard of, so that its nodes are called unreachable after 40 s.
    Away,
}

/// A link that is cut. It stays cut until it is mended.
pub struct Cut {
    nodes: Vec<String>,
}

impl Cut {
    /// Drops every packet between pods and nodes of the on-prem site and those of the cloud.
    pub async fn make(cluster: &Cluster, api_server: ApiServer) -> Result<Self> {
        let nodes: Vec<Node> = Api::all(cluster.client.clone())
            .list(&ListParams::default())
            .await?
            .items;
        let (near, far): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| site(node) == Some(ON_PREM));
        ensure!(!near.is_empty(), "no node has the label {SITE}={ON_PREM}");
        let dropped: Vec<String> = far
            .into_iter()
            .filter(|node| site(node).is_some() || api_server == ApiServer::Away)
            .flat_map(addresses)
            .collect();
        let cut = Self {
            nodes: near.iter().map(|node| node.name_any()).collect(),
        };
        for node in &cut.nodes {
            filter(node, &rules(&dropped)).await?;
        }
        note(format_args!(
            "cut: {} reach none of {} ({api_server:?} API server)",
            cut.nodes.join(", "),
            dropped.join(", ")
        ));
        Ok(cut)
    }

    /// Lets everything through again.
    pub async fn mend(self) -> Result<()> {
        for node in &self.nodes {
            filter(node, &removal()).await?;
        }
        note("mended the link");
        Ok(())
    }
}

/// Takes what an earlier test has left behind out of every node.
pub async fn mend_all(cluster: &Cluster) -> Result<()> {
    let nodes: Vec<Node> = Api::all(cluster.client.clone())
        .list(&ListParams::default())
        .await?
        .items;
    for node in nodes.iter().filter(|node| site(node) == Some(ON_PREM)) {
        filter(&node.name_any(), &removal()).await?;
    }
    Ok(())
}

fn site(node: &Node) -> Option<&str> {
    node.labels().get(SITE).map(String::as_str)
}

/// The node's own addresses and its pods' range.
fn addresses(node: &Node) -> Vec<String> {
    let pods = node.spec.as_ref().and_then(|spec| spec.pod_cidr.clone());
    let own = node
        .status
        .iter()
        .flat_map(|status| status.addresses.iter().flatten());
    own.map(|address| address.address.clone())
        .filter(|address| address.parse::<IpAddr>().is_ok())
        .chain(pods)
        .collect()
}

/// The commands that fill the chain and hang it before everything else.
fn rules(addresses: &[String]) -> String {
    let drops: BTreeMap<&String, String> = addresses
        .iter()
        .map(|address| {
            let drop = format!(
                "iptables -A {CHAIN} -s {address} -j DROP\niptables -A {CHAIN} -d {address} -j DROP\n"
            );
            (address, drop)
        })
        .collect();
    let hooks = ["INPUT", "OUTPUT", "FORWARD"].map(|hook| format!("iptables -I {hook} -j {CHAIN}\n"));
    format!(
        "{}iptables -N {CHAIN}\n{}{}",
        removal(),
        drops.into_values().collect::<String>(),
        hooks.concat()
    )
}

fn removal() -> String {
    let hooks = ["INPUT", "OUTPUT", "FORWARD"]
        .map(|hook| format!("iptables -D {hook} -j {CHAIN} 2>/dev/null || true\n"));
    format!(
        "{}iptables -F {CHAIN} 2>/dev/null || true\niptables -X {CHAIN} 2>/dev/null || true\n",
        hooks.concat()
    )
}

async fn filter(node: &str, commands: &str) -> Result<()> {
    let answer = Command::new("docker")
        .args(["exec", node, "bash", "-ec", commands])
        .output()
        .await
        .context("docker exec")?;
    ensure!(
        answer.status.success(),
        "the packet filter of {node}: {}",
        String::from_utf8_lossy(&answer.stderr)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_are_dropped_before_every_other_rule() {
        let text = rules(&["10.244.1.0/24".to_owned()]);
        for line in [
            "iptables -A SITE-CUT -s 10.244.1.0/24 -j DROP",
            "iptables -A SITE-CUT -d 10.244.1.0/24 -j DROP",
            "iptables -I FORWARD -j SITE-CUT",
            "iptables -I INPUT -j SITE-CUT",
            "iptables -I OUTPUT -j SITE-CUT",
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "{line} is not in\n{text}"
            );
        }
    }
}
