//! Decimal numbers as CQL has them: a signed scale of 32 bits, then big-endian two's complement without needless leading bytes,
//! as Java's `BigInteger` writes it. Pure.

use scylla::{
    cluster::metadata::ColumnType,
    serialize::{
        SerializationError,
        value::SerializeValue,
        writers::{CellWriter, WrittenCellProof},
    },
    value::{CqlDecimal, CqlDecimalBorrowed},
};

use crate::model::{Decimal, Product};

/// A value of a `decimal` column, to be written. Without memory of its own: every row has some.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    bytes: [u8; 16],
    /// Leading bytes that say nothing, at most 15.
    needless: usize,
    scale: i32,
}

impl Number {
    fn new(mantissa: i128, scale: u32) -> Self {
        let bytes = mantissa.to_be_bytes();
        let sign = if mantissa < 0 { 0xff } else { 0x00 };
        let needless = bytes
            .windows(2)
            .take_while(
                |pair| matches!(pair, [first, second] if *first == sign && (second ^ sign) & 0x80 == 0),
            )
            .count();
        Self {
            bytes,
            needless,
            // Ours are 8 and 16.
            scale: scale.cast_signed(),
        }
    }

    fn significant(&self) -> &[u8] {
        self.bytes.get(self.needless..).unwrap_or(&self.bytes)
    }
}

impl From<Decimal> for Number {
    fn from(number: Decimal) -> Self {
        Self::new(number.mantissa(), Decimal::SCALE)
    }
}

impl From<Product> for Number {
    fn from(number: Product) -> Self {
        Self::new(number.mantissa(), Product::SCALE)
    }
}

impl SerializeValue for Number {
    fn serialize<'b>(
        &self,
        column: &ColumnType<'_>,
        writer: CellWriter<'b>,
    ) -> Result<WrittenCellProof<'b>, SerializationError> {
        CqlDecimalBorrowed::from_signed_be_bytes_slice_and_exponent(self.significant(), self.scale)
            .serialize(column, writer)
    }
}

/// A number that a [`Decimal`] was written as; `None` for others.
pub fn read(number: &CqlDecimal) -> Option<Decimal> {
    let (bytes, scale) = number.as_signed_be_bytes_slice_and_exponent();
    let sign = if bytes.first()? & 0x80 == 0 { 0x00 } else { 0xff };
    let mut padded = [sign; 16];
    let start = padded.len().checked_sub(bytes.len())?;
    padded.get_mut(start..)?.copy_from_slice(bytes);
    let mantissa = i128::from_be_bytes(padded);
    Decimal::from_mantissa(mantissa).filter(|_| scale == Decimal::SCALE.cast_signed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use scylla::cluster::metadata::NativeType;

    use super::*;

    /// The cell's bytes: length, scale, number.
    fn written(number: impl SerializeValue) -> Vec<u8> {
        let mut bytes = vec![];
        let column = ColumnType::Native(NativeType::Decimal);
        number.serialize(&column, CellWriter::new(&mut bytes)).unwrap();
        bytes
    }

    #[rstest]
    #[case(0, &[0])]
    #[case(127, &[127])]
    #[case(128, &[0, 128])]
    #[case(-128, &[128])]
    #[case(-129, &[255, 127])]
    #[case(3_943_248_000_000, &[3, 150, 27, 229, 116, 0])]
    fn numbers_are_as_java_writes_them(#[case] number: i128, #[case] bytes: &[u8]) {
        assert_eq!(Number::new(number, 8).significant(), bytes);
    }

    #[test]
    fn a_cell_is_what_the_driver_makes_of_its_own_type() {
        let price: Decimal = "39432.48".parse().unwrap();
        let drivers = CqlDecimal::from_signed_be_bytes_slice_and_exponent(&[3, 150, 27, 229, 116, 0], 8);
        assert_eq!(written(Number::from(price)), written(drivers));
    }

    #[test]
    fn only_numbers_of_our_own_are_read() {
        for (bytes, scale) in [(vec![1], 2), (vec![1; 17], 8), (vec![], 8)] {
            let foreign = CqlDecimal::from_signed_be_bytes_and_exponent(bytes, scale);
            assert_eq!(read(&foreign), None);
        }
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(mantissa in -10_i128.pow(37)..10_i128.pow(37)) {
            let number = Decimal::from_mantissa(mantissa).unwrap();
            let cell = Number::from(number);
            let cell = CqlDecimal::from_signed_be_bytes_slice_and_exponent(cell.significant(), cell.scale);
            prop_assert_eq!(read(&cell), Some(number));
        }

        #[test]
        fn no_digit_is_lost(number: i128) {
            let cell = Number::new(number, 8);
            let bytes = cell.significant();
            let sign = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
            let mut padded = [sign; 16];
            padded[16 - bytes.len()..].copy_from_slice(bytes);
            prop_assert_eq!(i128::from_be_bytes(padded), number);
        }
    }
}
