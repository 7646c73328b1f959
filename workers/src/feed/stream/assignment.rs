//! Which line carries which symbol. Pure. A symbol stays where it is while others come and go.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Symbol;

/// Lines by number, each with at least one symbol. A number is used once.
#[derive(Debug)]
pub struct Assignment {
    most: usize,
    lines: BTreeMap<usize, BTreeSet<Symbol>>,
    used: usize,
}

impl Assignment {
    /// Without a line yet. A line carries at most `most` symbols, at least one.
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            lines: BTreeMap::new(),
            used: 0,
        }
    }

    /// Spreads these symbols, and no others, over lines.
    pub fn assign(&mut self, wanted: &BTreeSet<Symbol>) -> &BTreeMap<usize, BTreeSet<Symbol>> {
        let mut unassigned = wanted.clone();
        for line in self.lines.values_mut() {
            // What it has and is wanted is no longer unassigned; what is not wanted goes.
            line.retain(|symbol| unassigned.remove(symbol));
        }
        self.lines.retain(|_, line| !line.is_empty());
        for line in self.lines.values_mut() {
            while line.len() < self.most
                && let Some(symbol) = unassigned.pop_first()
            {
                line.insert(symbol);
            }
        }
        while let Some(symbol) = unassigned.pop_first() {
            let mut line = BTreeSet::from([symbol]);
            while line.len() < self.most
                && let Some(symbol) = unassigned.pop_first()
            {
                line.insert(symbol);
            }
            self.lines.insert(self.used, line);
            self.used += 1;
        }
        &self.lines
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: usize = 1000;

    fn line_of(lines: &BTreeMap<usize, BTreeSet<Symbol>>) -> BTreeMap<Symbol, usize> {
        lines
            .iter()
            .flat_map(|(number, line)| line.iter().map(|symbol| (symbol.clone(), *number)))
            .collect()
    }

    #[test]
    fn a_line_whose_symbols_are_all_gone_ends_and_its_number_is_not_used_again() {
        let set = |name: &str| BTreeSet::from([name.parse().unwrap()]);
        let mut assignment = Assignment::new(MOST);
        assert!(assignment.assign(&set("BTCUSDT")).contains_key(&0));
        assert!(assignment.assign(&BTreeSet::new()).is_empty());
        assert_eq!(
            assignment.assign(&set("ETHUSDT")).keys().collect::<Vec<_>>(),
            [&1]
        );
    }

    proptest! {
        #[test]
        fn every_symbol_is_on_one_line_and_stays_there(
            sets in prop::collection::vec(prop::collection::btree_set(0_u32..4000, 0..3000), 1..4),
        ) {
            let mut assignment = Assignment::new(MOST);
            let mut before = BTreeMap::new();
            for numbers in sets {
                let wanted: BTreeSet<Symbol> = numbers.iter().map(|number| format!("SYMBOL{number}").parse().unwrap()).collect();
                let lines = assignment.assign(&wanted);
                prop_assert!(lines.values().all(|line| !line.is_empty() && line.len() <= MOST));
                prop_assert_eq!(lines.values().map(BTreeSet::len).sum::<usize>(), wanted.len());
                let after = line_of(lines);
                prop_assert!(wanted.iter().all(|symbol| after.contains_key(symbol)));
                prop_assert!(before.iter().all(|(symbol, line)| after.get(symbol).is_none_or(|now| now == line)));
                before = after;
            }
        }
    }
}
