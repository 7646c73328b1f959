//! When Kafka got the trades that wait to become durable, so that their ages are known once they are. Pure.

/// Trades by the time of their records, rounded down to `SLOT_MS` milliseconds (1 or more): none seems younger than it is.
/// Takes 16 bytes for each slot while records come in the order of time, and in no order more than that per trade.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrivals<const SLOT_MS: i64> {
    /// Start of the slot, milliseconds since 1970, and number of trades.
    runs: Vec<(i64, u64)>,
}

impl<const SLOT_MS: i64> Arrivals<SLOT_MS> {
    /// Adds a trade whose record has this time, milliseconds since 1970. One without a time has no age and is left out.
    pub fn push(&mut self, timestamp_ms: Option<i64>) {
        let Some(timestamp_ms) = timestamp_ms else {
            return;
        };
        let slot = timestamp_ms.div_euclid(SLOT_MS) * SLOT_MS;
        match self.runs.last_mut() {
            Some((last, trades)) if *last == slot => *trades += 1,
            _ => self.runs.push((slot, 1)),
        }
    }

    /// Ages at this time in milliseconds, and the number of trades that have each. A record from a clock that is ahead is
    /// 0 old.
    pub fn ages(&self, now_ms: i64) -> impl Iterator<Item = (u64, u64)> {
        let age = move |since_ms| u64::try_from(now_ms.saturating_sub(since_ms)).unwrap_or(0);
        self.runs.iter().map(move |(slot, trades)| (age(*slot), *trades))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ages<const SLOT_MS: i64>(times: &[i64], now_ms: i64) -> Vec<(u64, u64)> {
        let mut arrivals = Arrivals::<SLOT_MS>::default();
        for time in times {
            arrivals.push(Some(*time));
        }
        arrivals.push(None);
        arrivals.ages(now_ms).collect()
    }

    #[test]
    fn a_trade_is_as_old_as_its_record() {
        assert_eq!(ages::<1>(&[100, 100, 130], 150), [(50, 2), (20, 1)]);
    }

    #[test]
    fn trades_of_one_slot_are_as_old_as_its_start() {
        assert_eq!(ages::<250>(&[1_000, 1_249, 1_250], 2_000), [(1_000, 2), (750, 1)]);
    }

    #[test]
    fn a_record_from_the_future_is_not_old() {
        assert_eq!(ages::<1>(&[200, 90], 100), [(0, 1), (10, 1)]);
    }
}
