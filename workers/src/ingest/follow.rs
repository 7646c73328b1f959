//! Follows the configuration: lets ledger and feed know of every change of the symbols. What else changes in it needs a new
//! process, which the operator starts.

use std::{collections::BTreeSet, sync::Arc};

use crds::{
    spec::Exchange,
    wire::{Endpoints, IngestConfig},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{ledger::Ledger, symbols::Symbols};
use crate::{feed::handover::Wanted, model::Symbol, reload::Current};

/// What is followed, and who is told.
pub struct Follow {
    config: Current<IngestConfig>,
    /// What this process reads.
    source: (Exchange, Endpoints),
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
        let source = source(&config.borrow());
        let follow = Self {
            config,
            source,
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
        let tracked = {
            let config = self.config.borrow_and_update();
            if source(&config) != self.source {
                tracing::info!(
                    "the symbols are another exchange's now; the process that reads it is on its way"
                );
                return;
            }
            self.symbols.configure(&config)
        };
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

/// Where the symbols of a configuration are listed.
fn source(config: &IngestConfig) -> (Exchange, Endpoints) {
    (config.exchange, config.endpoints.clone())
}

#[cfg(test)]
mod tests {
    use crds::spec::GapPolicy;
    use prometheus_client::{metrics::gauge::Gauge, registry::Registry};

    use super::*;
    use crate::{feed::LastLoss, ingest::symbols::tests::config};

    #[test]
    fn another_exchanges_symbols_are_left_to_the_process_that_reads_it() {
        let mut registry = Registry::default();
        let ledger = Ledger::new(
            Exchange::Binance,
            GapPolicy::Strict,
            &[],
            Gauge::default(),
            LastLoss::default(),
            &mut registry,
        );
        let (changes, current) = watch::channel(config(&["BTCUSDT"], "v1"));
        let (mut follow, wanted) = Follow::new(vec![], current, Arc::default(), Arc::new(ledger));
        let names = || {
            wanted
                .borrow()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };

        changes.send_replace(config(&["ETHUSDT"], "v2"));
        follow.take_over();
        assert_eq!(names(), ["ETHUSDT"]);

        let mut other = config(&["BTC-USD"], "v3");
        other.exchange = Exchange::Coinbase;
        changes.send_replace(other);
        follow.take_over();
        assert_eq!(names(), ["ETHUSDT"]);
    }
}
