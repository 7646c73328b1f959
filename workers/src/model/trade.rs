//! One trade as the exchange reported it.

use crds::spec::Exchange;

use super::{Decimal, Symbol};

/// A trade, identified by `(exchange, symbol, trade_id)`. When it was received, and from where, stands in the
/// headers of its Kafka record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Whose trade.
    pub exchange: Exchange,
    /// What was traded.
    pub symbol: Symbol,
    /// The exchange's number of the trade; consecutive within a symbol. At most `i64::MAX`.
    pub trade_id: u64,
    /// Greater than 0; fits `DECIMAL(18,8)`.
    pub price: Decimal,
    /// In the base asset. Greater than 0; fits `DECIMAL(20,8)`.
    pub quantity: Decimal,
    /// When the trade happened, microseconds since 1970.
    pub trade_time_us: i64,
    /// When the exchange sent the event, microseconds since 1970.
    pub event_time_us: i64,
    /// Whether the buyer's order was in the book before (the seller was the aggressor).
    pub buyer_is_maker: bool,
}
