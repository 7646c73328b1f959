//! Follows the configuration: lets ledger and feed know of every change of the symbols. What else changes in it needs a new
//! process, which the operator starts.

use std::{collections::BTreeSet, sync::Arc};

use crds::wire::IngestConfig;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{ledger::Ledger, symbols::Symbols};
use crate::{feed::handover::Wanted, model::Symbol, reload::Current};

/// What is followed, and who is told.
pub struct Follow {
    config: Current<IngestConfig>,
    symbols: Arc<Symbols>,
    ledger: Arc<Ledger>,
    feed: watch::Sender<Arc<BTreeSet<Symbol>>>,
}

impl Follow {
    /// Begins with the symbols that the ledger tracks already. Also returns them for the feed, as they are from now on.
    pub fn new(
        tracked: Vec<Symbol>,
        config: Current<IngestConfig>,
        symbols: Arc<Symbols>,
        ledger: Arc<Ledger>,
    ) -> (Self, Wanted) {
        let (feed, wanted) = watch::channel(Arc::new(tracked.into_iter().collect()));
        let follow = Self {
            config,
            symbols,
            ledger,
            feed,
        };
        (follow, wanted)
    }

    /// Runs until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let changed = tokio::select! {
                () = stop.cancelled() => return,
                changed = self.config.changed() => changed,
            };
            if changed.is_err() {
                return stop.cancelled().await;
            }
            self.take_over();
        }
    }

    fn take_over(&mut self) {
        let tracked = self.symbols.configure(&self.config.borrow_and_update());
        // Before the feed: no trade may come of a symbol that has no ledger.
        self.ledger.track(&tracked);
        let wanted: BTreeSet<Symbol> = tracked.into_iter().collect();
        self.feed.send_if_modified(|current| {
            let added = wanted.difference(current).count();
            let removed = current.difference(&wanted).count();
            if added + removed == 0 {
                return false;
            }
            tracing::info!(added, removed, symbols = wanted.len(), "the symbols have changed");
            *current = Arc::new(wanted);
            true
        });
    }
}
