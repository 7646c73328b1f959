//! Exact products of a price and a quantity, their sums, and the average price that follows from them. Never a float.

use std::fmt;

use super::Decimal;

/// `mantissa / 10^16`: the product of two [`Decimal`]s, which have eight fraction digits each, without rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Product {
    mantissa: i128,
}

impl Product {
    /// Fraction digits.
    pub const SCALE: u32 = 2 * Decimal::SCALE;

    const ONE: u128 = 10_u128.pow(Self::SCALE);

    /// `left * right`, exactly; `None` beyond 128 bits, which is 1.7 * 10^22.
    pub fn of(left: Decimal, right: Decimal) -> Option<Self> {
        let mantissa = left.mantissa().checked_mul(right.mantissa())?;
        Some(Self { mantissa })
    }

    /// The number times 10^16.
    pub const fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// The sum; `None` beyond 128 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let mantissa = self.mantissa.checked_add(other.mantissa)?;
        Some(Self { mantissa })
    }

    /// `self / divisor` with 16 fraction digits, the last one rounded half to even. `None` where the dividend is below
    /// 0, the divisor not above it, or the result beyond 128 bits.
    pub fn checked_div(self, divisor: Decimal) -> Option<Self> {
        let divisor = divisor.mantissa();
        if self.mantissa < 0 || divisor <= 0 {
            return None;
        }
        // The quotient of the mantissas has 16 - 8 fraction digits. The other eight come from what remains.
        let further = 10_i128.pow(Decimal::SCALE);
        let whole = (self.mantissa / divisor).checked_mul(further)?;
        let rest = (self.mantissa % divisor).checked_mul(further)?;
        let down = whole.checked_add(rest / divisor)?;
        let remainder = rest % divisor;
        // Compares twice the remainder with the divisor, without the product.
        let up = match remainder.cmp(&(divisor - remainder)) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => down & 1,
            std::cmp::Ordering::Greater => 1,
        };
        Some(Self {
            mantissa: down.checked_add(up)?,
        })
    }
}

/// Always with 16 fraction digits.
impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.mantissa.unsigned_abs();
        let text = format_args!("{}.{:016}", magnitude / Self::ONE, magnitude % Self::ONE).to_string();
        f.pad_integral(self.mantissa >= 0, "", &text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn product(left: &str, right: &str) -> Product {
        Product::of(left.parse().unwrap(), right.parse().unwrap()).unwrap()
    }

    #[test]
    fn no_digit_of_a_product_is_lost() {
        assert_eq!(
            product("0.00000001", "0.00000001").to_string(),
            "0.0000000000000001"
        );
        assert_eq!(
            product("39432.48000000", "0.00026300").to_string(),
            "10.3707422400000000"
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let large = Decimal::from_mantissa(10_i128.pow(37)).unwrap();
        assert_eq!(Product::of(large, large), None);
        let most = Product { mantissa: i128::MAX };
        assert_eq!(most.checked_add(product("0.00000001", "0.00000001")), None);
        assert_eq!(most.checked_div("0.00000001".parse().unwrap()), None);
        assert_eq!(most.checked_div(Decimal::ZERO), None);
    }

    #[rstest]
    // 1 / 3 and 2 / 3: down and up.
    #[case("1", "3", "0.3333333333333333")]
    #[case("2", "3", "0.6666666666666667")]
    // Halves of the last digit: 0.5 to 0, 1.5 to 2, 2.5 to 2 of 10^-16.
    #[case("0.00000001", "200000000", "0.0000000000000000")]
    #[case("0.00000003", "200000000", "0.0000000000000002")]
    #[case("0.00000005", "200000000", "0.0000000000000002")]
    fn averages_are_rounded_half_to_even(#[case] sum: &str, #[case] volume: &str, #[case] average: &str) {
        let average_of = product(sum, "1").checked_div(volume.parse().unwrap()).unwrap();
        assert_eq!(average_of.to_string(), average);
    }

    proptest! {
        #[test]
        fn an_average_is_at_most_half_a_digit_off(sum in 0_i128..10_i128.pow(27), volume in 1_i128..10_i128.pow(9)) {
            let average = Product { mantissa: sum }.checked_div(Decimal::from_mantissa(volume).unwrap()).unwrap();
            let off = average.mantissa() * volume - sum * 10_i128.pow(8);
            prop_assert!(2 * off.abs() <= volume);
        }
    }
}
