//! From a row of `historicalTrades`, or of the exchange's dumps of it, to the event of the live stream. Pure.

use bytes::Bytes;
use crds::spec::Exchange;
use serde::Deserialize;

use crate::{
    decode::DecodeError,
    feed::{Received, event::Event},
    model::{Symbol, Trade},
};

/// A trade as REST tells it (binance-spot-api-docs: rest-api.md, "Old trade lookup").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Trade id.
    pub id: u64,
    /// Decimal, eight places.
    pub price: String,
    /// Decimal, eight places.
    pub qty: String,
    /// Milliseconds since 1970.
    pub time: i64,
    /// Whether the buyer's order was in the book first.
    pub is_buyer_maker: bool,
    /// Without a meaning; the stream has it, too.
    pub is_best_match: bool,
}

impl Row {
    /// The trade as the live stream would have sent it, byte for byte but for the event time: REST does not tell when
    /// the event was sent, so that it is the trade's own time.
    pub fn event(&self, symbol: &Symbol) -> Result<(Bytes, Trade), DecodeError> {
        let event = Event {
            event_time: self.time,
            symbol,
            trade_id: self.id,
            price: &self.price,
            quantity: &self.qty,
            trade_time: self.time,
            buyer_is_maker: self.is_buyer_maker,
            best_match: self.is_best_match,
        };
        event.read(Exchange::Binance)
    }

    /// [`Self::event`] as fetched now.
    pub fn received(&self, symbol: &Symbol) -> Result<Received, DecodeError> {
        let (event, trade) = self.event(symbol)?;
        Ok(Received::fetched(event, trade))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Source;

    const ROW: &str = r#"{"id":553287559,"price":"39432.48000000","qty":"0.00026300","quoteQty":"10.37074224",
        "time":1610064000278,"isBuyerMaker":true,"isBestMatch":true}"#;

    fn row(text: &str) -> Row {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_row_becomes_the_bytes_of_the_stream() {
        let received = row(ROW).received(&"BTCUSDT".parse().unwrap()).unwrap();
        assert_eq!(
            received.bytes,
            r#"{"e":"trade","E":1610064000278,"s":"BTCUSDT","t":553287559,"p":"39432.48000000","q":"0.00026300","T":1610064000278,"m":true,"M":true}"#
        );
        assert_eq!(received.source, Source::Rest);
        assert_eq!(received.content.unwrap().trade_id, 553_287_559);
    }

    #[test]
    fn a_symbol_beyond_ascii_stays_as_it_is() {
        let received = row(ROW).received(&"币安人生USDT".parse().unwrap()).unwrap();
        let text = String::from_utf8(received.bytes.to_vec()).unwrap();
        assert!(text.contains(r#""s":"币安人生USDT""#), "{text}");
    }

    #[test]
    fn a_row_that_no_trade_can_have_is_refused() {
        let absurd = ROW.replace("39432.48000000", "0.00000000");
        let error = row(&absurd).received(&"BTCUSDT".parse().unwrap()).unwrap_err();
        assert_eq!(error.reason(), "AbsurdValue");
    }
}
