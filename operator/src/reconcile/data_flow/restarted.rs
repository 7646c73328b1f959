//! What is said of symbols whose trade ids began again. Pure.

use std::collections::BTreeMap;

use crds::wire::{IngestStatus, RestartedIds};

/// Symbols named in the condition.
const NAMED_SYMBOLS: usize = 5;

/// Set when a worker has heard ids that began again at a lower number. The words stay the same while such trades go on.
pub fn told(feeds: &[&IngestStatus]) -> Option<String> {
    let symbols = feeds.iter().flat_map(|feed| &feed.symbols);
    // Of two workers that read the same symbol one speaks.
    let restarted: BTreeMap<&String, &RestartedIds> = symbols
        .filter_map(|(symbol, status)| Some((symbol, status.restarted.as_ref()?)))
        .collect();
    if restarted.is_empty() {
        return None;
    }
    let mut named: Vec<String> = restarted
        .iter()
        .take(NAMED_SYMBOLS)
        .map(|(symbol, ids)| format!("{symbol} at {}, after {}", ids.new_id, ids.old_id))
        .collect();
    if let more @ 1.. = restarted.len() - named.len() {
        named.push(format!("{more} more"));
    }
    Some(format!(
        "the exchange numbers trades anew: {}. Until the ids are above the old ones these trades are dead letters with the \
         reason IdsRestarted; read the symbol in a pipeline of its own, and take it out of ingest.symbols here",
        named.join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use crds::wire::SymbolStatus;

    use super::*;

    fn feed(restarted: impl IntoIterator<Item = (String, u64)>) -> IngestStatus {
        let page = |(symbol, new_id)| {
            let restarted = Some(RestartedIds {
                old_id: 500,
                new_id,
                trades: 3,
            });
            let status = SymbolStatus {
                restarted,
                ..SymbolStatus::default()
            };
            (symbol, status)
        };
        IngestStatus {
            symbols: restarted.into_iter().map(page).collect(),
            ..IngestStatus::default()
        }
    }

    #[test]
    fn symbols_are_named_once_with_the_old_and_the_new_id() {
        let bitcoin = feed([("BTCUSDT".to_owned(), 7)]);
        let message = told(&[&bitcoin, &IngestStatus::default(), &bitcoin]).unwrap();
        let beginning = "the exchange numbers trades anew: BTCUSDT at 7, after 500. ";
        assert!(message.starts_with(beginning), "{message}");
        assert!(message.contains("take it out of ingest.symbols"), "{message}");

        let many = feed((0..8).map(|number| (format!("S{number}"), 7)));
        let message = told(&[&many]).unwrap();
        assert!(message.contains("S4 at 7, after 500; 3 more. "), "{message}");
        assert_eq!(told(&[&IngestStatus::default()]), None);
    }
}
