//! Reading Kubernetes quantities (`10Gi`, `500M`, `1.5Gi`) as bytes. Pure.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Why a quantity is not a size.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a size in bytes: write a number with an optional suffix such as Mi, Gi, Ti, M or G")]
pub struct InvalidQuantity(String);

const SUFFIXES: [(&str, u128); 11] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("", 1),
];

/// The quantity in whole bytes, rounded down. Accepts a decimal fraction of up to nine digits.
pub fn bytes(quantity: &Quantity) -> Result<u64, InvalidQuantity> {
    let text = quantity.0.as_str();
    let invalid = || InvalidQuantity(text.to_owned());
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let (_, factor) = SUFFIXES.iter().find(|(s, _)| *s == suffix).ok_or_else(invalid)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > 9 {
        return Err(invalid());
    }
    let scale = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| invalid())?);
    let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| invalid())?;
    let total = digits.checked_mul(*factor).ok_or_else(invalid)? / scale;
    u64::try_from(total).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("1024", 1024)]
    #[case("10Gi", 10_737_418_240)]
    #[case("1.5Gi", 1_610_612_736)]
    #[case("500M", 500_000_000)]
    fn sizes_are_read(#[case] text: &str, #[case] expected: u64) {
        assert_eq!(bytes(&Quantity(text.to_owned())), Ok(expected));
    }

    #[rstest::rstest]
    #[case("")]
    #[case("Gi")]
    #[case("1X")]
    #[case("-1Gi")]
    #[case("999999Pi")]
    #[case("1.2.3Gi")]
    fn other_texts_are_refused(#[case] text: &str) {
        assert_eq!(
            bytes(&Quantity(text.to_owned())),
            Err(InvalidQuantity(text.to_owned()))
        );
    }
}
