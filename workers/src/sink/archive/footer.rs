//! The footer of an archive file: which offsets the file's batch covers, in which folders its other files are, and the
//! ids seen up to its end. With it the newest file of a partition is a complete checkpoint. Pure.

use std::collections::HashMap;

use bytes::Bytes;
use parquet::{
    errors::ParquetError,
    file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
};

use super::layout::Hour;
use crate::processor::SeenIds;

/// Version of the footer and of the columns. A reader refuses a version that it does not know.
pub const SCHEMA_VERSION: u32 = 1;

/// Footer key of [`SCHEMA_VERSION`].
pub const VERSION: &str = "cryptopipeline.schema_version";
const WRITER: &str = "cryptopipeline.writer";
const FIRST: &str = "cryptopipeline.first_offset";
const NEXT: &str = "cryptopipeline.next_offset";
const HOURS: &str = "cryptopipeline.hours";
const SEEN: &str = "cryptopipeline.seen_ids";
const LAST_TRADE: &str = "cryptopipeline.last_trade_time_us";

/// Why a file's footer tells nothing.
#[derive(Debug, thiserror::Error)]
pub enum FooterError {
    /// No Parquet file, or cut off.
    #[error("not a readable Parquet file: {0}")]
    Parquet(#[from] ParquetError),
    /// The end of the file that was read does not hold the whole footer.
    #[error("the footer needs the last {0} bytes of the file")]
    NeedMore(usize),
    /// A key is absent or holds something else.
    #[error("footer key {0} is missing or unreadable")]
    Key(&'static str),
    /// Written by a newer version.
    #[error("footer has schema version {0}, this program knows {SCHEMA_VERSION}; update the processor")]
    Version(u32),
}

/// What each file of a batch says about the whole batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    /// First offset of the batch.
    pub first: i64,
    /// Offset after the last one of the batch.
    pub next: i64,
    /// The hours that have a file; the first is the anchor, the rest rise.
    pub hours: Vec<Hour>,
    /// All ids that the partition delivered up to `next`.
    pub seen: SeenIds,
    /// Trade time of the newest trade up to `next`, microseconds since 1970; 0 when there is none.
    pub last_trade_time_us: i64,
    /// Who wrote the file.
    pub writer: String,
}

impl Footer {
    /// Whether the other file belongs to the same batch. Then both hold the same rows for the same hour, whoever wrote
    /// them: a batch is a function of its offsets and of the batch before.
    pub fn same_batch(&self, other: &Self) -> bool {
        (self.first, self.next, &self.hours) == (other.first, other.next, &other.hours)
    }

    /// As Parquet key-values.
    pub fn to_key_values(&self) -> Result<Vec<KeyValue>, serde_json::Error> {
        Ok(vec![
            pair(VERSION, SCHEMA_VERSION),
            pair(WRITER, &self.writer),
            pair(FIRST, self.first),
            pair(NEXT, self.next),
            pair(HOURS, serde_json::to_string(&self.hours)?),
            pair(SEEN, serde_json::to_string(&self.seen)?),
            pair(LAST_TRADE, self.last_trade_time_us),
        ])
    }

    /// Reads it from the end of a file of `file_length` bytes.
    pub fn from_tail(tail: &Bytes, file_length: u64) -> Result<Self, FooterError> {
        let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
        match reader.try_parse_sized(tail, file_length) {
            Err(ParquetError::NeedMoreData(bytes)) => Err(FooterError::NeedMore(bytes)),
            Err(error) => Err(error.into()),
            Ok(()) => Self::from_metadata(&reader.finish()?),
        }
    }

    fn from_metadata(metadata: &ParquetMetaData) -> Result<Self, FooterError> {
        let values: HashMap<&str, &str> = metadata
            .file_metadata()
            .key_value_metadata()
            .into_iter()
            .flatten()
            .filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?)))
            .collect();
        let text = |key: &'static str| values.get(key).copied().ok_or(FooterError::Key(key));
        let version = text(VERSION)?.parse().map_err(|_| FooterError::Key(VERSION))?;
        if version != SCHEMA_VERSION {
            return Err(FooterError::Version(version));
        }
        let number = |key| text(key)?.parse().map_err(|_| FooterError::Key(key));
        Ok(Self {
            first: number(FIRST)?,
            next: number(NEXT)?,
            hours: serde_json::from_str(text(HOURS)?).map_err(|_| FooterError::Key(HOURS))?,
            seen: serde_json::from_str(text(SEEN)?).map_err(|_| FooterError::Key(SEEN))?,
            last_trade_time_us: number(LAST_TRADE)?,
            writer: text(WRITER)?.to_owned(),
        })
    }
}

fn pair(key: &str, value: impl ToString) -> KeyValue {
    KeyValue::new(key.to_owned(), value.to_string())
}
