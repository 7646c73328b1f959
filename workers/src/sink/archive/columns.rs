//! Rows of one hour, column by column. Pure; grows by the row without an allocation per row.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray, types::Int32Type,
};
use arrow_schema::ArrowError;

use super::schema::{self, PRICE_PRECISION, QUANTITY_PRECISION, SCALE};
use crate::{
    kafka::{Record, arrivals::Arrivals},
    model::Trade,
};

/// To a quarter of a second: what has to become visible within `rollInterval` and 2 s needs it no closer, and an hour's takes
/// 230 KB at most.
pub type HourArrivals = Arrivals<250>;

/// A name's place in [`Names`]. Arrow's dictionary keys are signed.
type NameKey = i32;

/// The few different names of a column, each once.
#[derive(Debug, Default)]
pub struct Names {
    list: Vec<String>,
    keys: HashMap<String, NameKey>,
    /// Of the last row: mostly the next one has the same name.
    last: NameKey,
}

impl Names {
    fn key(&mut self, name: &str) -> NameKey {
        let last = usize::try_from(self.last)
            .ok()
            .and_then(|last| self.list.get(last));
        if last.is_none_or(|last| last != name) {
            self.last = self.place(name);
        }
        self.last
    }

    fn place(&mut self, name: &str) -> NameKey {
        if let Some(key) = self.keys.get(name) {
            return *key;
        }
        // A batch has far fewer names than i32 can count: it has fewer rows.
        let key = NameKey::try_from(self.list.len()).unwrap_or(NameKey::MAX);
        self.list.push(name.to_owned());
        self.keys.insert(name.to_owned(), key);
        key
    }

    /// By key, the place of the name in alphabetical order.
    fn ranks(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.list.len()).collect();
        order.sort_unstable_by_key(|key| self.list.get(*key));
        let mut ranks = vec![0; order.len()];
        for (rank, key) in order.into_iter().enumerate() {
            if let Some(slot) = ranks.get_mut(key) {
                *slot = rank;
            }
        }
        ranks
    }
}

/// Rows of one hour of one batch.
#[derive(Debug, Default)]
pub struct Columns {
    exchanges: Names,
    symbols: Names,
    sources: Names,
    exchange: Vec<NameKey>,
    symbol: Vec<NameKey>,
    trade_id: Vec<i64>,
    price: Vec<i128>,
    quantity: Vec<i128>,
    trade_time: Vec<i64>,
    event_time: Vec<i64>,
    recv_time: Vec<Option<i64>>,
    buyer_is_maker: Vec<bool>,
    source: Vec<Option<NameKey>>,
    kafka_offset: Vec<i64>,
    arrivals: HourArrivals,
}

impl Columns {
    /// Memory that one row takes, bytes: what the vectors above hold, but for the arrivals, which are few.
    pub const ROW_BYTES: usize = 4 + 4 + 8 + 16 + 16 + 8 + 8 + 16 + 1 + 8 + 8;

    /// Adds a row. The decoder has checked that price and quantity fit their columns and that the id fits `i64`.
    pub fn push(&mut self, trade: &Trade, record: &Record<'_>) {
        self.exchange.push(self.exchanges.key(trade.exchange.as_str()));
        self.symbol.push(self.symbols.key(trade.symbol.as_str()));
        self.trade_id.push(trade.trade_id.cast_signed());
        self.price.push(trade.price.mantissa());
        self.quantity.push(trade.quantity.mantissa());
        self.trade_time.push(trade.trade_time_us);
        self.event_time.push(trade.event_time_us);
        self.recv_time.push(record.recv_us);
        self.buyer_is_maker.push(trade.buyer_is_maker);
        self.source.push(record.src.map(|src| self.sources.key(src)));
        self.kafka_offset.push(record.offset);
        self.arrivals.push(record.timestamp_ms);
    }

    /// When Kafka got the rows.
    pub fn arrivals(&self) -> &HourArrivals {
        &self.arrivals
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.trade_id.len()
    }

    /// All rows, sorted by exchange, symbol and trade id.
    pub fn into_sorted(self, partition: i32) -> Result<RecordBatch, ArrowError> {
        let rows = self.rows();
        let order = self.order();
        let order = order.as_deref();
        let columns: Vec<ArrayRef> = vec![
            names(self.exchanges, pick(order, self.exchange).into())?,
            names(self.symbols, pick(order, self.symbol).into())?,
            Arc::new(Int64Array::from(pick(order, self.trade_id))),
            decimal(pick(order, self.price), PRICE_PRECISION)?,
            decimal(pick(order, self.quantity), QUANTITY_PRECISION)?,
            time(pick(order, self.trade_time)),
            time(pick(order, self.event_time)),
            time(pick(order, self.recv_time)),
            Arc::new(BooleanArray::from(pick(order, self.buyer_is_maker))),
            names(self.sources, pick(order, self.source).into())?,
            Arc::new(Int32Array::from(vec![partition; rows])),
            Arc::new(Int64Array::from(pick(order, self.kafka_offset))),
        ];
        RecordBatch::try_new(schema::schema(), columns)
    }

    /// The rows in the order of exchange, symbol and trade id; `None` where they are in it.
    fn order(&self) -> Option<Vec<usize>> {
        let (exchanges, symbols) = (self.exchanges.ranks(), self.symbols.ranks());
        let rank = |ranks: &[usize], key: Option<&NameKey>| {
            key.and_then(|key| usize::try_from(*key).ok())
                .and_then(|key| ranks.get(key).copied())
        };
        let mut order: Vec<usize> = (0..self.rows()).collect();
        order.sort_unstable_by_key(|row| {
            (
                rank(&exchanges, self.exchange.get(*row)),
                rank(&symbols, self.symbol.get(*row)),
                self.trade_id.get(*row).copied(),
            )
        });
        // A partition with one symbol is in order already.
        (!order.is_sorted()).then_some(order)
    }
}

/// Takes the column, so that it is not kept longer than its copy needs.
fn pick<T: Copy>(order: Option<&[usize]>, column: Vec<T>) -> Vec<T> {
    match order {
        None => column,
        Some(order) => order.iter().filter_map(|row| column.get(*row).copied()).collect(),
    }
}

fn names(names: Names, keys: Int32Array) -> Result<ArrayRef, ArrowError> {
    let names = Arc::new(StringArray::from(names.list));
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, names)?))
}

fn decimal(mantissas: Vec<i128>, precision: u8) -> Result<ArrayRef, ArrowError> {
    let column = Decimal128Array::from(mantissas).with_precision_and_scale(precision, SCALE)?;
    column.validate_decimal_precision(precision)?;
    Ok(Arc::new(column))
}

fn time<T>(microseconds: Vec<T>) -> ArrayRef
where
    TimestampMicrosecondArray: From<Vec<T>>,
{
    Arc::new(TimestampMicrosecondArray::from(microseconds).with_timezone("UTC"))
}
