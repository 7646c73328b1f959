//! A set of trade ids, kept as contiguous ranges. Binance numbers the trades of a symbol without holes, so a
//! complete day is one range: the set is a few bytes however many trades it counts, and every hole is a lost trade.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A closed range of ids; `first` is not above `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "(u64, u64)", try_from = "(u64, u64)")]
pub struct IdInterval {
    first: u64,
    last: u64,
}

impl IdInterval {
    /// The ids from `first` to `last`, both included; `None` when `first` is above `last`.
    pub const fn new(first: u64, last: u64) -> Option<Self> {
        if first <= last {
            Some(Self { first, last })
        } else {
            None
        }
    }

    /// The one id `id`.
    pub const fn single(id: u64) -> Self {
        Self { first: id, last: id }
    }

    /// Lowest id.
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// Highest id.
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// Number of ids, at least 1 (`u64::MAX` for the full range, which has one more).
    pub const fn count(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

/// `first-last`.
impl fmt::Display for IdInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl From<IdInterval> for (u64, u64) {
    fn from(interval: IdInterval) -> Self {
        (interval.first, interval.last)
    }
}

impl TryFrom<(u64, u64)> for IdInterval {
    type Error = IdIntervalsError;

    fn try_from((first, last): (u64, u64)) -> Result<Self, IdIntervalsError> {
        Self::new(first, last).ok_or(IdIntervalsError::Inverted { first, last })
    }
}

/// Why stored ranges are no set of ids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdIntervalsError {
    /// A range that ends before it begins.
    #[error("range of ids begins at {first} and ends before it, at {last}")]
    Inverted {
        /// Begin.
        first: u64,
        /// End.
        last: u64,
    },
}

/// A set of trade ids. In JSON a list of `[first, last]` pairs in rising order, for instance `[[5,9],[12,12]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<IdInterval>", from = "Vec<IdInterval>")]
pub struct IdIntervals {
    /// In rising order, with at least one absent id between neighbours.
    ranges: Vec<IdInterval>,
}

impl IdIntervals {
    /// The empty set.
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Adds one id and returns whether it is new. Constant time for the next id of a growing set, else a binary
    /// search (and a move of the ranges behind when a range appears or vanishes).
    pub fn insert(&mut self, id: u64) -> bool {
        if let Some(last) = self.ranges.last_mut()
            && last.last.checked_add(1) == Some(id)
        {
            last.last = id;
            return true;
        }
        let next = self.ranges.partition_point(|range| range.last < id);
        if self.ranges.get(next).is_some_and(|range| range.first <= id) {
            return false;
        }
        self.insert_range(IdInterval::single(id));
        true
    }

    /// Adds all ids of a range, whether or not some are there already.
    pub fn insert_range(&mut self, added: IdInterval) {
        // The ranges that overlap or touch the added one melt into it.
        let begin = self
            .ranges
            .partition_point(|range| range.last.saturating_add(1) < added.first);
        let end = self
            .ranges
            .partition_point(|range| range.first <= added.last.saturating_add(1));
        let melted = match (
            self.ranges.get(begin),
            end.checked_sub(1).and_then(|last| self.ranges.get(last)),
        ) {
            (Some(low), Some(high)) if begin < end => IdInterval {
                first: low.first.min(added.first),
                last: high.last.max(added.last),
            },
            _ => added,
        };
        self.ranges.splice(begin..end, [melted]);
    }

    /// Adds all ids of another set.
    pub fn union(&mut self, other: &Self) {
        for range in &other.ranges {
            self.insert_range(*range);
        }
    }

    /// Whether the id is in the set.
    pub fn contains(&self, id: u64) -> bool {
        let next = self.ranges.partition_point(|range| range.last < id);
        self.ranges.get(next).is_some_and(|range| range.first <= id)
    }

    /// Whether every id of `bounds` is in the set.
    pub fn covers(&self, bounds: IdInterval) -> bool {
        let next = self.ranges.partition_point(|range| range.last < bounds.first);
        self.ranges
            .get(next)
            .is_some_and(|range| range.first <= bounds.first && bounds.last <= range.last)
    }

    /// Number of ids in the set.
    pub fn count(&self) -> u64 {
        self.ranges
            .iter()
            .fold(0, |sum, range| sum.saturating_add(range.count()))
    }

    /// Lowest id.
    pub fn first(&self) -> Option<u64> {
        self.ranges.first().map(IdInterval::first)
    }

    /// Highest id.
    pub fn last(&self) -> Option<u64> {
        self.ranges.last().map(IdInterval::last)
    }

    /// Whether the set has no id.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Number of ids between the first and the last that are not in the set.
    pub fn missing(&self) -> u64 {
        self.gaps().fold(0, |sum, gap| sum.saturating_add(gap.count()))
    }

    /// The ranges between the first and the last id that are not in the set, in rising order.
    pub fn gaps(&self) -> impl Iterator<Item = IdInterval> {
        self.ranges.windows(2).filter_map(|pair| match pair {
            [low, high] => IdInterval::new(low.last.saturating_add(1), high.first.saturating_sub(1)),
            _ => None,
        })
    }

    /// The ids of `bounds` that are not in the set, as ranges in rising order.
    pub fn missing_in(&self, bounds: IdInterval) -> Vec<IdInterval> {
        let begin = self.ranges.partition_point(|range| range.last < bounds.first);
        let within = self
            .ranges
            .iter()
            .skip(begin)
            .take_while(|range| range.first <= bounds.last);
        let mut missing = vec![];
        let mut next = Some(bounds.first);
        for range in within {
            let before = next.zip(range.first.checked_sub(1));
            missing.extend(before.and_then(|(first, last)| IdInterval::new(first, last)));
            next = range.last.checked_add(1);
        }
        missing.extend(next.and_then(|first| IdInterval::new(first, bounds.last)));
        missing
    }

    /// The ranges of the set, in rising order, none touching its neighbour.
    pub fn ranges(&self) -> &[IdInterval] {
        &self.ranges
    }
}

impl From<Vec<IdInterval>> for IdIntervals {
    fn from(ranges: Vec<IdInterval>) -> Self {
        let mut set = Self::new();
        for range in ranges {
            set.insert_range(range);
        }
        set
    }
}

impl From<IdIntervals> for Vec<IdInterval> {
    fn from(set: IdIntervals) -> Self {
        set.ranges
    }
}

impl FromIterator<u64> for IdIntervals {
    fn from_iter<I: IntoIterator<Item = u64>>(ids: I) -> Self {
        let mut set = Self::new();
        for id in ids {
            set.insert(id);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn consecutive_ids_are_one_range() {
        let set: IdIntervals = (553_287_559..=553_289_559).collect();
        assert_eq!(set.ranges(), [IdInterval::new(553_287_559, 553_289_559).unwrap()]);
        assert_eq!((set.count(), set.missing()), (2001, 0));
    }

    #[test]
    fn json_is_a_list_of_pairs_and_inverted_pairs_are_refused() {
        let set: IdIntervals = [5, 6, 7, 8, 9, 12].into_iter().collect();
        let json = serde_json::to_string(&set).unwrap();
        assert_eq!(json, "[[5,9],[12,12]]");
        assert_eq!(serde_json::from_str::<IdIntervals>(&json).unwrap(), set);
        assert_eq!(
            serde_json::from_str::<IdIntervals>("[[8,9],[5,7],[12,12]]").unwrap(),
            set
        );
        assert!(serde_json::from_str::<IdIntervals>("[[9,5]]").is_err());
    }

    #[test]
    fn the_ends_of_the_number_range_are_ordinary_ids() {
        let mut set: IdIntervals = [0, u64::MAX, u64::MAX - 1].into_iter().collect();
        assert!(!set.insert(u64::MAX));
        assert_eq!(
            set.gaps().collect::<Vec<_>>(),
            [IdInterval::new(1, u64::MAX - 2).unwrap()]
        );
        let all = IdInterval::new(0, u64::MAX).unwrap();
        assert_eq!(set.missing_in(all), set.gaps().collect::<Vec<_>>());
        set.insert_range(all);
        assert_eq!(set.ranges().len(), 1);
        assert_eq!(set.missing_in(all), []);
    }

    /// A step on both the set and its model.
    #[derive(Clone, Debug)]
    enum Step {
        Insert(u64),
        Range(u64, u64),
        Union(Vec<u64>),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0_u64..60).prop_map(Step::Insert),
            2 => (0_u64..60, 0_u64..8).prop_map(|(first, length)| Step::Range(first, first + length)),
            1 => prop::collection::vec(0_u64..60, 0..12).prop_map(Step::Union),
        ]
    }

    fn absent(model: &BTreeSet<u64>) -> Vec<u64> {
        match (model.first(), model.last()) {
            (Some(first), Some(last)) => (*first..=*last).filter(|id| !model.contains(id)).collect(),
            _ => vec![],
        }
    }

    fn ids(ranges: impl IntoIterator<Item = IdInterval>) -> Vec<u64> {
        ranges
            .into_iter()
            .flat_map(|range| range.first..=range.last)
            .collect()
    }

    proptest! {
        #[test]
        fn names_what_is_missing_within_any_bounds(
            present in prop::collection::btree_set(0_u64..60, 0..40), first in 0_u64..60, length in 0_u64..20,
        ) {
            let set: IdIntervals = present.iter().copied().collect();
            let bounds = IdInterval::new(first, first + length).unwrap();
            let missing = set.missing_in(bounds);
            prop_assert_eq!(set.covers(bounds), missing.is_empty());
            let expected: Vec<_> = (first..=first + length).filter(|id| !present.contains(id)).collect();
            prop_assert_eq!(ids(missing.iter().copied()), expected);
            prop_assert!(missing.windows(2).all(|pair| pair[0].last + 1 < pair[1].first));
        }

        #[test]
        fn behaves_as_a_set_of_ids(steps in prop::collection::vec(step(), 0..80)) {
            let mut set = IdIntervals::new();
            let mut model = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Insert(id) => prop_assert_eq!(set.insert(id), model.insert(id)),
                    Step::Range(first, last) => {
                        set.insert_range(IdInterval::new(first, last).unwrap());
                        model.extend(first..=last);
                    }
                    Step::Union(other) => {
                        set.union(&other.iter().copied().collect());
                        model.extend(other);
                    }
                }
                prop_assert_eq!(ids(set.ranges().iter().copied()), model.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(ids(set.gaps()), absent(&model));
                prop_assert_eq!(set.count(), model.len() as u64);
                prop_assert_eq!(set.missing(), absent(&model).len() as u64);
                prop_assert!(set.ranges().windows(2).all(|pair| pair[0].last + 1 < pair[1].first));
                prop_assert!((0..70).all(|id| set.contains(id) == model.contains(&id)));
                let json = serde_json::to_string(&set).unwrap();
                prop_assert_eq!(serde_json::from_str::<IdIntervals>(&json).unwrap(), set.clone());
            }
        }
    }
}
