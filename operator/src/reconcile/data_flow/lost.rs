//! Which trade ids a lane has lost for good, because Kafka deleted them before the lane stored them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crds::{gap::GapRecord, wire::IdRange};

use super::{Answers, Pick};

/// Ranges named in a condition.
const NAMED: usize = 10;

/// Symbol and range.
type Lost = (String, IdRange);

/// The ids that a lane misses between a symbol's first and last one, without those that ingest does not have either: these
/// are told of as gaps.
pub fn of_lane(answers: &Answers, pick: Pick, gaps: &[&GapRecord]) -> Vec<Lost> {
    let partitions = answers
        .processors
        .iter()
        .flatten()
        .filter_map(pick)
        .flat_map(|lane| &lane.partitions);
    // While a partition changes hands two workers may speak of it; the one that is further on knows better.
    let mut newest = BTreeMap::new();
    for (number, status) in partitions {
        let known = newest.entry(number).or_insert(status);
        if status.next_offset > known.next_offset {
            *known = status;
        }
    }
    let missing: BTreeSet<(&String, IdRange)> = newest
        .into_values()
        .flat_map(|status| &status.missing)
        .flat_map(|(symbol, ranges)| ranges.iter().map(move |range| (symbol, *range)))
        .collect();
    missing
        .into_iter()
        .flat_map(|(symbol, range)| {
            let holes = gaps
                .iter()
                .filter(|gap| gap.symbol == *symbol)
                .map(|gap| IdRange(gap.from_id, gap.to_id));
            without(range, holes)
                .into_iter()
                .map(|left| (symbol.clone(), left))
        })
        .collect()
}

/// `: BTCUSDT 5-9, ETHUSDT 7-7 and 3 more ranges`; empty where no worker has named any.
pub fn named(lost: &[Lost]) -> String {
    if lost.is_empty() {
        return String::new();
    }
    let names: Vec<String> = lost
        .iter()
        .take(NAMED)
        .map(|(symbol, IdRange(from, to))| format!("{symbol} {from}-{to}"))
        .collect();
    let more = match lost.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more ranges"),
    };
    format!(": {}{more}", names.join(", "))
}

/// What is left of a range.
fn without(range: IdRange, holes: impl Iterator<Item = IdRange>) -> Vec<IdRange> {
    holes.fold(vec![range], |left, IdRange(from, to)| {
        left.into_iter()
            .flat_map(|IdRange(first, last)| {
                let before = (first < from).then(|| IdRange(first, last.min(from.saturating_sub(1))));
                let after = (last > to).then(|| IdRange(first.max(to.saturating_add(1)), last));
                before.into_iter().chain(after)
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case((5, 9), &[], &[(5, 9)])]
    #[case((5, 9), &[(5, 9)], &[])]
    #[case((5, 9), &[(0, 6)], &[(7, 9)])]
    #[case((5, 9), &[(8, 20)], &[(5, 7)])]
    #[case((5, 9), &[(6, 6), (8, 8)], &[(5, 5), (7, 7), (9, 9)])]
    #[case((5, 9), &[(1, 2), (11, 12)], &[(5, 9)])]
    fn what_ingest_lacks_is_taken_out(
        #[case] range: (u64, u64),
        #[case] holes: &[(u64, u64)],
        #[case] left: &[(u64, u64)],
    ) {
        let ranges = |pairs: &[(u64, u64)]| pairs.iter().map(|(a, b)| IdRange(*a, *b)).collect::<Vec<_>>();
        assert_eq!(
            without(IdRange(range.0, range.1), ranges(holes).into_iter()),
            ranges(left)
        );
    }
}
