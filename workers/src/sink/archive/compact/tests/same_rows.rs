//! What counts as the same rows.

use super::{digest::Digest, *};

/// The rows of a batch of one hour that begins at this offset.
fn rows_from(first: i64, ids: &[u64]) -> Digest {
    let checkpoint = Checkpoint {
        next: first,
        ..Checkpoint::default()
    };
    let trades: Vec<_> = ids.iter().map(|id| ("BTCUSDT", *id, 0)).collect();
    let closed = batch(checkpoint, 0, &trades);
    let (digest, sorted) = Digest::of(closed.files[0].bytes.clone()).unwrap();
    assert!(sorted);
    digest
}

fn together(mut one: Digest, other: Digest) -> Digest {
    one.add(other);
    one
}

#[test]
fn it_does_not_matter_in_which_files_they_are() {
    let apart = together(rows_from(1, &[8]), rows_from(0, &[7]));
    assert_eq!(apart, rows_from(0, &[7, 8]));
}

#[test]
fn a_row_that_is_absent_or_double_or_differs_in_any_column_is_seen() {
    let two = rows_from(0, &[7, 8]);
    assert_ne!(rows_from(0, &[7]), two);
    assert_ne!(together(rows_from(0, &[7]), rows_from(0, &[7])), two);
    // Of the same trades, only the offsets differ.
    assert_ne!(rows_from(5, &[7, 8]), two);
}
