//! Binance's trades: the live streams (binance-spot-api-docs: web-socket-streams.md) and [`rest`].
//!
//! [`frame`] tells frames apart, [`subscription`] which control frames follow from the wanted symbols; [`super::stream`]
//! does the rest. [`dump`] reads the exchange's public files.

pub mod dump;
mod frame;
pub mod rest;
mod subscription;
#[cfg(test)]
mod tests;
mod trades;

pub use self::subscription::Subscription;
use super::stream::StreamFeed;

/// The live trades of a changing set of symbols. Its origin is `wss://host` or `ws://host[:port]`, without a path.
pub type BinanceFeed = StreamFeed<Subscription>;
