//! From a match, live or by REST, to the wire form. Pure.

use bytes::Bytes;
use crds::spec::Exchange;
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    decode::DecodeError,
    feed::{Received, event::Event},
    model::{Symbol, Trade},
};

/// What the channel `matches` and `/products/<id>/trades` both tell of a trade.
#[derive(Debug, Deserialize)]
pub struct Row {
    /// Counts up within the product.
    pub trade_id: u64,
    /// The maker's.
    side: Side,
    size: String,
    price: String,
    /// ISO 8601 with up to six fraction digits.
    time: String,
}

/// A match of the live channel.
#[derive(Debug, Deserialize)]
pub struct Match {
    product_id: String,
    #[serde(flatten)]
    row: Row,
}

/// Of the order that was in the book before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    Buy,
    Sell,
}

impl Match {
    /// The trade, with its bytes in the wire form.
    pub fn read(&self) -> Result<(Bytes, Trade), DecodeError> {
        self.row.read(&self.product_id)
    }
}

impl Row {
    /// When the trade happened, milliseconds since 1970. Coinbase tells microseconds; the wire form has milliseconds, and
    /// here is where the rest is cut off. The order of trades is that of their ids.
    pub fn time_ms(&self) -> Result<i64, DecodeError> {
        let time: Timestamp = self
            .time
            .parse()
            .map_err(|error| DecodeError::InvalidField(format!("time: {error}")))?;
        Ok(time.as_millisecond())
    }

    /// The trade as it was fetched.
    pub fn received(&self, product: &Symbol) -> Result<Received, DecodeError> {
        let (bytes, trade) = self.read(product)?;
        Ok(Received::fetched(bytes, trade))
    }

    /// Numbers stay the text that they are: one with more digits than can be kept is refused, not rounded. Coinbase has one
    /// time for the trade and its event.
    fn read(&self, product: &str) -> Result<(Bytes, Trade), DecodeError> {
        let time_ms = self.time_ms()?;
        let event = Event {
            event_time: time_ms,
            symbol: product,
            trade_id: self.trade_id,
            price: &self.price,
            quantity: &self.size,
            trade_time: time_ms,
            buyer_is_maker: self.side == Side::Buy,
            best_match: true,
        };
        event.read(Exchange::Coinbase)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::feed::Source;

    const MATCH: &str = r#"{"type":"match","trade_id":10,"sequence":50,"maker_order_id":"ac928c66-ca53-498f-9c13-a110027a60e8",
        "taker_order_id":"132fb6ae-456b-4654-b4e0-d681ac05cea1","time":"2014-11-07T08:19:27.028459Z",
        "product_id":"BTC-USD","size":"5.23512","price":"400.23","side":"sell"}"#;

    fn read(text: &str) -> Result<(Bytes, Trade), DecodeError> {
        serde_json::from_str::<Match>(text).unwrap().read()
    }

    #[test]
    fn a_match_becomes_the_wire_form_with_its_numbers_as_they_were_written() {
        let (bytes, trade) = read(MATCH).unwrap();
        assert_eq!(
            bytes,
            r#"{"e":"trade","E":1415348367028,"s":"BTC-USD","t":10,"p":"400.23","q":"5.23512","T":1415348367028,"m":false,"M":true}"#
        );
        assert_eq!(
            (trade.exchange, trade.trade_time_us),
            (Exchange::Coinbase, 1_415_348_367_028_000)
        );
    }

    #[rstest]
    #[case("sell", false)]
    #[case("buy", true)]
    fn the_side_is_the_makers(#[case] side: &str, #[case] buyer_is_maker: bool) {
        let (_, trade) = read(&MATCH.replace("sell", side)).unwrap();
        assert_eq!(trade.buyer_is_maker, buyer_is_maker);
    }

    #[rstest]
    #[case("5.23512", "5.123456789", "DecimalTooPrecise")]
    #[case("400.23", "0.000000001", "DecimalTooPrecise")]
    #[case("400.23", "4e2", "DecimalMalformed")]
    #[case("2014-11-07T08:19:27.028459Z", "yesterday", "InvalidField")]
    #[case("BTC-USD", "btc-usd", "InvalidSymbol")]
    fn what_cannot_be_kept_exactly_is_refused(#[case] from: &str, #[case] to: &str, #[case] reason: &str) {
        assert_eq!(read(&MATCH.replace(from, to)).unwrap_err().reason(), reason);
    }

    #[test]
    fn a_row_of_rest_becomes_the_same_bytes() {
        let row = r#"{"time":"2014-11-07T08:19:27.028459Z","trade_id":10,"price":"400.23","size":"5.23512","side":"sell"}"#;
        let row: Row = serde_json::from_str(row).unwrap();
        let received = row.received(&"BTC-USD".parse().unwrap()).unwrap();
        assert_eq!(
            (received.source, received.bytes),
            (Source::Rest, read(MATCH).unwrap().0)
        );
    }
}
