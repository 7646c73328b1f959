//! The record headers, all with values in text (design: Kafka record).

use rdkafka::message::{Header, Headers};

use crate::panics::caught;

/// The exchange's name, as in `crds::spec::Exchange::as_str`.
pub const EXCHANGE: &str = "exchange";
/// When the producer received the trade, microseconds since 1970, in decimal.
pub const RECV_US: &str = "recv_us";
/// Where the producer had the trade from: [`WS`], [`REST`] or [`REPLAY`].
pub const SRC: &str = "src";
/// [`SRC`] of what a live stream sent.
pub const WS: &str = "ws";
/// [`SRC`] of what was fetched from the exchange's record of the past.
pub const REST: &str = "rest";
/// [`SRC`] of what was read from a recording or from the exchange's dumps.
pub const REPLAY: &str = "replay";
/// Of a dead letter: why it could not be read, as a stable CamelCase name.
pub const REASON: &str = "reason";
/// [`REASON`] of a trade whose id began again at a lower number.
pub const IDS_RESTARTED: &str = "IdsRestarted";
/// Of a record that was put back by hand: where its dead letter is, as `partition/offset`.
pub const DEAD_LETTER: &str = "dead_letter";
/// Of a note in the dead-letter topic: where the letter is that was put back, as `partition/offset`.
pub const PUT_BACK: &str = "put_back";

/// All headers of a record but those whose names are not UTF-8: Kafka lets such pass, and the client panics on them.
pub fn readable(headers: &impl Headers) -> impl Iterator<Item = Header<'_, &[u8]>> {
    (0..headers.count()).filter_map(|at| caught(|| headers.try_get(at)).flatten())
}
