//! Which letters are meant.

use super::letter::Letter;

/// A letter is meant when it fits everything that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Why it could not be read.
    pub reason: Option<String>,
    /// The partition that it was read from.
    pub partition: Option<i32>,
    /// The lowest offset in that partition.
    pub from: Option<i64>,
    /// The highest offset in that partition, itself included.
    pub to: Option<i64>,
}

impl Selection {
    /// Whether the letter is meant.
    pub fn holds(&self, letter: &Letter<'_>) -> bool {
        let fits = |offset: fn(&i64, &i64) -> bool, bound: Option<i64>| {
            bound.is_none_or(|bound| letter.offset.is_some_and(|at| offset(&at, &bound)))
        };
        self.reason
            .as_deref()
            .is_none_or(|reason| reason == letter.reason)
            && self
                .partition
                .is_none_or(|partition| letter.partition == Some(partition))
            && fits(i64::ge, self.from)
            && fits(i64::le, self.to)
    }
}
