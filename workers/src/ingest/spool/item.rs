//! What was read, as the bytes of one record of the spool. Pure.
//!
//! `source u8 | exchange u8 | read at, microseconds since 1970, i64 | length of the reason u8 | reason | event`, little
//! endian. The exchange is its place among all (of a dead letter, the first). The reason is empty for a trade, whose content
//! is read from the event again.

use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use crds::spec::Exchange;

use crate::{
    clock::now_us,
    decode,
    feed::{Received, Source},
    model::Trade,
};

const LIVE: u8 = 0;
const REST: u8 = 1;
const REPLAY: u8 = 2;

/// Bytes before the reason.
const HEAD: usize = 1 + 1 + 8 + 1;

/// How many bytes [`write`] adds.
pub fn len(received: &Received) -> usize {
    HEAD + usize::from(reason(received).0) + received.bytes.len()
}

/// Adds what was read.
pub fn write(received: &Received, into: &mut BytesMut) {
    into.put_u8(match received.source {
        Source::Live => LIVE,
        Source::Rest => REST,
        Source::Replay => REPLAY,
    });
    into.put_u8(exchange(received));
    into.put_i64_le(received.wall_us);
    let (length, reason) = reason(received);
    into.put_u8(length);
    into.put_slice(reason);
    into.put_slice(&received.bytes);
}

/// What [`write`] wrote; `None` for other bytes.
pub fn read(mut bytes: Bytes) -> Option<Received> {
    let source = match bytes.try_get_u8().ok()? {
        LIVE => Source::Live,
        REST => Source::Rest,
        REPLAY => Source::Replay,
        _ => return None,
    };
    let exchange = *Exchange::ALL.get(usize::from(bytes.try_get_u8().ok()?))?;
    let wall_us = bytes.try_get_i64_le().ok()?;
    let length = usize::from(bytes.try_get_u8().ok()?);
    if length > bytes.len() {
        return None;
    }
    let reason = bytes.split_to(length);
    let content = if reason.is_empty() {
        Ok(decode::trade(exchange, &bytes).ok()?)
    } else {
        Err(String::from_utf8(reason.into()).ok()?.into())
    };
    let age = Duration::from_micros(u64::try_from(now_us().saturating_sub(wall_us)).unwrap_or_default());
    let now = Instant::now();
    Some(Received {
        source,
        wall_us,
        at: now.checked_sub(age).unwrap_or(now),
        bytes,
        content,
    })
}

fn exchange(received: &Received) -> u8 {
    let place = |trade: &Trade| Exchange::ALL.iter().position(|known| *known == trade.exchange);
    let place = received.content.as_ref().ok().and_then(place);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(0)
}

/// A stable name is far shorter than 255 bytes; of a longer one the beginning is kept.
fn reason(received: &Received) -> (u8, &[u8]) {
    let reason = received
        .content
        .as_ref()
        .err()
        .map_or("", AsRef::as_ref)
        .as_bytes();
    match u8::try_from(reason.len()) {
        Ok(length) => (length, reason),
        Err(_) => (u8::MAX, reason.get(..usize::from(u8::MAX)).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EVENT: &str = r#"{"e":"trade","E":1610064000278,"s":"BTCUSDT","t":7,"p":"1.0","q":"1.0","T":1610064000278,"m":true}"#;

    fn there_and_back(received: &Received) -> Received {
        let mut bytes = BytesMut::new();
        write(received, &mut bytes);
        assert_eq!(bytes.len(), len(received));
        read(bytes.freeze()).unwrap()
    }

    #[test]
    fn a_trade_and_a_dead_letter_come_back_as_they_were() {
        let trade = decode::trade(Exchange::Binance, EVENT.as_bytes()).unwrap();
        let other = decode::trade(Exchange::Coinbase, EVENT.as_bytes()).unwrap();
        let letter = Received::now("{broken".into(), Err("BrokenFrame".into()));
        for received in [
            Received::now(EVENT.into(), Ok(trade.clone())),
            Received::fetched(EVENT.into(), trade),
            Received::now(EVENT.into(), Ok(other)),
            letter,
        ] {
            let back = there_and_back(&received);
            assert_eq!(
                (back.source, back.wall_us, &back.bytes, &back.content),
                (
                    received.source,
                    received.wall_us,
                    &received.bytes,
                    &received.content
                )
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(bytes.into());
        }
    }
}
