//! Columns to the bytes of a Parquet file. Pure, and busy for a while: call it on a thread that may block.

use bytes::Bytes;
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    errors::ParquetError,
};

use super::{columns::Columns, footer::Footer, schema};

/// Why rows could not become a file. It means a defect of this program, not of the data.
#[derive(Debug, thiserror::Error)]
#[error("cannot encode the rows: {0}")]
pub struct EncodeError(#[from] ParquetError);

/// The file of one hour of a batch.
pub fn parquet(columns: Columns, partition: i32, footer: &Footer) -> Result<Bytes, EncodeError> {
    let key_values = footer
        .to_key_values()
        .map_err(|error| ParquetError::External(error.into()))?;
    let options = ArrowWriterOptions::new()
        .with_properties(schema::properties(key_values)?)
        // The Parquet types say all; Arrow's dictionaries are our business, not the readers'.
        .with_skip_arrow_metadata(true);
    let rows = columns.into_sorted(partition).map_err(ParquetError::from)?;
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema::schema(), options)?;
    writer.write(&rows)?;
    Ok(writer.into_inner()?.into())
}
