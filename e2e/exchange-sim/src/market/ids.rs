//! A set of trade ids kept as closed ranges, so that its size grows with its holes and not with its ids.

use crate::ledger::IdRange;

/// Disjoint ranges in ascending order, with at least one missing id between two of them.
#[derive(Debug, Default)]
pub struct IdSet(Vec<IdRange>);

impl IdSet {
    /// Adds one id. Ids mostly arrive in order, which touches only the last range.
    pub fn insert(&mut self, id: u64) {
        let at = self.0.partition_point(|range| range.1 < id);
        if self.0.get(at).is_some_and(|range| range.0 <= id) {
            return;
        }
        let joins_left = at > 0 && self.0.get(at - 1).is_some_and(|range| range.1 + 1 == id);
        let joins_right = self.0.get(at).is_some_and(|range| range.0 == id + 1);
        match (joins_left, joins_right) {
            (true, true) => {
                let right = self.0.remove(at);
                self.0[at - 1].1 = right.1;
            }
            (true, false) => self.0[at - 1].1 = id,
            (false, true) => self.0[at].0 = id,
            (false, false) => self.0.insert(at, IdRange(id, id)),
        }
    }

    /// The ids of `from..to` (`to` excluded) that are not in the set.
    pub fn missing(&self, from: u64, to: u64) -> Vec<IdRange> {
        let mut missing = Vec::new();
        let mut next = from;
        for range in self
            .0
            .iter()
            .filter(|range| range.1 >= from)
            .take_while(|range| range.0 < to)
        {
            if next < range.0 {
                missing.push(IdRange(next, range.0 - 1));
            }
            next = range.1 + 1;
        }
        if next < to {
            missing.push(IdRange(next, to - 1));
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: impl IntoIterator<Item = u64>) -> IdSet {
        let mut set = IdSet::default();
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }

    #[test]
    fn ids_in_any_order_and_twice_join_into_one_range() {
        assert_eq!(set([5, 3, 4, 4, 7, 6, 3]).0, [IdRange(3, 7)]);
    }

    #[test]
    fn missing_ids_are_named_at_the_edges_and_in_between() {
        assert_eq!(
            set([3, 4, 8]).missing(1, 11),
            [IdRange(1, 2), IdRange(5, 7), IdRange(9, 10)]
        );
        assert_eq!(set([3, 4, 8]).missing(4, 9), [IdRange(5, 7)]);
        assert_eq!(set([3, 4, 8]).missing(5, 7), [IdRange(5, 6)]);
        assert_eq!(set([]).missing(1, 1), []);
    }
}
