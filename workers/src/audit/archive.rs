//! Counts the closed files of the archive, as any reader of the folders would: every row of every file.

use arrow_array::{Array, Int64Array, StringArray};
use bytes::Bytes;
use parquet::{
    arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
    errors::ParquetError,
};

use super::count::Counts;
use crate::sink::archive::{
    footer::FooterError,
    layout::TEMPORARY,
    publish::PublishError,
    store::{ArchiveStore, StoredFile},
};

/// Reads symbol and id of all rows.
pub async fn count(store: &impl ArchiveStore) -> Result<Counts, PublishError> {
    let mut counts = Counts::default();
    for file in store.list("").await? {
        if is_data(&file) {
            let whole = store.read_tail(&file.path, u64::MAX).await?;
            add_file(&mut counts, whole.bytes).map_err(|error| PublishError::Footer {
                path: file.path,
                source: FooterError::Parquet(error),
            })?;
        }
    }
    Ok(counts)
}

/// Any Parquet file counts, also one that the processor would not have named so.
fn is_data(file: &StoredFile) -> bool {
    !file.path.starts_with(TEMPORARY) && file.path.to_ascii_lowercase().ends_with(".parquet")
}

/// Counts the rows of one file.
pub fn add_file(counts: &mut Counts, file: Bytes) -> Result<(), ParquetError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let columns = ProjectionMask::columns(reader.parquet_schema(), ["symbol", "trade_id"]);
    for rows in reader.with_projection(columns).build()? {
        let rows = rows?;
        let column = |name: &str| {
            rows.column_by_name(name)
                .ok_or_else(|| ParquetError::General(format!("no column {name}")))
        };
        let (symbols, ids) = (column("symbol")?, column("trade_id")?);
        let types = || ParquetError::General("symbol is not text or trade_id not a 64-bit number".to_owned());
        let symbols = symbols.as_any().downcast_ref::<StringArray>().ok_or_else(types)?;
        let ids = ids.as_any().downcast_ref::<Int64Array>().ok_or_else(types)?;
        for (symbol, id) in symbols.iter().zip(ids.values()) {
            counts.add(symbol.unwrap_or_default(), id.cast_unsigned());
        }
    }
    Ok(())
}
