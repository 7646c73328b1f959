//! The simulated exchange in the cluster, spoken to through the API server's service proxy.

use std::time::Duration;

use anyhow::{Context, Result};
use exchange_sim::{Fault, Ledger, SymbolLedger};
use serde::Serialize;

use crate::{
    cluster::Cluster,
    progress::{Look, until},
};

/// Deployment and Service of the simulated exchange, with the symbols BTCUSDT (as recorded), ETHUSDT and SOLUSDT.
const MANIFESTS: &str = include_str!("../manifests/exchange-sim.yaml");

/// The symbols of the manifest. Each starts with its first subscription.
pub const LISTED: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];

/// The simulated exchange of a namespace.
#[derive(Clone)]
pub struct Sim {
    cluster: Cluster,
    namespace: String,
}

/// A symbol to be listed. Its series starts with the first subscription.
#[derive(Clone, Debug, Serialize)]
pub struct NewSymbol {
    /// Upper case.
    pub name: String,
    /// Id of the first trade.
    pub id_base: u64,
    /// How often the recording of 46 seconds is played.
    pub repeat: u32,
    /// 1 is 43 trades a second.
    pub speed: f64,
    /// Trades left out at the head, whose times and ids pass too.
    pub start_at: u64,
}

impl Sim {
    /// Starts an exchange in the namespace and waits until it answers.
    pub async fn start(cluster: &Cluster, namespace: &str) -> Result<Self> {
        cluster.apply(namespace, MANIFESTS).await?;
        let sim = Self::at(cluster, namespace);
        until("exchange-sim", Duration::from_mins(2), async || {
            sim.get("healthz").await.map(Look::Found)
        })
        .await?;
        Ok(sim)
    }

    /// The exchange that runs in the namespace.
    pub fn at(cluster: &Cluster, namespace: &str) -> Self {
        Self {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
        }
    }

    fn path(&self, resource: &str) -> String {
        format!(
            "/api/v1/namespaces/{}/services/exchange-sim:8080/proxy/sim/{resource}",
            self.namespace
        )
    }

    async fn get(&self, resource: &str) -> Result<String> {
        self.cluster.get(&self.path(resource)).await
    }

    /// What was issued, what nobody heard, and which rules were broken. An API server that has no time at the moment is asked again.
    pub async fn ledger(&self) -> Result<Ledger> {
        let text = until("the exchange's ledger", Duration::from_secs(30), async || {
            self.get("ledger").await.map(Look::Found)
        })
        .await?;
        serde_json::from_str(&text).context("the exchange's ledger")
    }

    /// One symbol's page of the ledger.
    pub async fn symbol(&self, name: &str) -> Result<SymbolLedger> {
        let mut ledger = self.ledger().await?;
        ledger
            .symbols
            .remove(name)
            .with_context(|| format!("{name} is not listed at the exchange"))
    }

    /// Lists a symbol.
    pub async fn list(&self, symbol: &NewSymbol) -> Result<()> {
        let body = serde_json::to_vec(symbol)?;
        self.cluster
            .post(&self.path("symbols"), "application/json", body)
            .await?;
        Ok(())
    }

    /// Ends a symbol's series with the trades issued so far.
    pub async fn stop(&self, symbol: &str) -> Result<()> {
        let path = self.path(&format!("symbols/{symbol}/stop"));
        self.cluster.post(&path, "text/plain", Vec::new()).await?;
        Ok(())
    }

    /// Ends every series that a test has ordered and not ended.
    pub async fn stop_ordered(&self) -> Result<()> {
        for (name, page) in self.ledger().await?.symbols {
            if !page.finished && !LISTED.contains(&name.as_str()) {
                self.stop(&name).await?;
            }
        }
        Ok(())
    }

    /// Sends a text frame, as it is, to everybody who listens to the symbol.
    pub async fn inject(&self, symbol: &str, frame: &str) -> Result<()> {
        let path = self.path(&format!("inject?symbol={symbol}"));
        self.cluster.post(&path, "text/plain", frame.into()).await?;
        Ok(())
    }

    /// Lets a fault happen.
    pub async fn inflict(&self, fault: &Fault) -> Result<()> {
        let body = serde_json::to_vec(fault)?;
        self.cluster
            .post(&self.path("faults"), "application/json", body)
            .await?;
        Ok(())
    }

    /// Waits until each symbol has issued at least so many trades.
    pub async fn wait_issued(&self, symbols: &[String], trades: u64) -> Result<()> {
        until("trades at the exchange", Duration::from_mins(2), async || {
            let ledger = self.ledger().await?;
            let issued = |name: &String| ledger.symbols.get(name).map_or(0, |page| page.issued);
            let least = symbols.iter().map(issued).min().unwrap_or(0);
            Ok(Look::when(
                least >= trades,
                (),
                format!("{least} of {trades} of each symbol"),
            ))
        })
        .await
    }

    /// Waits until the series of every symbol is at its end, and returns the ledger.
    pub async fn wait_finished(&self, symbols: &[String]) -> Result<Ledger> {
        until("end of the streams", Duration::from_mins(5), async || {
            let ledger = self.ledger().await?;
            let pages: Vec<_> = symbols
                .iter()
                .filter_map(|name| ledger.symbols.get(name))
                .collect();
            let finished = pages.len() == symbols.len() && pages.iter().all(|page| page.finished);
            let issued: u64 = pages.iter().map(|page| page.issued).sum();
            Ok(Look::when(finished, ledger, format!("{issued} trades issued")))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_runs_the_image_of_this_version_with_the_listed_symbols() {
        assert!(MANIFESTS.contains(&format!("image: {}\n", crate::job::image("exchange-sim"))));
        for symbol in LISTED {
            assert!(MANIFESTS.contains(&format!("{symbol}:")), "{symbol}");
        }
    }
}
