//! Whether what the auditor found is what the exchange issued. Pure: compares a report with a ledger.

use anyhow::{Context, Result, ensure};
use crds::wire::{AuditReport, IdRange, PlaceAudit, SymbolAudit};
use exchange_sim::{Ledger, SymbolLedger};

const KAFKA: &str = "Kafka";

/// Where copies of a trade may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// Nowhere.
    None,
    /// In Kafka alone, where two ingest workers listened: the container of a killed pod starts again at once, and for a moment
    /// it listens beside the new pod's.
    InKafka,
}

/// Every trade that the exchange issued of these symbols is in each place exactly once, but for `copies`. Returns their number.
pub fn complete(report: &AuditReport, ledger: &Ledger, symbols: &[String], copies: Copies) -> Result<u64> {
    let mut trades = 0;
    for symbol in symbols {
        let (found, issued) = pages(report, ledger, symbol)?;
        let all = issued_range(issued).with_context(|| format!("{symbol} has not traded"))?;
        ensure!(
            all.count() == issued.issued,
            "{symbol}: the exchange left ids out"
        );
        exactly(symbol, found, all, copies)?;
        trades += issued.issued;
    }
    Ok(trades)
}

/// Each place holds these trades of a symbol, each of them once but for `copies`, and no other.
pub fn exactly(symbol: &str, found: &SymbolAudit, all: IdRange, copies: Copies) -> Result<()> {
    for (place, audit) in places(found) {
        if place != KAFKA || copies == Copies::None {
            no_copies(symbol, place, audit)?;
        }
        ensure!(
            audit.ids == [all],
            "{symbol}: {place} holds {:?} of {all:?}; missing are {:?}",
            audit.ids,
            audit.missing
        );
        ensure!(
            audit.trades == all.count(),
            "{symbol}: {place} counts {} of {} trades",
            audit.trades,
            all.count()
        );
    }
    Ok(())
}

/// The number of trades that the exchange sent to nobody; none of a symbol is an error.
pub fn unheard(ledger: &Ledger, symbols: &[String]) -> Result<u64> {
    let mut trades = 0;
    for symbol in symbols {
        let unheard: u64 = page_of(ledger, symbol)?
            .unheard
            .iter()
            .map(|range| range.1 - range.0 + 1)
            .sum();
        ensure!(unheard > 0, "{symbol}: the exchange was heard all the time");
        trades += unheard;
    }
    Ok(trades)
}

/// Every trade of these symbols was sent to somebody.
pub fn always_heard(ledger: &Ledger, symbols: &[String]) -> Result<()> {
    for symbol in symbols {
        let unheard = &page_of(ledger, symbol)?.unheard;
        ensure!(unheard.is_empty(), "{symbol}: {unheard:?} was sent to nobody");
    }
    Ok(())
}

/// The first id of a stretch that no gap tells of. A stretch may be told of in parts.
pub fn untold(stretch: IdRange, gaps: &[IdRange]) -> Option<u64> {
    let mut gaps = gaps.to_vec();
    gaps.sort_unstable_by_key(|gap| gap.0);
    let next = gaps.iter().fold(
        stretch.0,
        |next, gap| {
            if gap.0 <= next { next.max(gap.1 + 1) } else { next }
        },
    );
    (next <= stretch.1).then_some(next)
}

/// Every trade is where it was, in each place as before.
pub fn unchanged(before: &AuditReport, after: &AuditReport) -> Result<()> {
    for (symbol, was) in &before.symbols {
        let is = after.symbols.get(symbol);
        ensure!(is == Some(was), "{symbol} was {was:?} and is {is:?}");
    }
    Ok(())
}

fn pages<'a>(
    report: &'a AuditReport,
    ledger: &'a Ledger,
    symbol: &str,
) -> Result<(&'a SymbolAudit, &'a SymbolLedger)> {
    let found = report
        .symbols
        .get(symbol)
        .with_context(|| format!("the auditor found no {symbol}"))?;
    Ok((found, page_of(ledger, symbol)?))
}

fn page_of<'a>(ledger: &'a Ledger, symbol: &str) -> Result<&'a SymbolLedger> {
    ledger
        .symbols
        .get(symbol)
        .with_context(|| format!("the exchange lists no {symbol}"))
}

fn issued_range(issued: &SymbolLedger) -> Option<IdRange> {
    Some(IdRange(issued.first_id?, issued.last_id?))
}

fn places(audit: &SymbolAudit) -> [(&'static str, &PlaceAudit); 3] {
    [
        (KAFKA, &audit.kafka),
        ("Cassandra", &audit.cassandra),
        ("the archive", &audit.archive),
    ]
}

fn no_copies(symbol: &str, place: &str, audit: &PlaceAudit) -> Result<()> {
    ensure!(
        audit.duplicates.is_empty(),
        "{symbol}: {place} holds {:?} more than once",
        audit.duplicates
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use super::*;

    fn place(ids: &[(u64, u64)], missing: &[(u64, u64)]) -> PlaceAudit {
        let ranges = |pairs: &[(u64, u64)]| pairs.iter().map(|p| IdRange(p.0, p.1)).collect::<Vec<_>>();
        PlaceAudit {
            trades: ranges(ids).iter().map(|range| range.count()).sum(),
            ids: ranges(ids),
            missing: ranges(missing),
            duplicates: vec![],
        }
    }

    fn report(place: &PlaceAudit) -> AuditReport {
        let audit = SymbolAudit {
            first_id: Some(1),
            last_id: Some(10),
            kafka: place.clone(),
            cassandra: place.clone(),
            archive: place.clone(),
        };
        AuditReport {
            complete: true,
            symbols: BTreeMap::from([("BTCUSDT".to_owned(), audit)]),
        }
    }

    fn ledger(unheard: Vec<exchange_sim::IdRange>) -> Ledger {
        let page = SymbolLedger {
            first_id: Some(1),
            last_id: Some(10),
            issued: 10,
            finished: true,
            unheard,
            connections: 1,
        };
        Ledger {
            symbols: BTreeMap::from([("BTCUSDT".to_owned(), page)]),
            connections: 1,
            connections_opened: 1,
            violations: BTreeMap::new(),
            recent_violations: VecDeque::new(),
        }
    }

    fn btc() -> Vec<String> {
        vec!["BTCUSDT".to_owned()]
    }

    #[test]
    fn all_issued_ids_once_in_each_place_is_complete() {
        let found = report(&place(&[(1, 10)], &[]));
        assert_eq!(
            complete(&found, &ledger(vec![]), &btc(), Copies::None).unwrap(),
            10
        );
    }

    #[test]
    fn a_tail_that_is_missing_everywhere_is_not_complete() {
        let found = report(&place(&[(1, 9)], &[]));
        complete(&found, &ledger(vec![]), &btc(), Copies::None).unwrap_err();
    }

    #[test]
    fn a_copy_in_one_place_is_not_complete() {
        let mut found = report(&place(&[(1, 10)], &[]));
        found.symbols.get_mut("BTCUSDT").unwrap().archive.duplicates = vec![IdRange(4, 4)];
        complete(&found, &ledger(vec![]), &btc(), Copies::None).unwrap_err();
    }

    #[test]
    fn copies_may_be_in_kafka_alone_and_only_where_two_listened() {
        let mut found = report(&place(&[(1, 10)], &[]));
        let page = found.symbols.get_mut("BTCUSDT").unwrap();
        page.kafka.duplicates = vec![IdRange(8, 9)];
        complete(&found, &ledger(vec![]), &btc(), Copies::None).unwrap_err();
        complete(&found, &ledger(vec![]), &btc(), Copies::InKafka).unwrap();
        found.symbols.get_mut("BTCUSDT").unwrap().archive.duplicates = vec![IdRange(8, 9)];
        complete(&found, &ledger(vec![]), &btc(), Copies::InKafka).unwrap_err();
    }

    #[test]
    fn a_stretch_may_be_told_of_in_parts_but_not_in_part() {
        let gaps = [IdRange(5, 9), IdRange(1, 4), IdRange(12, 20)];
        assert_eq!(untold(IdRange(2, 9), &gaps), None);
        assert_eq!(untold(IdRange(2, 12), &gaps), Some(10));
        assert_eq!(untold(IdRange(30, 31), &gaps), Some(30));
        assert_eq!(untold(IdRange(1, 1), &[]), Some(1));
    }

    #[test]
    fn what_nobody_heard_is_counted_and_expected_of_every_symbol() {
        let range = |from, to| exchange_sim::IdRange(from, to);
        assert_eq!(
            unheard(&ledger(vec![range(2, 2), range(5, 7)]), &btc()).unwrap(),
            4
        );
        unheard(&ledger(vec![]), &btc()).unwrap_err();
        always_heard(&ledger(vec![range(2, 2)]), &btc()).unwrap_err();
        always_heard(&ledger(vec![]), &btc()).unwrap();
    }
}
