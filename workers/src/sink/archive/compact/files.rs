//! The bytes of everything that a merge needs, checked against the originals before any of it is written. Pure, and busy
//! for a while: call it on a thread that may block.

use bytes::Bytes;
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    errors::ParquetError,
    file::metadata::{
        ColumnChunkMetaData, FileMetaData, KeyValue, PageIndexPolicy, ParquetMetaData,
        ParquetMetaDataBuilder, ParquetMetaDataReader, ParquetMetaDataWriter, RowGroupMetaData,
    },
};

use super::{
    super::{footer, schema},
    CompactError,
    digest::Digest,
    merge,
    pieces::Pieces,
};

/// Footer key: what compaction has made of the file so far.
const STATE: &str = "cryptopipeline.compaction";
/// Footer key: which run made it.
const RUN: &str = "cryptopipeline.compaction_run";
/// Value of [`STATE`]: one sorted file.
const SORTED: &str = "sorted";
/// Value of [`STATE`]: files one after another, each of them sorted; or none yet.
const JOINED: &str = "joined";

/// A file of the archive that is to be merged.
#[derive(Clone, Debug)]
pub struct Original {
    /// Relative to the archive's folder.
    pub path: String,
    /// All of it.
    pub bytes: Bytes,
}

/// Everything that a merge needs.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// A file without rows, to which the originals are appended.
    pub target: Bytes,
    /// What makes one file of target and originals, appended last.
    pub footer: Bytes,
    /// All rows, sorted.
    pub merged: Bytes,
    /// Number of rows.
    pub rows: u64,
}

/// Makes and checks the files. An original that cannot be read, or has other columns, refuses the whole.
pub fn prepare(originals: &[Original], run: &str) -> Result<Prepared, CompactError> {
    let target = empty(run)?;
    let columns = metadata(&target)?;
    let columns = columns.file_metadata().schema_descr_ptr();
    let mut whole = Pieces::default();
    whole.push(target.clone());
    let mut row_groups = Vec::new();
    let mut expected = Digest::default();
    for original in originals {
        let unreadable = |source| CompactError::Unreadable {
            path: original.path.clone(),
            source,
        };
        let there = metadata(&original.bytes).map_err(unreadable)?;
        if there.file_metadata().schema() != columns.root_schema() {
            return Err(CompactError::OtherColumns(original.path.clone()));
        }
        expected.add(Digest::of(original.bytes.clone()).map_err(unreadable)?.0);
        let start = whole.push(original.bytes.clone());
        for row_group in there.row_groups() {
            row_groups.push(shifted(row_group, start, row_groups.len())?);
        }
    }
    let about = FileMetaData::new(
        2,
        i64::try_from(expected.rows).unwrap_or(i64::MAX),
        Some(schema::CREATED_BY.to_owned()),
        Some(marks(JOINED, run)),
        columns,
        None,
    );
    let footer = encoded(
        &ParquetMetaDataBuilder::new(about)
            .set_row_groups(row_groups)
            .build(),
    )?;
    whole.push(footer.clone());
    if Digest::of(whole)?.0 != expected {
        return Err(CompactError::Differs);
    }

    let originals: Vec<Bytes> = originals.iter().map(|original| original.bytes.clone()).collect();
    let merged = merge::merge(&originals, marks(SORTED, run))?;
    if Digest::of(merged.clone())? != (expected.clone(), true) {
        return Err(CompactError::Differs);
    }
    Ok(Prepared {
        target,
        footer,
        merged,
        rows: expected.rows,
    })
}

/// Whether a file that compaction made is one sorted file.
pub fn is_sorted(metadata: &ParquetMetaData) -> bool {
    let marks = metadata.file_metadata().key_value_metadata();
    marks
        .into_iter()
        .flatten()
        .any(|mark| mark.key == STATE && mark.value.as_deref() == Some(SORTED))
}

fn marks(state: &str, run: &str) -> Vec<KeyValue> {
    let version = footer::SCHEMA_VERSION.to_string();
    [(footer::VERSION, version.as_str()), (STATE, state), (RUN, run)]
        .map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned()))
        .into()
}

fn empty(run: &str) -> Result<Bytes, ParquetError> {
    let options = ArrowWriterOptions::new()
        .with_properties(schema::properties(marks(JOINED, run))?)
        .with_skip_arrow_metadata(true);
    let writer = ArrowWriter::try_new_with_options(Vec::new(), schema::plain(), options)?;
    Ok(writer.into_inner()?.into())
}

fn metadata(file: &Bytes) -> Result<ParquetMetaData, ParquetError> {
    ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Skip)
        .parse_and_finish(file)
}

fn encoded(metadata: &ParquetMetaData) -> Result<Bytes, ParquetError> {
    let mut bytes = Vec::new();
    ParquetMetaDataWriter::new(&mut bytes, metadata)
        .with_preserve_page_index_locations(false)
        .finish()?;
    Ok(bytes.into())
}

/// The row group as it is `start` bytes further on. Its page indexes are left behind: they hold places of their own.
fn shifted(
    row_group: &RowGroupMetaData,
    start: u64,
    ordinal: usize,
) -> Result<RowGroupMetaData, ParquetError> {
    let start = i64::try_from(start).map_err(|error| ParquetError::External(error.into()))?;
    let columns = row_group
        .columns()
        .iter()
        .map(|column| shifted_column(column.clone(), start));
    let mut builder = row_group
        .clone()
        .into_builder()
        .set_column_metadata(columns.collect::<Result<_, _>>()?)
        .set_ordinal(i32::try_from(ordinal).map_err(|error| ParquetError::External(error.into()))?);
    if let Some(offset) = row_group.file_offset() {
        builder = builder.set_file_offset(offset + start);
    }
    builder.build()
}

fn shifted_column(column: ColumnChunkMetaData, start: i64) -> Result<ColumnChunkMetaData, ParquetError> {
    let moved = |offset: Option<i64>| offset.map(|offset| offset + start);
    let (data, dictionary) = (column.data_page_offset(), column.dictionary_page_offset());
    let (index, bloom) = (column.index_page_offset(), column.bloom_filter_offset());
    column
        .into_builder()
        .set_data_page_offset(data + start)
        .set_dictionary_page_offset(moved(dictionary))
        .set_index_page_offset(moved(index))
        .set_bloom_filter_offset(moved(bloom))
        .set_column_index_offset(None)
        .set_column_index_length(None)
        .set_offset_index_offset(None)
        .set_offset_index_length(None)
        .build()
}
