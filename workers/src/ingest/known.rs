//! The ledgers as a replay asks them: what need not be sent.

use std::time::Duration;

use tokio::time::sleep;

use super::ledger::Ledger;
use crate::{feed::replay::Known, model::Symbol};

/// How often it is looked whether the ledgers have been recalled.
const RECALL_CHECK: Duration = Duration::from_millis(250);

impl Known for Ledger {
    async fn recalled(&self) {
        while !self.unrecalled().is_empty() {
            sleep(RECALL_CHECK).await;
        }
    }

    fn lacks(&self, symbol: &Symbol, id: u64) -> bool {
        Self::lacks(self, symbol, id)
    }
}
