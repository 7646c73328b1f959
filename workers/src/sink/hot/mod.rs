//! The hot store: every trade as a row of Cassandra's `trades`, the newest of each symbol in `latest`, candles in
//! `candles`, the lane's own place in `hot_progress`, and what ingest tells of gaps in `gaps`.
//!
//! Every write is a function of its trades alone, its write timestamp included, so that a repeated write changes
//! nothing. That is what makes it safe to repeat any write whose answer is in doubt.
//!
//! What is done about an error: [`class`]; how many requests are made at a time: [`limit`]; both at work: [`gate`].

pub mod candle;
pub mod cassandra;
pub mod class;
pub mod error;
pub mod gaps;
pub mod gate;
pub mod ledger;
pub mod limit;
pub mod metrics;
pub mod next_node;
pub mod number;
pub mod read;
pub mod row;
pub mod statements;
pub mod store;

pub use self::{
    cassandra::CassandraStore, error::HotError, gaps::GapStore, ledger::Ledger, row::HotRow, store::HotStore,
};
