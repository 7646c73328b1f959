//! The ids of a symbol's trades: one by one from a first trade on, until they begin again.

/// A trade of a series and the id it was issued with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// Its place in the series.
    pub index: u64,
    /// Its id.
    pub id: u64,
}

/// Ids without a hole from a first trade on.
#[derive(Debug, Clone, Copy)]
pub struct Numbering {
    /// Place of the first trade in the series.
    pub first_index: u64,
    /// Its id.
    pub first_id: u64,
}

impl Numbering {
    /// The id of the trade at `index`, which is not before the first one.
    pub const fn id(&self, index: u64) -> u64 {
        self.first_id + index.saturating_sub(self.first_index)
    }

    /// Index of the first trade with at least this id.
    pub const fn index_of(&self, id: u64) -> u64 {
        self.first_index + id.saturating_sub(self.first_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_places_correspond_from_the_first_trade_on() {
        let numbering = Numbering {
            first_index: 5,
            first_id: 100,
        };
        assert_eq!((numbering.id(5), numbering.id(7)), (100, 102));
        assert_eq!((numbering.index_of(102), numbering.index_of(1)), (7, 5));
    }
}
