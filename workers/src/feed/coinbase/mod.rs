//! Coinbase Exchange's trades: the live `matches` channel (docs.cdp.coinbase.com/exchange/websocket-feed) and [`rest`].
//!
//! [`message`] tells messages apart, [`subscription`] which requests follow from the wanted products, [`trade`] brings a
//! match into the wire form; [`super::stream`] does the rest. Ids count per product; that none is left out is promised
//! nowhere, and the documentation says that messages may be dropped (docs/decisions/0019).

mod message;
pub mod rest;
mod subscription;
mod trade;

pub use self::subscription::Subscription;
use super::stream::StreamFeed;

/// The live trades of a changing set of products. Its origin is `wss://host` or `ws://host[:port]`, without a path.
pub type CoinbaseFeed = StreamFeed<Subscription>;

/// Characters of products, as in `BTC-USD`.
fn is_product(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-')
}
