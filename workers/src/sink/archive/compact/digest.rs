//! What a set of rows is, whatever their order and whatever files they are in. Pure.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use arrow_array::{
    Array, BooleanArray, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use parquet::{
    arrow::arrow_reader::ParquetRecordBatchReaderBuilder, errors::ParquetError, file::reader::ChunkReader,
};

use crate::model::IdIntervals;

/// Rows, as a set that may hold a row twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// Number of rows.
    pub rows: u64,
    /// Trade ids by exchange and symbol.
    ids: BTreeMap<(String, String), IdIntervals>,
    /// Sum of a hash of each row, over all columns.
    checksum: u64,
}

/// A row's place in the order of the archive's files.
pub type Key<'a> = (&'a str, &'a str, i64);

/// A [`Key`] that outlives its rows.
pub type OwnedKey = (String, String, i64);

/// The columns that order rows.
#[derive(Clone, Debug)]
pub struct Keys {
    exchanges: StringArray,
    symbols: StringArray,
    ids: Int64Array,
}

impl Keys {
    /// Of these rows.
    pub fn of(rows: &RecordBatch) -> Result<Self, ParquetError> {
        Ok(Self {
            exchanges: column(rows, "exchange")?,
            symbols: column(rows, "symbol")?,
            ids: column(rows, "trade_id")?,
        })
    }

    /// Of one row, which must be there.
    pub fn at(&self, row: usize) -> Key<'_> {
        (
            self.exchanges.value(row),
            self.symbols.value(row),
            self.ids.value(row),
        )
    }
}

fn column<A: Array + Clone + 'static>(rows: &RecordBatch, name: &str) -> Result<A, ParquetError> {
    rows.column_by_name(name)
        .and_then(|column| column.as_any().downcast_ref::<A>().cloned())
        .ok_or_else(|| ParquetError::General(format!("no column {name} of the archive's type")))
}

impl Digest {
    /// Reads a whole file; says also whether its rows are sorted by exchange, symbol and trade id.
    pub fn of(file: impl ChunkReader + 'static) -> Result<(Self, bool), ParquetError> {
        let mut digest = Self::default();
        let mut sorted = true;
        let mut last: Option<OwnedKey> = None;
        for rows in ParquetRecordBatchReaderBuilder::try_new(file)?.build()? {
            let rows = rows?;
            let keys = Keys::of(&rows)?;
            if rows.num_rows() == 0 {
                continue;
            }
            let before = last
                .as_ref()
                .map(|(exchange, symbol, id)| (exchange.as_str(), symbol.as_str(), *id));
            sorted &= before.is_none_or(|before| before <= keys.at(0));
            sorted &= (1..rows.num_rows()).all(|row| keys.at(row - 1) <= keys.at(row));
            let (exchange, symbol, id) = keys.at(rows.num_rows() - 1);
            last = Some((exchange.to_owned(), symbol.to_owned(), id));
            digest.add_rows(&rows, &keys)?;
        }
        Ok((digest, sorted))
    }

    /// Adds the rows of another file.
    pub fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.checksum = self.checksum.wrapping_add(other.checksum);
        for (symbol, ids) in other.ids {
            self.ids.entry(symbol).or_default().union(&ids);
        }
    }

    fn add_rows(&mut self, rows: &RecordBatch, keys: &Keys) -> Result<(), ParquetError> {
        self.rows += rows.num_rows() as u64;
        let mut hashers = vec![DefaultHasher::new(); rows.num_rows()];
        for column in rows.columns() {
            hash(&mut hashers, column.as_ref())?;
        }
        for hasher in hashers {
            self.checksum = self.checksum.wrapping_add(hasher.finish());
        }
        let mut row = 0;
        while row < rows.num_rows() {
            let (exchange, symbol, _) = keys.at(row);
            let ids = self
                .ids
                .entry((exchange.to_owned(), symbol.to_owned()))
                .or_default();
            while row < rows.num_rows() && (exchange, symbol) == (keys.at(row).0, keys.at(row).1) {
                ids.insert(keys.at(row).2.cast_unsigned());
                row += 1;
            }
        }
        Ok(())
    }
}

fn hash(hashers: &mut [DefaultHasher], column: &dyn Array) -> Result<(), ParquetError> {
    let any = column.as_any();
    if let Some(column) = any.downcast_ref::<StringArray>() {
        feed(hashers, column.iter());
    } else if let Some(column) = any.downcast_ref::<Int64Array>() {
        feed(hashers, column.iter());
    } else if let Some(column) = any.downcast_ref::<Int32Array>() {
        feed(hashers, column.iter());
    } else if let Some(column) = any.downcast_ref::<Decimal128Array>() {
        feed(hashers, column.iter());
    } else if let Some(column) = any.downcast_ref::<TimestampMicrosecondArray>() {
        feed(hashers, column.iter());
    } else if let Some(column) = any.downcast_ref::<BooleanArray>() {
        feed(hashers, column.iter());
    } else {
        let type_ = column.data_type();
        return Err(ParquetError::General(format!(
            "a column of type {type_} is not the archive's"
        )));
    }
    Ok(())
}

fn feed<T: Hash>(hashers: &mut [DefaultHasher], values: impl Iterator<Item = T>) {
    for (hasher, value) in hashers.iter_mut().zip(values) {
        value.hash(hasher);
    }
}
