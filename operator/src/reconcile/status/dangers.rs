//! What endangers the trades although every object is as asked for. Pure.

use std::time::Duration;

use crds::{
    CryptoPipelineStatus,
    reason::Reason,
    status::{Phase, condition},
};
use jiff::{SignedDuration, Timestamp};

use super::{Conditions, Report};
use crate::{
    bootstrap::Finding,
    reconcile::{buffer::Filling, symbols::Listing},
};

/// Trades may stand still for so long before the whole pipeline is not ready: a restart or a lost connection is over by then.
const STANDSTILL: SignedDuration = SignedDuration::from_secs(60);
/// How long a member may take to be ready again.
const DEADLINE: Duration = Duration::from_mins(5);
/// The same at a first start, when images are pulled and disks are formatted.
const FIRST_DEADLINE: Duration = Duration::from_mins(10);
/// Why trades do not flow, where that is a wait and not a loss.
const STANDS_STILL: [&str; 6] = [
    Reason::WorkersSilent.as_str(),
    "IngestSilent",
    "ProcessorSilent",
    "FeedDisconnected",
    "KafkaUnreachable",
    "LaneWaiting",
];

impl Report<'_> {
    /// What endangers the trades although every object is as asked for: a cut, a lost node, a buffer that runs out, a member that does
    /// not come back, trades that do not flow.
    pub(super) fn danger(&self, previous: &CryptoPipelineStatus, now: Timestamp) -> Option<Finding> {
        let overdue = self.overdue(previous, now);
        let standstill = self.standstill(previous, now);
        let all: Vec<&Finding> = self
            .sites
            .trouble()
            .into_iter()
            .chain(&self.supply.at_risk)
            .chain(&overdue)
            .chain(&standstill)
            .collect();
        let messages: Vec<&str> = all.iter().map(|found| found.message.as_str()).collect();
        Some(Finding::new(all.first()?.reason, messages.join("; ")))
    }

    /// The member that has not been ready for longer than it may take.
    fn overdue(&self, previous: &CryptoPipelineStatus, now: Timestamp) -> Option<Finding> {
        let first = matches!(previous.phase, None | Some(Phase::Starting));
        let deadline = if first { FIRST_DEADLINE } else { DEADLINE };
        let members = self
            .view
            .engines()
            .into_iter()
            .flat_map(|(_, state)| state.members().collect::<Vec<_>>());
        let (_, member) = members
            .into_iter()
            .filter(|(_, member)| member.unready_for > deadline)
            .max_by_key(|(_, member)| member.unready_for)?;
        let since = now.checked_sub(member.unready_for).unwrap_or(now);
        let message = format!(
            "pod {} has not been ready since {since}, and may take {} min; read its log and its events",
            member.pod,
            deadline.as_secs() / 60
        );
        Some(Finding::new(Reason::ProgressDeadlineExceeded.as_str(), message))
    }

    /// Why trades have not flowed for a minute.
    fn standstill(&self, previous: &CryptoPipelineStatus, now: Timestamp) -> Option<Finding> {
        let verdict = &self.verdict;
        if self.pipeline.spec.paused || verdict.flowing || !STANDS_STILL.contains(&verdict.reason) {
            return None;
        }
        let flow = previous
            .conditions
            .iter()
            .find(|c| c.type_ == condition::DATA_FLOWING)?;
        let since = flow.last_transition_time.0;
        let long = flow.status != "True" && now.duration_since(since) >= STANDSTILL;
        // Before the first trade a wait is a part of the start.
        let started = self
            .data_flow
            .as_ref()
            .is_some_and(|flow| flow.ingested_trades > 0);
        (long && started).then(|| {
            Finding::new(
                verdict.reason,
                format!("trades do not flow since {since}: {}", verdict.message),
            )
        })
    }
}

impl Conditions {
    /// Whether the exchange lists every symbol; unknown before its list was read.
    pub(super) fn symbols(&mut self, listing: &Listing) {
        const KNOWN: &str = condition::SYMBOLS_KNOWN;
        match listing {
            Listing::NoAnswer => self.keep(KNOWN),
            Listing::NotAsked => {
                let message = "files are played; the exchange is not asked for its symbols".to_owned();
                self.say(KNOWN, "Unknown", Reason::ExchangeNotAsked.as_str(), message);
            }
            Listing::NotRead(why) => {
                self.say(
                    KNOWN,
                    "Unknown",
                    Reason::ExchangeUnreachable.as_str(),
                    why.clone(),
                );
            }
            Listing::Unlisted(unlisted) if unlisted.is_empty() => {
                self.set(
                    KNOWN,
                    true,
                    "AllListed",
                    "the exchange lists every symbol".to_owned(),
                );
            }
            Listing::Unlisted(unlisted) => {
                let names = unlisted.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                let message = format!(
                    "the exchange does not list {names}; correct spec.ingest.symbols, or wait: they are read once they are listed"
                );
                self.set(KNOWN, false, "UnknownSymbols", message);
            }
        }
    }

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
