//! The fields of a `trade` event that stand in the stream's own order, without a space or an escape, as nearly all do. Pure.
//!
//! A quicker way to what the general reader finds, never another result: whatever is not of this very form is left to it.

use crate::model::{Decimal, leading_digits};

/// The values, not judged yet.
pub struct Fields<'a> {
    /// `E`
    pub event_time: i64,
    /// `s`
    pub symbol: &'a str,
    /// `t`
    pub trade_id: u64,
    /// `p`
    pub price: Decimal,
    /// `q`
    pub quantity: Decimal,
    /// `T`
    pub trade_time: i64,
    /// `m`
    pub buyer_is_maker: bool,
}

/// Digits of a number that certainly fits into 64 bits.
const MOST_DIGITS: usize = 18;

/// Reads an event of exactly this form: `None` where anything differs.
pub fn fields(bytes: &[u8]) -> Option<Fields<'_>> {
    let mut rest = Rest { event: bytes, at: 0 };
    // In two: what fits into a register is compared without a call.
    rest.skip(br#"{"e":"trade"#)?;
    rest.skip(br#"","E":"#)?;
    let event_time = rest.number()?;
    rest.skip(br#","s":""#)?;
    let symbol = rest.text()?;
    rest.skip(br#","t":"#)?;
    let trade_id = rest.number()?;
    rest.skip(br#","p":""#)?;
    let price = rest.decimal()?;
    rest.skip(br#","q":""#)?;
    let quantity = rest.decimal()?;
    rest.skip(br#","T":"#)?;
    let trade_time = rest.number()?;
    rest.skip(br#","m":"#)?;
    let buyer_is_maker = rest.truth()?;
    rest.skip(br#","M":"#)?;
    rest.truth()?;
    (rest.bytes() == b"}").then_some(Fields {
        event_time: i64::try_from(event_time).ok()?,
        symbol,
        trade_id,
        price,
        quantity,
        trade_time: i64::try_from(trade_time).ok()?,
        buyer_is_maker,
    })
}

/// What is not read yet: from `at` on.
struct Rest<'a> {
    event: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    fn bytes(&self) -> &'a [u8] {
        &self.event[self.at..]
    }

    /// Generic over the length: a comparison of a known length needs no call.
    fn skip<const LENGTH: usize>(&mut self, expected: &[u8; LENGTH]) -> Option<()> {
        if self.bytes().first_chunk()? != expected {
            return None;
        }
        self.at += LENGTH;
        Some(())
    }

    /// JSON's whole numbers, which have no leading zeros.
    fn number(&mut self) -> Option<u64> {
        let (number, length) = leading_digits(self.bytes());
        if !(1..=MOST_DIGITS).contains(&length) || (length > 1 && self.bytes().first() == Some(&b'0')) {
            return None;
        }
        self.at += length;
        Some(number)
    }

    /// A decimal number up to the closing quote, and past it.
    fn decimal(&mut self) -> Option<Decimal> {
        let (number, length) = Decimal::leading(self.bytes())?;
        self.at += length;
        self.skip(b"\"")?;
        Some(number)
    }

    /// Up to the closing quote, and past it.
    fn text(&mut self) -> Option<&'a str> {
        let plain = |byte: &u8| (b' '..=b'~').contains(byte) && !matches!(byte, b'"' | b'\\');
        let from = self.at;
        self.at += self.bytes().iter().take_while(|byte| plain(byte)).count();
        let text = self.event.get(from..self.at)?;
        self.skip(b"\"")?;
        str::from_utf8(text).ok()
    }

    fn truth(&mut self) -> Option<bool> {
        if self.skip(b"true").is_some() {
            return Some(true);
        }
        self.skip(b"false").map(|()| false)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TRADE: &str = r#"{"e":"trade","E":1610064000278,"s":"BTCUSDT","t":553287559,"p":"39432.48000000","q":"0.00026300","T":1610064000278,"m":true,"M":true}"#;

    #[test]
    fn the_streams_own_form_is_read() {
        let found = fields(TRADE.as_bytes()).unwrap();
        let decimal = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(
            (found.symbol, found.price, found.quantity),
            ("BTCUSDT", decimal("39432.48"), decimal("0.000263"))
        );
        assert_eq!((found.trade_id, found.buyer_is_maker), (553_287_559, true));
        assert_eq!(
            (found.event_time, found.trade_time),
            (1_610_064_000_278, 1_610_064_000_278)
        );
    }

    #[rstest]
    #[case("553287559", "0553287559")]
    #[case("553287559", "-1")]
    #[case("553287559", "1e3")]
    #[case("553287559", "1000000000000000000")]
    #[case("39432.48000000", "-39432.48000000")]
    #[case("39432.48000000", "39432.480000001")]
    #[case("39432.48000000", "39432.")]
    #[case("BTCUSDT", "BTC\\u0055SDT")]
    #[case("BTCUSDT", "B\u{fc}")]
    #[case("BTCUSDT", "B\tC")]
    #[case(r#""m":true"#, r#""m": true"#)]
    #[case(r#""m":true"#, r#""m":null"#)]
    #[case(r#""M":true}"#, r#""M":true} "#)]
    #[case(r#""M":true}"#, r#""M":true,"x":1}"#)]
    #[case(r#""e":"trade""#, r#""e":"aggTrade""#)]
    fn anything_else_is_left_to_the_general_reader(#[case] from: &str, #[case] to: &str) {
        assert!(fields(TRADE.replace(from, to).as_bytes()).is_none());
    }
}
