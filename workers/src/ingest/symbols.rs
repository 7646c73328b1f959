//! The symbols that a worker follows: those configured now, and which of them the exchange does not know.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crds::wire::IngestConfig;

use crate::model::Symbol;

/// Shared by the tasks of a worker.
#[derive(Debug, Default)]
pub struct Symbols(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    version: String,
    wanted: BTreeSet<Symbol>,
    /// Names that no symbol can have.
    impossible: BTreeSet<String>,
    /// What the exchange lists; `None` before it was asked.
    listed: Option<BTreeSet<String>>,
    /// Why it did not say so, the last time that it was asked.
    listing_error: Option<String>,
}

impl Symbols {
    /// Takes a configuration over and returns its symbols, each once.
    pub fn configure(&self, config: &IngestConfig) -> Vec<Symbol> {
        let mut state = self.lock();
        state.version.clone_from(&config.symbols_version);
        state.wanted.clear();
        state.impossible.clear();
        for name in &config.symbols {
            match name.parse() {
                Ok(symbol) => {
                    state.wanted.insert(symbol);
                }
                Err(error) => {
                    tracing::error!(symbol = name, %error, "not a symbol; correct spec.ingest.symbols");
                    state.impossible.insert(name.clone());
                }
            }
        }
        state.wanted.iter().cloned().collect()
    }

    /// Takes over what the exchange lists.
    pub fn list(&self, names: BTreeSet<String>) {
        let mut state = self.lock();
        state.listed = Some(names);
        state.listing_error = None;
    }

    /// Notes why the exchange did not say what it lists.
    pub fn note_listing_error(&self, error: String) {
        self.lock().listing_error = Some(error);
    }

    /// Whether the exchange has told what it lists, and why it did not the last time.
    pub fn listing(&self) -> (bool, Option<String>) {
        let state = self.lock();
        (state.listed.is_some(), state.listing_error.clone())
    }

    /// The configuration's own name of its list of symbols.
    pub fn version(&self) -> String {
        self.lock().version.clone()
    }

    /// Configured names that the exchange does not list, as far as that is known.
    pub fn unknown(&self) -> Vec<String> {
        let state = self.lock();
        let unlisted = state.wanted.iter().filter(|symbol| !state.knows(symbol));
        let mut unknown: Vec<_> = unlisted.map(ToString::to_string).collect();
        unknown.extend(state.impossible.iter().cloned());
        unknown.sort();
        unknown
    }

    /// Those of these symbols that the exchange may be asked about.
    pub fn known(&self, mut symbols: Vec<Symbol>) -> Vec<Symbol> {
        let state = self.lock();
        symbols.retain(|symbol| state.knows(symbol));
        symbols
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Without the exchange's list every symbol may be one of it.
    fn knows(&self, symbol: &Symbol) -> bool {
        self.listed
            .as_ref()
            .is_none_or(|listed| listed.contains(symbol.as_str()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn config(symbols: &[&str], version: &str) -> IngestConfig {
        serde_json::from_value(serde_json::json!({
            "exchange": "binance",
            "endpoints": {"stream": "", "rest": ""},
            "symbols": symbols,
            "symbolsVersion": version,
            "requestWeightPerMinute": 100,
            "kafka": {"bootstrap": "", "topic": "", "deadLetterTopic": "", "gapTopic": ""},
            "ledgerTopic": "",
            "buffer": {"memoryBytes": 0, "diskBytes": 0, "folder": ""},
        }))
        .unwrap()
    }

    #[test]
    fn what_the_exchange_does_not_list_is_unknown_once_it_was_asked() {
        let symbols = Symbols::default();
        let wanted = symbols.configure(&config(&["BTCUSDT", "DOGE USDT", "NEWUSDT"], "v1"));
        assert_eq!(wanted.len(), 2);
        assert_eq!(
            (symbols.version(), symbols.unknown()),
            ("v1".to_owned(), vec!["DOGE USDT".to_owned()])
        );
        assert_eq!(symbols.known(wanted.clone()).len(), 2);

        symbols.list(["BTCUSDT", "ETHUSDT"].map(str::to_owned).into());
        assert_eq!(symbols.unknown(), ["DOGE USDT", "NEWUSDT"]);
        assert_eq!(symbols.known(wanted), ["BTCUSDT".parse().unwrap()]);

        symbols.configure(&config(&["ETHUSDT"], "v2"));
        assert!(symbols.unknown().is_empty());
    }
}
