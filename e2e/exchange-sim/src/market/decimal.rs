//! Non-negative decimals with 8 places, the form of all prices and quantities on the wire. Integers only.

use std::{fmt, str::FromStr};

const PLACES: usize = 8;
const ONE: u128 = 100_000_000;

/// A count of hundred-millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal(u128);

/// Text that is not a decimal with at most 8 places.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a plain decimal number with at most 8 decimal places")]
pub struct DecimalError(String);

impl Decimal {
    /// `self × permille / 1000`, cut off after 8 places, but never 0: the exchange lists no free trades.
    pub fn scaled(self, permille: u32) -> Self {
        Self((self.0 * u128::from(permille) / 1000).max(1))
    }

    /// `self × other`, cut off after 8 places.
    pub fn times(self, other: Self) -> Self {
        Self(self.0 * other.0 / ONE)
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || DecimalError(text.to_owned());
        let (whole, places) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{places:0<PLACES$}");
        let plain = !whole.is_empty() && places.len() <= PLACES && digits.bytes().all(|b| b.is_ascii_digit());
        // Bounded, so that the product of two of them cannot overflow.
        let unit_count = digits.parse::<u64>().map_err(|_| refused())?;
        if plain {
            Ok(Self(unit_count.into()))
        } else {
            Err(refused())
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:0PLACES$}", self.0 / ONE, self.0 % ONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[rstest::rstest]
    #[case("39432.48000000", "39432.48000000")]
    #[case("0.00000001", "0.00000001")]
    #[case("7", "7.00000000")]
    #[case("0.5", "0.50000000")]
    fn text_survives_the_round_trip(#[case] text: &str, #[case] written: &str) {
        assert_eq!(decimal(text).to_string(), written);
    }

    #[rstest::rstest]
    fn what_is_no_plain_decimal_is_refused(
        #[values("", ".5", "-1", "+1", "1e3", "0.123456789", "1.2.3", "99999999999999999999")] text: &str,
    ) {
        text.parse::<Decimal>().unwrap_err();
    }

    #[test]
    fn scaling_and_products_are_exact() {
        assert_eq!(
            decimal("39432.48000001").scaled(333).to_string(),
            "13131.01584000"
        );
        assert_eq!(decimal("0.00000001").scaled(1).to_string(), "0.00000001");
        assert_eq!(
            decimal("39432.48").times(decimal("0.000263")).to_string(),
            "10.37074224"
        );
    }
}
