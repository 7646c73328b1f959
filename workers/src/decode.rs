//! Bytes to [`Trade`]. Pure; never panics, whatever the bytes.
//!
//! The wire form is Binance's `trade` event (binance-spot-api-docs: web-socket-streams.md, "Trade Streams"), whatever the
//! exchange. Whose trade it is stands beside the event, in a header of its record.

mod fixed;

use std::{borrow::Cow, fmt};

use crds::spec::Exchange;
use serde::Deserialize;

use crate::model::{Decimal, DecimalError, SymbolError, Trade};

/// What the archive's price column can keep.
const LARGEST_PRICE: Decimal = Decimal::largest(18);
/// What the archive's quantity column can keep.
const LARGEST_QUANTITY: Decimal = Decimal::largest(20);
/// 2009-01-01 in seconds since 1970: before it nobody traded.
const EARLIEST_S: i64 = 1_230_768_000;
/// 2100-01-01 in seconds since 1970.
const LATEST_S: i64 = 4_102_444_800;

/// Why bytes are no trade.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// No JSON object, or cut off.
    #[error("not a JSON object: {0}")]
    NotJson(String),
    /// A field of the wrong type or beyond its type's range, or twice there.
    #[error("a field has the wrong type or range: {0}")]
    InvalidField(String),
    /// A field is absent or null.
    #[error("field `{0}` is missing")]
    MissingField(&'static str),
    /// A sound event of another kind.
    #[error("event is `{0}`, not `trade`")]
    OtherEvent(String),
    /// The header names an exchange that is not known.
    #[error("exchange `{0}` is not known")]
    UnknownExchange(String),
    /// The symbol cannot be one.
    #[error("field `s`: {0}")]
    Symbol(#[from] SymbolError),
    /// The price or quantity is no number that can be kept exactly.
    #[error("field `{field}`: {source}")]
    Decimal {
        /// JSON name.
        field: &'static str,
        /// What is wrong with it.
        source: DecimalError,
    },
    /// A number no trade can have.
    #[error("field `{field}` is {value}, which no trade can have")]
    Absurd {
        /// JSON name.
        field: &'static str,
        /// As received.
        value: String,
    },
}

impl DecodeError {
    /// A stable CamelCase name of the error, for headers and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NotJson(_) => "NotJson",
            Self::InvalidField(_) => "InvalidField",
            Self::MissingField(_) => "MissingField",
            Self::OtherEvent(_) => "OtherEvent",
            Self::UnknownExchange(_) => "UnknownExchange",
            Self::Symbol(_) => "InvalidSymbol",
            Self::Decimal { source, .. } => source.reason(),
            Self::Absurd { .. } => "AbsurdValue",
        }
    }
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        if error.is_data() {
            Self::InvalidField(error.to_string())
        } else {
            Self::NotJson(error.to_string())
        }
    }
}

/// The event's own fields. Every one is optional here, so that a missing one can be named.
#[derive(Deserialize)]
struct TradeEvent<'a> {
    #[serde(rename = "e", borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(rename = "E")]
    event_time: Option<i64>,
    #[serde(rename = "s", borrow)]
    symbol: Option<Cow<'a, str>>,
    #[serde(rename = "t")]
    trade_id: Option<u64>,
    #[serde(rename = "p", borrow)]
    price: Option<Cow<'a, str>>,
    #[serde(rename = "q", borrow)]
    quantity: Option<Cow<'a, str>>,
    #[serde(rename = "T")]
    trade_time: Option<i64>,
    #[serde(rename = "m")]
    buyer_is_maker: Option<bool>,
}

/// The exchange that a record's header names. Without the header it is the one whose form the event has.
pub fn exchange(header: Option<&str>) -> Result<Exchange, DecodeError> {
    let Some(name) = header else {
        return Ok(Exchange::Binance);
    };
    Exchange::named(name).ok_or_else(|| DecodeError::UnknownExchange(name.chars().take(40).collect()))
}

/// Reads one trade event of an exchange. Unknown fields are ignored; times may be milliseconds or microseconds.
pub fn trade(exchange: Exchange, bytes: &[u8]) -> Result<Trade, DecodeError> {
    if let Some(event) = fixed::fields(bytes) {
        return Ok(Trade {
            exchange,
            symbol: event.symbol.parse()?,
            trade_id: trade_id(event.trade_id)?,
            price: kept("p", event.price, LARGEST_PRICE)?,
            quantity: kept("q", event.quantity, LARGEST_QUANTITY)?,
            trade_time_us: microseconds("T", event.trade_time)?,
            event_time_us: microseconds("E", event.event_time)?,
            buyer_is_maker: event.buyer_is_maker,
        });
    }
    general(exchange, bytes)
}

/// Reads an event of any form that JSON allows.
fn general(exchange: Exchange, bytes: &[u8]) -> Result<Trade, DecodeError> {
    // Serde would also take the fields' values as a bare list.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(DecodeError::NotJson("does not begin with `{`".to_owned()));
    }
    let event: TradeEvent<'_> = serde_json::from_slice(bytes)?;
    let name = required("e", event.event)?;
    if name != "trade" {
        return Err(DecodeError::OtherEvent(name.chars().take(40).collect()));
    }
    Ok(Trade {
        exchange,
        symbol: required("s", event.symbol)?.parse()?,
        trade_id: trade_id(required("t", event.trade_id)?)?,
        price: kept("p", decimal("p", &required("p", event.price)?)?, LARGEST_PRICE)?,
        quantity: kept(
            "q",
            decimal("q", &required("q", event.quantity)?)?,
            LARGEST_QUANTITY,
        )?,
        trade_time_us: microseconds("T", required("T", event.trade_time)?)?,
        event_time_us: microseconds("E", required("E", event.event_time)?)?,
        buyer_is_maker: required("m", event.buyer_is_maker)?,
    })
}

fn required<T>(field: &'static str, value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or(DecodeError::MissingField(field))
}

/// Id 0 is real: Binance numbers a symbol's trades from 0. Above `i64::MAX` no store could keep it.
fn trade_id(id: u64) -> Result<u64, DecodeError> {
    if i64::try_from(id).is_ok() {
        Ok(id)
    } else {
        Err(absurd("t", &id))
    }
}

fn decimal(field: &'static str, text: &str) -> Result<Decimal, DecodeError> {
    text.parse()
        .map_err(|source| DecodeError::Decimal { field, source })
}

/// Passes on what its column can keep.
fn kept(field: &'static str, number: Decimal, largest: Decimal) -> Result<Decimal, DecodeError> {
    if number.is_positive() && number <= largest {
        Ok(number)
    } else {
        Err(absurd(field, &number))
    }
}

/// Milliseconds and microseconds of the years in question do not overlap, so the magnitude tells the unit.
fn microseconds(field: &'static str, time: i64) -> Result<i64, DecodeError> {
    const MILLI: i64 = 1_000;
    const MICRO: i64 = 1_000_000;
    if (EARLIEST_S * MILLI..LATEST_S * MILLI).contains(&time) {
        Ok(time * MILLI)
    } else if (EARLIEST_S * MICRO..LATEST_S * MICRO).contains(&time) {
        Ok(time)
    } else {
        Err(absurd(field, &time))
    }
}

fn absurd(field: &'static str, value: &dyn fmt::Display) -> DecodeError {
    DecodeError::Absurd {
        field,
        value: value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const RECORDED: &str = r#"{"e":"trade","E":1610064000278,"s":"BTCUSDT","t":553287559,"p":"39432.48000000","q":"0.00026300","T":1610064000278,"m":true,"M":true}"#;

    fn with(field: &str, value: Value) -> Vec<u8> {
        let mut event: Value = serde_json::from_str(RECORDED).unwrap();
        event[field] = value;
        event.to_string().into_bytes()
    }

    fn trade(bytes: &[u8]) -> Result<Trade, DecodeError> {
        super::trade(Exchange::Binance, bytes)
    }

    fn reason(bytes: &[u8]) -> &'static str {
        trade(bytes).unwrap_err().reason()
    }

    #[test]
    fn reads_a_recorded_trade() {
        let expected = Trade {
            exchange: Exchange::Binance,
            symbol: "BTCUSDT".parse().unwrap(),
            trade_id: 553_287_559,
            price: "39432.48".parse().unwrap(),
            quantity: "0.000263".parse().unwrap(),
            trade_time_us: 1_610_064_000_278_000,
            event_time_us: 1_610_064_000_278_000,
            buyer_is_maker: true,
        };
        assert_eq!(trade(RECORDED.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn the_header_tells_whose_trade_it_is() {
        assert_eq!(exchange(None).unwrap(), Exchange::Binance);
        assert_eq!(exchange(Some("coinbase")).unwrap(), Exchange::Coinbase);
        assert_eq!(exchange(Some("mtgox")).unwrap_err().reason(), "UnknownExchange");
        let product = with("s", json!("BTC-USD"));
        let trade = super::trade(Exchange::Coinbase, &product).unwrap();
        assert_eq!(
            (trade.exchange, trade.symbol.as_str()),
            (Exchange::Coinbase, "BTC-USD")
        );
    }

    #[test]
    fn field_order_spaces_and_unknown_fields_do_not_matter() {
        let text = r#" {"M":true,"m":true, "T":1610064000278,"q":"0.00026300","p":"39432.48000000","x":[{}],
            "t":553287559,"s":"BTC\u0055SDT","E":1610064000278,"e":"trade"} "#;
        assert_eq!(
            trade(text.as_bytes()).unwrap(),
            trade(RECORDED.as_bytes()).unwrap()
        );
    }

    #[test]
    fn microseconds_are_told_from_milliseconds() {
        let read = trade(&with("T", json!(1_610_064_000_278_123_i64))).unwrap();
        assert_eq!(read.trade_time_us, 1_610_064_000_278_123);
    }

    #[test]
    fn the_first_trade_of_a_symbol_has_id_0() {
        assert_eq!(trade(&with("t", json!(0))).unwrap().trade_id, 0);
    }

    #[rstest]
    #[case("e", json!("aggTrade"), "OtherEvent")]
    #[case("e", json!(null), "MissingField")]
    #[case("s", json!(null), "MissingField")]
    #[case("s", json!(""), "InvalidSymbol")]
    #[case("s", json!(7), "InvalidField")]
    #[case("t", json!(-1), "InvalidField")]
    #[case("t", json!(1.5), "InvalidField")]
    #[case("t", json!("553287559"), "InvalidField")]
    #[case("t", json!(u64::MAX), "AbsurdValue")]
    #[case("p", json!(null), "MissingField")]
    #[case("p", json!(39432.48), "InvalidField")]
    #[case("p", json!("39,432"), "DecimalMalformed")]
    #[case("p", json!("0.000000001"), "DecimalTooPrecise")]
    #[case("p", json!("0.00000000"), "AbsurdValue")]
    #[case("p", json!("-1.00000000"), "AbsurdValue")]
    #[case("p", json!("10000000000.00000000"), "AbsurdValue")]
    #[case("q", json!("0.00000000"), "AbsurdValue")]
    #[case("q", json!("1000000000000.00000000"), "AbsurdValue")]
    #[case("q", json!("9999999999999999999999999999999999999999"), "DecimalOverflow")]
    #[case("T", json!(null), "MissingField")]
    #[case("T", json!(-1), "AbsurdValue")]
    #[case("T", json!(1_610_064_000), "AbsurdValue")]
    #[case("T", json!(i64::MAX), "AbsurdValue")]
    #[case("E", json!(0), "AbsurdValue")]
    #[case("m", json!(null), "MissingField")]
    #[case("m", json!("true"), "InvalidField")]
    fn refuses_with_the_reason(#[case] field: &str, #[case] value: Value, #[case] expected: &str) {
        assert_eq!(reason(&with(field, value)), expected);
    }

    #[rstest]
    #[case("", "NotJson")]
    #[case("null", "NotJson")]
    #[case("{", "NotJson")]
    #[case(
        r#"["trade",1610064000278,"BTCUSDT",553287559,"1","1",1610064000278,true]"#,
        "NotJson"
    )]
    #[case(r#"{"e":"trade","e":"trade"}"#, "InvalidField")]
    #[case(r#"{"e":"trade"} {}"#, "NotJson")]
    #[case(r#"{"e":"trade","t":99999999999999999999999999}"#, "InvalidField")]
    fn refuses_what_is_no_single_object(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(reason(text.as_bytes()), expected);
    }

    #[test]
    fn deep_nesting_and_broken_utf8_are_refused() {
        let deep = format!("{{\"x\":{}", "[".repeat(100_000));
        assert_eq!(reason(deep.as_bytes()), "NotJson");
        assert_eq!(reason(b"{\"e\":\"\xff\"}"), "NotJson");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = trade(&bytes);
        }

        #[test]
        fn any_damage_to_a_trade_is_read_or_refused(at in 0..RECORDED.len(), byte: u8, cut in 0..RECORDED.len()) {
            let mut bytes = RECORDED.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = trade(&bytes);
            prop_assert!(trade(&bytes[..cut]).is_err());
        }

        #[test]
        fn both_ways_of_reading_come_to_the_same(
            at in 0..RECORDED.len(), with in "[0-9tT{}\",.:\\\\ a-z\u{e9}-]{0,3}", taken in 0_usize..4,
        ) {
            let end = (at + taken).min(RECORDED.len());
            let text = [&RECORDED[..at], &with, &RECORDED[end..]].concat();
            let told = |read: Result<Trade, DecodeError>| read.map_err(|error| error.to_string());
            prop_assert_eq!(told(trade(text.as_bytes())), told(general(Exchange::Binance, text.as_bytes())));
        }

        #[test]
        fn every_sound_trade_is_read_as_it_was_written(
            id in 0..i64::MAX as u64, price in 1..10_i128.pow(18), quantity in 1..10_i128.pow(20),
            time in EARLIEST_S * 1_000_000..LATEST_S * 1_000_000, maker: bool,
        ) {
            let (price, quantity) = (Decimal::from_mantissa(price).unwrap(), Decimal::from_mantissa(quantity).unwrap());
            let event = json!({"e": "trade", "E": time, "s": "BTCUSDT", "t": id, "p": price.to_string(),
                "q": quantity.to_string(), "T": time, "m": maker});
            let read = trade(event.to_string().as_bytes()).unwrap();
            prop_assert_eq!((read.trade_id, read.price, read.quantity), (id, price, quantity));
            prop_assert_eq!((read.trade_time_us, read.event_time_us, read.buyer_is_maker), (time, time, maker));
        }
    }
}
