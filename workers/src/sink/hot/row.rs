//! Trades as rows of `trades` and `latest`, and how rows are grouped into requests. Pure.

use std::{borrow::Cow, collections::BTreeMap};

use scylla::{
    SerializeRow,
    value::{CqlTimestamp, MaybeUnset},
};

use super::number::Number;
use crate::{
    kafka::{
        Record,
        headers::{REPLAY, REST, WS},
    },
    model::Trade,
};

/// Rows of one request, of about 150 bytes each. Cassandra's `batch_size_warn_threshold` is about batches over several of its
/// partitions (CASSANDRA-10876); one over a single partition is one mutation, and these are far below a mutation's 16 MiB.
pub const TRADES_PER_BATCH: usize = 200;
/// `trades` has a Cassandra partition per symbol and hour, microseconds.
pub const HOUR_US: i64 = 3_600_000_000;

/// A trade with where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HotRow {
    trade: Trade,
    recv_us: Option<i64>,
    src: Option<Cow<'static, str>>,
    partition: i32,
    offset: i64,
}

impl HotRow {
    /// The row of a record.
    pub fn new(trade: Trade, record: &Record<'_>, partition: i32) -> Self {
        Self {
            trade,
            recv_us: record.recv_us,
            src: record.src.map(source),
            partition,
            offset: record.offset,
        }
    }

    /// The trade.
    pub const fn trade(&self) -> &Trade {
        &self.trade
    }

    /// Start of the hour of the trade, microseconds since 1970.
    const fn bucket_us(&self) -> i64 {
        self.trade.trade_time_us.div_euclid(HOUR_US) * HOUR_US
    }

    /// The Cassandra partition of the row in `trades`.
    pub fn partition(&self) -> (&str, &str, i64) {
        (
            self.trade.exchange.as_str(),
            self.trade.symbol.as_str(),
            self.bucket_us(),
        )
    }

    /// The values of `trades`. Written at the time of the trade, so that a replay is no newer than the original.
    pub fn values(&self) -> TradeValues<'_> {
        let trade = &self.trade;
        TradeValues {
            exchange: trade.exchange.as_str(),
            symbol: trade.symbol.as_str(),
            bucket: timestamp(self.bucket_us()),
            trade_time: timestamp(trade.trade_time_us),
            trade_id: trade.trade_id.cast_signed(),
            event_time: timestamp(trade.event_time_us),
            recv_time_us: MaybeUnset::from_option(self.recv_us),
            price: trade.price.into(),
            quantity: trade.quantity.into(),
            buyer_is_maker: trade.buyer_is_maker,
            src: MaybeUnset::from_option(self.src.as_deref()),
            kafka_partition: self.partition,
            kafka_offset: self.offset,
            written_at: trade.trade_time_us,
        }
    }

    /// The values of `latest`. The trade's id is the write timestamp: the highest id wins, whatever the order of
    /// arrival, and no two trades of a symbol tie. (Times would: many trades have the same millisecond, and Cassandra
    /// settles ties cell by cell.) Empty the table with TRUNCATE; a DELETE, stamped with today, would win for ever.
    pub fn latest_values(&self) -> LatestValues<'_> {
        let trade = &self.trade;
        LatestValues {
            exchange: trade.exchange.as_str(),
            symbol: trade.symbol.as_str(),
            trade_id: trade.trade_id.cast_signed(),
            trade_time: timestamp(trade.trade_time_us),
            price: trade.price.into(),
            quantity: trade.quantity.into(),
            buyer_is_maker: trade.buyer_is_maker,
            written_at: trade.trade_id.cast_signed(),
        }
    }
}

/// A row of `trades`; a field per column (`crds::tables::TRADES`), in their order, and the write timestamp. What is not known
/// is left unset: a null would be a tombstone.
#[derive(Debug, SerializeRow)]
#[scylla(flavor = "enforce_order")]
pub struct TradeValues<'a> {
    exchange: &'a str,
    symbol: &'a str,
    bucket: CqlTimestamp,
    trade_time: CqlTimestamp,
    trade_id: i64,
    event_time: CqlTimestamp,
    recv_time_us: MaybeUnset<i64>,
    price: Number,
    quantity: Number,
    buyer_is_maker: bool,
    src: MaybeUnset<&'a str>,
    kafka_partition: i32,
    kafka_offset: i64,
    written_at: i64,
}

/// A row of `latest`; a field per column (`crds::tables::LATEST`) and the write timestamp.
#[derive(Debug, SerializeRow)]
pub struct LatestValues<'a> {
    exchange: &'a str,
    symbol: &'a str,
    trade_id: i64,
    trade_time: CqlTimestamp,
    price: Number,
    quantity: Number,
    buyer_is_maker: bool,
    written_at: i64,
}

/// Rows by requests of at most so many: a batch within one Cassandra partition costs little more than one row, a batch over
/// several costs more than its rows apart.
pub fn batches<'a, T, K: Ord>(rows: &'a [T], most: usize, partition: impl Fn(&'a T) -> K) -> Vec<Vec<&'a T>> {
    let mut by_partition: BTreeMap<K, Vec<&T>> = BTreeMap::new();
    for row in rows {
        by_partition.entry(partition(row)).or_default().push(row);
    }
    let chunks = by_partition.values().flat_map(|rows| rows.chunks(most));
    chunks.map(<[&T]>::to_vec).collect()
}

/// Of each symbol, the trade with the highest id.
pub fn newest(rows: &[HotRow]) -> Vec<&HotRow> {
    let mut newest: BTreeMap<(&str, &str), &HotRow> = BTreeMap::new();
    for row in rows {
        let place = newest
            .entry((row.trade.exchange.as_str(), row.trade.symbol.as_str()))
            .or_insert(row);
        if row.trade.trade_id > place.trade.trade_id {
            *place = row;
        }
    }
    newest.into_values().collect()
}

/// Nearly every record has one of ours, which need not be kept for each row.
fn source(src: &str) -> Cow<'static, str> {
    match [WS, REST, REPLAY].into_iter().find(|known| *known == src) {
        Some(known) => known.into(),
        None => src.to_owned().into(),
    }
}

/// CQL's timestamps count milliseconds.
pub(super) const fn timestamp(time_us: i64) -> CqlTimestamp {
    CqlTimestamp(time_us.div_euclid(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::testing::trade;

    fn row(symbol: &str, id: u64, time_us: i64) -> HotRow {
        HotRow::new(trade(symbol, id, time_us), &Record::default(), 0)
    }

    #[test]
    fn a_batch_stays_within_one_partition_and_below_the_limit() {
        let mut rows: Vec<HotRow> = (0..70).map(|id| row("BTCUSDT", id, 0)).collect();
        rows.extend((70..75).map(|id| row("BTCUSDT", id, HOUR_US)));
        rows.extend((0..3).map(|id| row("ETHUSDT", id, 0)));
        rows.reverse();
        let batches = batches(&rows, 30, HotRow::partition);
        let sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
        assert_eq!(sizes, [30, 30, 10, 5, 3]);
        for batch in batches {
            let partitions: Vec<_> = batch
                .iter()
                .map(|row| (row.trade.symbol.clone(), row.bucket_us()))
                .collect();
            assert!(partitions.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }

    #[test]
    fn the_highest_id_is_the_newest_whatever_its_time_and_order() {
        let rows = [
            row("BTCUSDT", 999, 5),
            row("BTCUSDT", 1_000, 5),
            row("BTCUSDT", 7, 9),
            row("ETHUSDT", 1, 0),
        ];
        let ids: Vec<u64> = newest(&rows).into_iter().map(|row| row.trade.trade_id).collect();
        assert_eq!(ids, [1_000, 1]);
        assert!(rows[1].latest_values().written_at > rows[0].latest_values().written_at);
    }
}
