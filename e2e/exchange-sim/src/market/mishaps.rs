//! What befalls trades between their issue and the connections. No I/O.

use std::collections::VecDeque;

use super::numbering::Numbered;

/// What befalls one trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// It is sent to nobody.
    Drop,
    /// It is sent twice.
    Duplicate,
    /// Its frame breaks off in the middle.
    Truncate,
    /// It waits for the last trade that is held with it.
    Hold,
}

/// A frame to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The trade in it.
    pub trade: Numbered,
    /// Whether the frame is whole.
    pub whole: bool,
}

/// The mishaps of the trades issued next.
#[derive(Debug, Default)]
pub struct Mishaps {
    /// What befalls how many trades, one after the other.
    coming: VecDeque<(Mishap, u64)>,
    held: Vec<Delivery>,
}

impl Mishaps {
    /// Once all earlier mishaps are over, this befalls so many trades.
    pub fn add(&mut self, mishap: Mishap, trades: u64) {
        if trades > 0 {
            self.coming.push_back((mishap, trades));
        }
    }

    /// The frames that follow from the issue of a trade, in order.
    pub fn pass(&mut self, trade: Numbered) -> Vec<Delivery> {
        let delivery = Delivery { trade, whole: true };
        let Some((mishap, left)) = self.coming.front_mut() else {
            return vec![delivery];
        };
        let mishap = *mishap;
        *left -= 1;
        let over = *left == 0;
        if over {
            self.coming.pop_front();
        }
        match mishap {
            Mishap::Drop => vec![],
            Mishap::Duplicate => vec![delivery, delivery],
            Mishap::Truncate => vec![Delivery {
                whole: false,
                ..delivery
            }],
            Mishap::Hold => {
                self.held.push(delivery);
                if over { self.release() } else { vec![] }
            }
        }
    }

    /// The frames still held, because no further trade comes.
    pub fn release(&mut self) -> Vec<Delivery> {
        std::mem::take(&mut self.held)
    }

    /// The trade that is held longest.
    pub fn first_held(&self) -> Option<Numbered> {
        self.held.first().map(|delivery| delivery.trade)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids of the frames that the issue of these trades brings about; those that break off are negative.
    fn pass(mishaps: &mut Mishaps, ids: std::ops::RangeInclusive<u64>) -> Vec<i64> {
        let frames = ids.flat_map(|id| mishaps.pass(Numbered { index: id, id }));
        let id = |frame: Delivery| i64::try_from(frame.trade.id).unwrap() * if frame.whole { 1 } else { -1 };
        frames.map(id).collect()
    }

    #[test]
    fn mishaps_befall_the_trades_one_after_the_other() {
        let mut mishaps = Mishaps::default();
        mishaps.add(Mishap::Drop, 2);
        mishaps.add(Mishap::Duplicate, 1);
        mishaps.add(Mishap::Truncate, 1);
        mishaps.add(Mishap::Drop, 0);
        assert_eq!(pass(&mut mishaps, 1..=6), [3, 3, -4, 5, 6]);
    }

    #[test]
    fn held_trades_come_together_with_the_last_of_them() {
        let mut mishaps = Mishaps::default();
        mishaps.add(Mishap::Hold, 3);
        assert!(pass(&mut mishaps, 1..=2).is_empty());
        assert_eq!(mishaps.first_held(), Some(Numbered { index: 1, id: 1 }));
        assert_eq!(pass(&mut mishaps, 3..=4), [1, 2, 3, 4]);
        assert_eq!(mishaps.first_held(), None);
    }

    #[test]
    fn what_is_held_at_the_end_is_released() {
        let mut mishaps = Mishaps::default();
        mishaps.add(Mishap::Hold, 3);
        pass(&mut mishaps, 1..=2);
        let released: Vec<_> = mishaps.release().iter().map(|frame| frame.trade.id).collect();
        assert_eq!(released, [1, 2]);
    }
}
