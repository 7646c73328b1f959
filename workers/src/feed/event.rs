//! The wire form: what every exchange's trades are brought into. It is Binance's `trade` event. Pure.

use bytes::Bytes;
use crds::spec::Exchange;
use serde::Serialize;

use crate::{
    decode::{self, DecodeError},
    model::Trade,
};

/// The fields of a `trade` event in the stream's own order.
#[derive(Debug, Serialize)]
#[serde(tag = "e", rename = "trade")]
pub struct Event<'a> {
    /// When the exchange sent it, milliseconds since 1970.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// In the exchange's spelling.
    #[serde(rename = "s")]
    pub symbol: &'a str,
    /// The exchange's number.
    #[serde(rename = "t")]
    pub trade_id: u64,
    /// As the exchange wrote it.
    #[serde(rename = "p")]
    pub price: &'a str,
    /// As the exchange wrote it.
    #[serde(rename = "q")]
    pub quantity: &'a str,
    /// When the trade happened, milliseconds since 1970.
    #[serde(rename = "T")]
    pub trade_time: i64,
    /// Whether the buyer's order was in the book before.
    #[serde(rename = "m")]
    pub buyer_is_maker: bool,
    /// Binance's "best match"; it means nothing, and is true.
    #[serde(rename = "M")]
    pub best_match: bool,
}

impl Event<'_> {
    /// The event's bytes, and the trade that every reader will find in them.
    pub fn read(&self, exchange: Exchange) -> Result<(Bytes, Trade), DecodeError> {
        let bytes = serde_json::to_vec(self)?;
        let trade = decode::trade(exchange, &bytes)?;
        Ok((Bytes::from(bytes), trade))
    }
}
