//! What endangers the trades although every object is as asked for. Pure.

use crds::status::condition;

use super::{Conditions, Report};
use crate::{bootstrap::Finding, reconcile::buffer::Filling};

impl Report<'_> {
    /// What endangers the trades although every object is as asked for: a cut, a lost node, a buffer that runs out.
    pub(super) fn danger(&self) -> Option<Finding> {
        let all: Vec<&Finding> = self
            .sites
            .trouble()
            .into_iter()
            .chain(&self.supply.at_risk)
            .collect();
        let messages: Vec<&str> = all.iter().map(|found| found.message.as_str()).collect();
        Some(Finding::new(all.first()?.reason, messages.join("; ")))
    }
}

impl Conditions {
    /// Conditions of sites, nodes, the buffer and stores.
    pub(super) fn dangers(&mut self, report: &Report<'_>) {
        let told = |found: &Option<Finding>, reason: &'static str, message: &str| match found {
            Some(found) => (true, found.reason, found.message.clone()),
            None => (false, reason, message.to_owned()),
        };
        if !report.sites.placements.is_empty() {
            let (holds, reason, message) = told(&report.sites.cut, "SitesReachable", "every site is reached");
            self.set(condition::SITE_UNREACHABLE, holds, reason, message);
        }
        let (lost, reason, message) = told(
            &report.sites.nodes,
            "AllNodesReady",
            "every node that holds a pod is ready",
        );
        self.set(condition::NODES_READY, !lost, reason, message);
        if report.supply.buffer.is_some() {
            let safe = "Kafka keeps what lanes have not stored for long enough";
            let (holds, reason, message) = told(&report.supply.at_risk, "BufferSafe", safe);
            self.set(condition::BUFFER_AT_RISK, holds, reason, message);
        }
        match &report.supply.filling {
            Filling::NotKnownYet => self.keep(condition::STORAGE_FILLING),
            Filling::No => self.set(
                condition::STORAGE_FILLING,
                false,
                "StoresHaveRoom",
                "no store that tells of its volume is full within a day".to_owned(),
            ),
            Filling::Soon(found) => {
                self.set(
                    condition::STORAGE_FILLING,
                    true,
                    found.reason,
                    found.message.clone(),
                );
            }
        }
    }
}
