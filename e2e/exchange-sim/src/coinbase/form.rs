//! Trades in Coinbase's forms. No I/O.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::market::series::Trade;

/// What orders are named by; nobody reads it.
const ORDER: &str = "ac928c66-ca53-498f-9c13-a110027a60e8";

/// A message of the channel `matches`: `match`, or the `last_match` of a new subscription.
pub fn message(kind: &str, trade: &Trade<'_>) -> String {
    let mut message = row(trade);
    message["type"] = kind.into();
    message["product_id"] = trade.symbol().into();
    message["sequence"] = trade.id().saturating_mul(3).into();
    message["maker_order_id"] = ORDER.into();
    message["taker_order_id"] = ORDER.into();
    message.to_string()
}

/// A row of `/products/<id>/trades`. The side is the maker's.
pub fn row(trade: &Trade<'_>) -> Value {
    json!({
        "time": iso(Duration::from_millis(trade.time_ms())),
        "trade_id": trade.id(),
        "price": trade.price(),
        "size": trade.quantity(),
        "side": if trade.buyer_is_maker() { "buy" } else { "sell" },
    })
}

/// A time since the Unix epoch with six fraction digits. Behind the recorded milliseconds stands what no reader of
/// milliseconds may round up.
pub fn iso(time: Duration) -> String {
    let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros.saturating_add(999))
        .map_or_else(|_| String::new(), |time| format!("{time:.6}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_six_fraction_digits() {
        assert_eq!(
            iso(Duration::from_millis(1_610_064_000_278)),
            "2021-01-08T00:00:00.278999Z"
        );
    }
}
