//! The report for people. Pure.

use std::fmt::Write;

use crds::wire::{AuditReport, IdRange};

/// Ranges named in full; the rest is counted.
const RANGES_SHOWN: usize = 3;

const HEADER: [&str; 7] = [
    "SYMBOL",
    "FIRST ID",
    "LAST ID",
    "PLACE",
    "TRADES",
    "MISSING",
    "DUPLICATES",
];

/// One line per symbol and place, with a verdict at the end.
pub fn render(report: &AuditReport) -> String {
    let mut lines = vec![HEADER.map(str::to_owned)];
    for (symbol, audit) in &report.symbols {
        let id = |id: Option<u64>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        for (name, place) in [
            ("kafka", &audit.kafka),
            ("cassandra", &audit.cassandra),
            ("parquet", &audit.archive),
        ] {
            lines.push([
                symbol.clone(),
                id(audit.first_id),
                id(audit.last_id),
                name.to_owned(),
                place.trades.to_string(),
                abbreviated(&place.missing),
                abbreviated(&place.duplicates),
            ]);
        }
    }
    let mut text = aligned(&lines);
    let verdict = if report.complete {
        "complete: every id is in all three places exactly once"
    } else if report.symbols.is_empty() {
        "nothing to audit: no place has a trade"
    } else {
        "NOT complete: see MISSING and DUPLICATES"
    };
    text.push_str(verdict);
    text.push('\n');
    text
}

/// For instance `4: 7, 11-13`.
pub fn abbreviated(ranges: &[IdRange]) -> String {
    let count: u64 = ranges.iter().map(|range| range.count()).sum();
    if count == 0 {
        return "0".to_owned();
    }
    let shown: Vec<String> = ranges
        .iter()
        .take(RANGES_SHOWN)
        .map(|IdRange(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            }
        })
        .collect();
    let more = if ranges.len() > RANGES_SHOWN { ", …" } else { "" };
    format!("{count}: {}{more}", shown.join(", "))
}

fn aligned<const N: usize>(lines: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            // Writing to a String cannot fail.
            let _ = write!(row, "{cell:<width$}  ");
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::audit::{count::Counts, report::report};

    #[rstest]
    #[case(&[], "0")]
    #[case(&[IdRange(7, 7)], "1: 7")]
    #[case(&[IdRange(7, 7), IdRange(11, 13)], "4: 7, 11-13")]
    #[case(&[IdRange(1, 1), IdRange(3, 3), IdRange(5, 5), IdRange(7, 9)], "6: 1, 3, 5, …")]
    fn ranges_are_counted_and_abbreviated(#[case] ranges: &[IdRange], #[case] text: &str) {
        assert_eq!(abbreviated(ranges), text);
    }

    #[test]
    fn a_line_per_place() {
        let mut counts = Counts::default();
        counts.add("BTCUSDT", 5);
        let table = render(&report(&counts, &counts, &counts, &[]));
        let expected = "\
SYMBOL   FIRST ID  LAST ID  PLACE      TRADES  MISSING  DUPLICATES
BTCUSDT  5         5        kafka      1       0        0
BTCUSDT  5         5        cassandra  1       0        0
BTCUSDT  5         5        parquet    1       0        0
complete: every id is in all three places exactly once
";
        assert_eq!(table, expected);
    }
}
