//! Whole numbers in text, eight digits at a time: an event has six numbers, and they are half of what reading it costs. Pure.

/// Digits that certainly fit into 64 bits.
const MOST: usize = 19;
const EIGHT: usize = 8;

/// The number that a text begins with, and how many digits it has; those after the nineteenth are left.
pub fn leading_digits(text: &[u8]) -> (u64, usize) {
    let (mut number, mut length) = (0_u64, 0);
    while length + EIGHT <= MOST
        && let Some(eight) = text.get(length..).and_then(<[u8]>::first_chunk)
        && let Some(digits) = eight_digits(*eight)
    {
        number = number * 100_000_000 + digits;
        length += EIGHT;
    }
    while length < MOST
        && let Some(byte) = text.get(length)
        && byte.is_ascii_digit()
    {
        number = number * 10 + u64::from(byte - b'0');
        length += 1;
    }
    (number, length)
}

/// Adds neighbours up in pairs, pairs in fours, and those in eights, all in one register.
fn eight_digits(text: [u8; EIGHT]) -> Option<u64> {
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const SIX: u64 = 0x0606_0606_0606_0606;
    let word = u64::from_le_bytes(text);
    // A digit's upper half is 3, and is so still when 6 is added.
    if word & HIGH != ZEROS || (word + SIX) & HIGH != ZEROS {
        return None;
    }
    let pairs = {
        let digits = word - ZEROS;
        (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff
    };
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_are_read_up_to_what_is_none(text in "[0-9]{0,25}", behind in "([^0-9].*)?") {
            let bytes = [text.as_bytes(), behind.as_bytes()].concat();
            let taken = text.len().min(MOST);
            let expected = text[..taken].parse().unwrap_or(0);
            prop_assert_eq!(leading_digits(&bytes), (expected, taken));
        }

        #[test]
        fn any_byte_that_is_no_digit_ends_the_number(byte: u8, at in 0_usize..8) {
            let mut text = *b"12345678";
            text[at] = byte;
            prop_assert_eq!(eight_digits(text).is_some(), byte.is_ascii_digit());
        }
    }
}
