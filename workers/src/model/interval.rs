//! The length of a candle, and which candle a moment belongs to.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use crds::duration::HumanDuration;

/// Rows of candles are partitioned by day.
const LONGEST: Duration = Duration::from_hours(24);
const SHORTEST: Duration = Duration::from_secs(1);

/// Why a text is no interval of candles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// Not a whole number and a unit.
    #[error("`{0}` is not an interval: write a whole number and one of s, m, h, d, for example 1m")]
    Malformed(String),
    /// Shorter than a second or longer than a day.
    #[error("`{0}` is not an interval of candles: it must last one second to one day")]
    OutOfRange(String),
}

impl IntervalError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "IntervalMalformed",
            Self::OutOfRange(_) => "IntervalOutOfRange",
        }
    }
}

/// A length of candles, one second to one day, under the name that the manifest gives it. Its windows lie side by side
/// from 1970-01-01T00:00:00Z on, so that those of a length that divides a day begin with the day, in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    name: Arc<str>,
    length_us: i64,
}

impl Interval {
    /// As in the manifest, for example `1m`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Start of the window that holds a moment, microseconds since 1970.
    pub const fn open_us(&self, time_us: i64) -> i64 {
        time_us.div_euclid(self.length_us) * self.length_us
    }

    /// End of the window that starts there; the moment itself belongs to the next one.
    pub const fn end_us(&self, open_us: i64) -> i64 {
        open_us.saturating_add(self.length_us)
    }

    /// The number of the window that holds a moment, counted from 1970; 0 before.
    pub fn number(&self, time_us: i64) -> u64 {
        u64::try_from(time_us.div_euclid(self.length_us)).unwrap_or(0)
    }
}

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        let length = text
            .parse::<HumanDuration>()
            .map_err(|_| IntervalError::Malformed(text.to_owned()))?
            .get();
        if !(SHORTEST..=LONGEST).contains(&length) {
            return Err(IntervalError::OutOfRange(text.to_owned()));
        }
        let length_us =
            i64::try_from(length.as_micros()).map_err(|_| IntervalError::OutOfRange(text.to_owned()))?;
        Ok(Self {
            name: text.into(),
            length_us,
        })
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1s", 1_610_064_000_278_000, 1_610_064_000_000_000)]
    #[case("1m", 1_610_064_059_999_999, 1_610_064_000_000_000)]
    #[case("1m", 1_610_064_060_000_000, 1_610_064_060_000_000)]
    #[case("1d", 1_610_107_200_000_000, 1_610_064_000_000_000)]
    #[case("1h", -1, -3_600_000_000)]
    fn windows_are_aligned_in_utc_and_half_open(
        #[case] name: &str,
        #[case] time_us: i64,
        #[case] open_us: i64,
    ) {
        let interval: Interval = name.parse().unwrap();
        assert_eq!(interval.open_us(time_us), open_us);
        assert_eq!(interval.open_us(interval.end_us(open_us) - 1), open_us);
        assert_eq!(
            interval.open_us(interval.end_us(open_us)),
            interval.end_us(open_us)
        );
    }

    #[rstest]
    #[case("m", "IntervalMalformed")]
    #[case("0s", "IntervalOutOfRange")]
    #[case("500ms", "IntervalOutOfRange")]
    #[case("25h", "IntervalOutOfRange")]
    fn refuses_what_is_no_length_of_candles(#[case] text: &str, #[case] reason: &str) {
        assert_eq!(text.parse::<Interval>().unwrap_err().reason(), reason);
    }
}
