//! The table `gaps`, read by a client that shares no code with the workers.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use crds::gap::GapState;
use serde::Deserialize;

use crate::{
    pipeline::Pipeline,
    progress::{Look, until},
    readers::read,
};

/// The longest that ingest may take to close what is open once the exchange is well again.
const REPAIR: Duration = Duration::from_mins(3);

/// A row of the table, as `read.py gaps` prints it.
#[derive(Debug, Deserialize)]
pub struct Gap {
    /// Upper case.
    pub symbol: String,
    /// The lowest id that was missing.
    pub from_id: u64,
    /// The highest one.
    pub to_id: u64,
    /// Why they were not heard.
    pub cause: String,
    /// Milliseconds from the finding to the repair; absent while it is open.
    pub duration_ms: Option<u64>,
    state: String,
    missing_ids: u64,
}

impl Gap {
    fn is_closed(&self) -> bool {
        self.state == GapState::Closed.as_str() && self.missing_ids == 0 && self.duration_ms.is_some()
    }
}

/// The gaps of these symbols by symbol, once each is closed. A symbol without a gap is absent.
pub async fn closed(pipeline: &Pipeline, symbols: &[String]) -> Result<BTreeMap<String, Vec<Gap>>> {
    until("every gap closed in the table", REPAIR, async || {
        let mut gaps: BTreeMap<String, Vec<Gap>> = BTreeMap::new();
        for line in read(pipeline, &["gaps"]).await? {
            let gap: Gap = serde_json::from_str(&line).with_context(|| line.clone())?;
            if symbols.contains(&gap.symbol) {
                gaps.entry(gap.symbol.clone()).or_default().push(gap);
            }
        }
        let open = gaps.values().flatten().filter(|gap| !gap.is_closed()).count();
        Ok(Look::when(open == 0, gaps, format!("{open} open")))
    })
    .await
}
