//! Exact decimal numbers with eight fraction digits, the scale of every price and quantity on Binance.
//! Never a float: 0.000311 read as one and printed again is 0.00031099999999999997.

use std::{fmt, str::FromStr};

use super::leading_digits;

/// Why a text is no [`Decimal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not `[-]digits[.digits]`.
    #[error("not a plain decimal number such as 39432.48000000")]
    Malformed,
    /// A digit other than 0 after the eighth fraction digit: it could not be kept.
    #[error("more than {} fraction digits", Decimal::SCALE)]
    TooPrecise,
    /// More than 38 digits.
    #[error("more than {} digits", Decimal::MAX_DIGITS)]
    Overflow,
}

impl DecimalError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed => "DecimalMalformed",
            Self::TooPrecise => "DecimalTooPrecise",
            Self::Overflow => "DecimalOverflow",
        }
    }
}

/// `mantissa / 10^8`. It has at most 38 digits, so that it always fits a 128-bit decimal column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal {
    mantissa: i128,
}

impl Decimal {
    /// Fraction digits.
    pub const SCALE: u32 = 8;
    /// Digits altogether.
    pub const MAX_DIGITS: u32 = 38;
    /// Zero.
    pub const ZERO: Self = Self { mantissa: 0 };

    const ONE: u128 = 10_u128.pow(Self::SCALE);
    /// The whole part is below this, so that 128 bits hold it with its fraction.
    const MOST_WHOLE: i128 = 10_i128.pow(Self::MAX_DIGITS - Self::SCALE);

    /// The number `mantissa / 10^8`; `None` when it has more than 38 digits.
    pub const fn from_mantissa(mantissa: i128) -> Option<Self> {
        const MOST: u128 = 10_u128.pow(Decimal::MAX_DIGITS);
        if mantissa.unsigned_abs() < MOST {
            Some(Self { mantissa })
        } else {
            None
        }
    }

    /// The number that a text begins with, and its length. A quicker way to what parsing finds, never another result: `None` where
    /// the number is not of the exchange's usual length, is negative, or is none.
    pub fn leading(text: &[u8]) -> Option<(Self, usize)> {
        /// 64 bits hold a whole part of so many digits with its fraction.
        const MOST_WHOLE_DIGITS: usize = 11;
        /// By the number of places.
        const FRACTIONS: [u64; 9] = [0, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
        let (whole, mut length) = leading_digits(text);
        if !(1..=MOST_WHOLE_DIGITS).contains(&length) {
            return None;
        }
        let mut mantissa = whole * 10_u64.pow(Self::SCALE);
        if let Some((b'.', rest)) = text.get(length..).and_then(<[u8]>::split_first) {
            let (fraction, places) = leading_digits(rest);
            if places == 0 {
                return None;
            }
            mantissa += fraction * FRACTIONS.get(places)?;
            length += 1 + places;
        }
        Some((
            Self {
                mantissa: mantissa.into(),
            },
            length,
        ))
    }

    /// The number times 10^8.
    pub const fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// The largest of `DECIMAL(precision,8)`; `precision` is at most 38.
    pub const fn largest(precision: u32) -> Self {
        Self {
            mantissa: 10_i128.pow(precision) - 1,
        }
    }

    /// The sum; `None` when it has more than 38 digits.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        // Two numbers of 38 digits fit 128 bits by themselves, their sum need not.
        match self.mantissa.checked_add(other.mantissa) {
            Some(mantissa) => Self::from_mantissa(mantissa),
            None => None,
        }
    }

    /// Whether it is greater than 0.
    pub const fn is_positive(self) -> bool {
        self.mantissa > 0
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        match Self::leading(text.as_bytes()) {
            Some((number, length)) if length == text.len() => Ok(number),
            _ => general(text),
        }
    }
}

/// A number of any form.
fn general(text: &str) -> Result<Decimal, DecimalError> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return Err(DecimalError::Malformed),
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    if whole.is_empty() {
        return Err(DecimalError::Malformed);
    }
    let mut mantissa: i128 = 0;
    for byte in whole.bytes() {
        if mantissa >= Decimal::MOST_WHOLE / 10 {
            return Err(DecimalError::Overflow);
        }
        mantissa = mantissa * 10 + digit(byte)?;
    }
    let places = fraction.len().min(Decimal::SCALE as usize);
    let (kept, zeros) = fraction.as_bytes().split_at(places);
    for byte in kept {
        mantissa = mantissa * 10 + digit(*byte)?;
    }
    for byte in zeros {
        if digit(*byte)? != 0 {
            return Err(DecimalError::TooPrecise);
        }
    }
    for _ in places..Decimal::SCALE as usize {
        mantissa *= 10;
    }
    Decimal::from_mantissa(if negative { -mantissa } else { mantissa }).ok_or(DecimalError::Overflow)
}

fn digit(byte: u8) -> Result<i128, DecimalError> {
    if byte.is_ascii_digit() {
        Ok(i128::from(byte - b'0'))
    } else {
        Err(DecimalError::Malformed)
    }
}

/// Always with eight fraction digits, as the exchange writes it.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.mantissa.unsigned_abs();
        let text = format_args!("{}.{:08}", magnitude / Self::ONE, magnitude % Self::ONE).to_string();
        f.pad_integral(self.mantissa >= 0, "", &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("39432.48000000", 3_943_248_000_000)]
    #[case("0.00031100", 31_100)]
    #[case("0.000311", 31_100)]
    #[case("7", 700_000_000)]
    #[case("0", 0)]
    #[case("-1.5", -150_000_000)]
    #[case("1.000000000000", 100_000_000)]
    #[case(
        "999999999999999999999999999999.99999999",
        99_999_999_999_999_999_999_999_999_999_999_999_999
    )]
    fn parses_exactly(#[case] text: &str, #[case] mantissa: i128) {
        assert_eq!(text.parse::<Decimal>().unwrap().mantissa(), mantissa);
    }

    #[rstest]
    #[case("", DecimalError::Malformed)]
    #[case("-", DecimalError::Malformed)]
    #[case(".5", DecimalError::Malformed)]
    #[case("5.", DecimalError::Malformed)]
    #[case("+5", DecimalError::Malformed)]
    #[case("1e3", DecimalError::Malformed)]
    #[case("1,5", DecimalError::Malformed)]
    #[case("1.2.3", DecimalError::Malformed)]
    #[case(" 1", DecimalError::Malformed)]
    #[case("NaN", DecimalError::Malformed)]
    #[case("٣", DecimalError::Malformed)]
    #[case("0.000000001", DecimalError::TooPrecise)]
    #[case("1000000000000000000000000000000", DecimalError::Overflow)]
    #[case("99999999999999999999999999999999999999999999", DecimalError::Overflow)]
    #[case("1.00000000x", DecimalError::Malformed)]
    fn refuses_what_it_could_not_keep(#[case] text: &str, #[case] error: DecimalError) {
        assert_eq!(text.parse::<Decimal>(), Err(error));
    }

    #[test]
    fn knows_the_ranges() {
        assert_eq!(Decimal::largest(18).to_string(), "9999999999.99999999");
        let largest = Decimal::largest(Decimal::MAX_DIGITS).mantissa();
        assert!(Decimal::from_mantissa(largest).is_some());
        assert_eq!(Decimal::from_mantissa(largest + 1), None);
        assert_eq!(Decimal::from_mantissa(i128::MIN), None);
    }

    #[rstest]
    #[case("39432.48000000", Some(14))]
    #[case("39432\"", Some(5))]
    #[case("99999999999.99999999,", Some(20))]
    #[case("999999999999.9", None)]
    #[case("0.123456789", None)]
    #[case("0.", None)]
    #[case(".5", None)]
    #[case("-1", None)]
    #[case("", None)]
    fn the_quicker_way_is_the_usual_one(#[case] text: &str, #[case] taken: Option<usize>) {
        let length = Decimal::leading(text.as_bytes()).map(|(_, length)| length);
        assert_eq!(length, taken);
    }

    #[test]
    fn a_sum_is_exact_or_refused() {
        let sum = |a: i128, b: i128| {
            let [a, b] = [a, b].map(|mantissa| Decimal::from_mantissa(mantissa).unwrap());
            a.checked_add(b).map(Decimal::mantissa)
        };
        let most = 10_i128.pow(Decimal::MAX_DIGITS) - 1;
        assert_eq!(sum(1, 2), Some(3));
        assert_eq!(sum(most, 1), None);
        assert_eq!(sum(most, most), None);
    }

    #[test]
    fn displays_as_the_exchange_writes() {
        let number: Decimal = "-0.000311".parse().unwrap();
        assert_eq!(number.to_string(), "-0.00031100");
        assert_eq!(format!("{number:>12}"), " -0.00031100");
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(mantissa in -10_i128.pow(37)..10_i128.pow(37)) {
            let number = Decimal::from_mantissa(mantissa).unwrap();
            prop_assert_eq!(number.to_string().parse(), Ok(number));
        }

        #[test]
        fn the_quicker_way_never_finds_another_number(text in "-?[0-9]{0,14}\\.?[0-9]{0,14}[.x-]?") {
            if let Some((number, length)) = Decimal::leading(text.as_bytes()) {
                prop_assert_eq!(general(&text[..length]), Ok(number));
                prop_assert!(!text[length..].starts_with(|next: char| next.is_ascii_digit()));
            }
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC{0,60}") {
            let _ = text.parse::<Decimal>();
        }
    }
}
