//! Letters as lines that a person reads, corrects and hands to `put`.

use std::borrow::Cow;

use crds::wire::KafkaEndpoint;
use serde::Serialize;

use super::{
    DeadLettersError,
    letter::{Letter, Place},
    scan,
    select::Selection,
};

/// A letter in JSON.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Listed<'a> {
    /// Where it is in the dead-letter topic.
    pub place: Place,
    /// Partition of the topic of trades; null where ingest buried what the exchange sent.
    pub partition: Option<i32>,
    /// Offset in that partition.
    pub offset: Option<i64>,
    /// Why it could not be read then, as a stable name.
    pub reason: &'a str,
    /// The same in words.
    pub message: Option<&'a str>,
    /// Whether it can be read now, as it is.
    pub readable: bool,
    /// Whether the end of the value is missing, because it was too large.
    pub cut: bool,
    /// Whether `value` shows every byte: what is no UTF-8 is shown as U+FFFD.
    pub exact: bool,
    /// As it was received.
    pub value: Cow<'a, str>,
}

impl<'a> Listed<'a> {
    fn of(letter: &Letter<'a>) -> Self {
        let value = String::from_utf8_lossy(letter.value);
        Self {
            place: letter.place,
            partition: letter.partition,
            offset: letter.offset,
            reason: letter.reason,
            message: letter.message,
            readable: letter.trade(letter.value).is_ok(),
            cut: letter.cut,
            exact: matches!(value, Cow::Borrowed(_)),
            value,
        }
    }
}

/// Hands every selected letter to `tell` that was not put back. Blocks.
pub fn list(
    endpoint: &KafkaEndpoint,
    selection: &Selection,
    mut tell: impl FnMut(&Listed<'_>),
) -> Result<(), DeadLettersError> {
    let put_back = scan::put_back(endpoint)?;
    scan::letters(endpoint, |letter| {
        if selection.holds(letter) && !put_back.contains(&letter.place) {
            tell(&Listed::of(letter));
        }
    })?;
    Ok(())
}
