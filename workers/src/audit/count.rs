//! Counting ids in one place. Pure.

use std::collections::BTreeMap;

use crate::model::IdIntervals;

/// Ids of one symbol in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Each once.
    pub distinct: IdIntervals,
    /// Those that were met more than once.
    pub repeated: IdIntervals,
}

/// Ids of one place by symbol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, Ids>);

impl Counts {
    /// Counts one trade.
    pub fn add(&mut self, symbol: &str, id: u64) {
        let ids = match self.0.get_mut(symbol) {
            Some(ids) => ids,
            None => self.0.entry(symbol.to_owned()).or_default(),
        };
        if !ids.distinct.insert(id) {
            ids.repeated.insert(id);
        }
    }

    /// The ids of a symbol, if there is any.
    pub fn of(&self, symbol: &str) -> Option<&Ids> {
        self.0.get(symbol)
    }

    /// All symbols met.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
