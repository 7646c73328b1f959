//! Reads the dead-letter topic in two rounds: first the notes, then the letters. A note stands behind its letter, and the
//! letters themselves may be more than fits into memory.

use std::collections::BTreeSet;

use crds::wire::KafkaEndpoint;

use super::letter::{Entry, Letter, Place};
use crate::kafka::bounded::{self, BoundedReadError};

/// The places of the letters that were put back. Blocks.
pub fn put_back(endpoint: &KafkaEndpoint) -> Result<BTreeSet<Place>, BoundedReadError> {
    let mut places = BTreeSet::new();
    scan(endpoint, |entry| {
        if let Entry::Note(place) = entry {
            places.insert(place);
        }
    })?;
    Ok(places)
}

/// Hands every letter to `take`, those of one partition in order. Blocks.
pub fn letters(endpoint: &KafkaEndpoint, mut take: impl FnMut(&Letter<'_>)) -> Result<(), BoundedReadError> {
    scan(endpoint, |entry| {
        if let Entry::Letter(letter) = entry {
            take(&letter);
        }
    })
}

fn scan(endpoint: &KafkaEndpoint, mut take: impl FnMut(Entry<'_>)) -> Result<(), BoundedReadError> {
    bounded::read(
        &endpoint.bootstrap,
        &endpoint.dead_letter_topic,
        |_, extent| extent.low,
        |record| take(Entry::of(record)),
    )
    .map(|_ends| ())
}
