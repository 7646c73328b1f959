//! From what was counted to the report. Pure.

use std::collections::BTreeSet;

use crds::wire::{AuditReport, IdRange, PlaceAudit, SymbolAudit};

use super::count::{Counts, Ids};
use crate::model::{IdInterval, IdIntervals};

/// Compares the three places. A symbol that was asked for and is nowhere makes the report incomplete, and so does an
/// audit of nothing.
pub fn report(kafka: &Counts, cassandra: &Counts, archive: &Counts, asked: &[String]) -> AuditReport {
    let places = [kafka, cassandra, archive];
    let symbols: BTreeSet<&str> = if asked.is_empty() {
        places.iter().flat_map(|place| place.symbols()).collect()
    } else {
        asked.iter().map(String::as_str).collect()
    };
    let symbols: std::collections::BTreeMap<String, SymbolAudit> = symbols
        .into_iter()
        .map(|symbol| (symbol.to_owned(), audit(places.map(|place| place.of(symbol)))))
        .collect();
    AuditReport {
        complete: !symbols.is_empty() && symbols.values().all(is_complete),
        symbols,
    }
}

fn audit(places: [Option<&Ids>; 3]) -> SymbolAudit {
    let mut union = IdIntervals::new();
    for ids in places.into_iter().flatten() {
        union.union(&ids.distinct);
    }
    let bounds = union
        .first()
        .zip(union.last())
        .and_then(|(first, last)| IdInterval::new(first, last));
    let [kafka, cassandra, archive] = places.map(|ids| place(ids, bounds));
    SymbolAudit {
        first_id: union.first(),
        last_id: union.last(),
        kafka,
        cassandra,
        archive,
    }
}

fn place(ids: Option<&Ids>, bounds: Option<IdInterval>) -> PlaceAudit {
    let nothing = Ids::default();
    let ids = ids.unwrap_or(&nothing);
    PlaceAudit {
        trades: ids.distinct.count(),
        ids: ranges(ids.distinct.ranges()),
        missing: bounds
            .map(|bounds| ranges(&ids.distinct.missing_in(bounds)))
            .unwrap_or_default(),
        duplicates: ranges(ids.repeated.ranges()),
    }
}

fn ranges(intervals: &[IdInterval]) -> Vec<IdRange> {
    intervals
        .iter()
        .map(|interval| IdRange(interval.first(), interval.last()))
        .collect()
}

fn is_complete(symbol: &SymbolAudit) -> bool {
    symbol.first_id.is_some()
        && [&symbol.kafka, &symbol.cassandra, &symbol.archive]
            .into_iter()
            .all(|place| place.missing.is_empty() && place.duplicates.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(ids: impl IntoIterator<Item = u64>) -> Counts {
        let mut counts = Counts::default();
        for id in ids {
            counts.add("BTCUSDT", id);
        }
        counts
    }

    #[test]
    fn equal_places_without_holes_are_complete() {
        let all = counts(5..=9);
        let report = report(&all, &all, &all, &[]);
        assert!(report.complete);
        let symbol = &report.symbols["BTCUSDT"];
        assert_eq!((symbol.first_id, symbol.last_id), (Some(5), Some(9)));
        assert_eq!(
            (symbol.kafka.trades, symbol.kafka.ids.clone()),
            (5, vec![IdRange(5, 9)])
        );
    }

    #[test]
    fn every_place_is_measured_from_the_first_to_the_last_id_of_any() {
        let report = report(&counts([5, 6, 8, 9]), &counts([6, 8]), &counts([]), &[]);
        let symbol = &report.symbols["BTCUSDT"];
        assert!(!report.complete);
        assert_eq!(symbol.kafka.missing, [IdRange(7, 7)]);
        assert_eq!(
            symbol.cassandra.missing,
            [IdRange(5, 5), IdRange(7, 7), IdRange(9, 9)]
        );
        assert_eq!(symbol.archive.missing, [IdRange(5, 9)]);
    }

    #[test]
    fn a_copy_is_named_and_counted_once() {
        let all = counts(5..=9);
        let report = report(&all, &all, &counts([5, 6, 7, 8, 9, 7, 7]), &[]);
        let archive = &report.symbols["BTCUSDT"].archive;
        assert!(!report.complete);
        assert_eq!(
            (archive.trades, archive.duplicates.clone()),
            (5, vec![IdRange(7, 7)])
        );
    }

    #[test]
    fn what_was_asked_for_and_is_nowhere_is_not_complete() {
        let all = counts(5..=9);
        assert!(!report(&all, &all, &all, &["ETHUSDT".to_owned()]).complete);
        assert!(!report(&counts([]), &counts([]), &counts([]), &[]).complete);
    }
}
