//! One stream of many lanes, in the order of time as far as each lane is. Pure.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::lane::Event;

/// Of lanes that are each in the order of time: the oldest event of all is always the next.
pub struct Merge<L> {
    lanes: Vec<L>,
    /// The next event of each lane.
    heads: Vec<Option<Event>>,
    /// Time and number of the lanes that have a next event.
    order: BinaryHeap<Reverse<(i64, usize)>>,
}

impl<L: Iterator<Item = Event>> Merge<L> {
    /// Takes the first event of each lane.
    pub fn new(lanes: impl Iterator<Item = L>) -> Self {
        let mut merge = Self {
            lanes: lanes.collect(),
            heads: vec![],
            order: BinaryHeap::new(),
        };
        merge.heads.resize_with(merge.lanes.len(), || None);
        for lane in 0..merge.lanes.len() {
            merge.advance(lane);
        }
        merge
    }

    /// Takes the next event of a lane, and returns the one that it had.
    fn advance(&mut self, lane: usize) -> Option<Event> {
        let next = self.lanes.get_mut(lane)?.next();
        if let Some(event) = &next {
            self.order.push(Reverse((event.time_us, lane)));
        }
        std::mem::replace(self.heads.get_mut(lane)?, next)
    }
}

impl<L: Iterator<Item = Event>> Iterator for Merge<L> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let Reverse((_, lane)) = self.order.pop()?;
        self.advance(lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::stream::Told;

    fn lane(times: &[i64]) -> impl Iterator<Item = Event> {
        times.iter().map(|time_us| Event {
            time_us: *time_us,
            wall_us: None,
            told: Told::Unknown,
        })
    }

    #[test]
    fn the_oldest_event_of_all_lanes_is_the_next() {
        let merge = Merge::new([lane(&[1, 4, 9]), lane(&[]), lane(&[2, 2, 3, 10])].into_iter());
        let times: Vec<i64> = merge.map(|event| event.time_us).collect();
        assert_eq!(times, [1, 2, 2, 3, 4, 9, 10]);
    }
}
