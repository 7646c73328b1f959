//! A file that is made of others, end to end, before it exists: what [`SwapStore::concat`](super::store::SwapStore) will
//! make. Pure.

use bytes::{Buf, Bytes, buf::Reader};
use parquet::{
    errors::ParquetError,
    file::reader::{ChunkReader, Length},
};

/// Files one after another. What is read at a time lies within one of them, as a column of a row group does.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    /// With the place of its first byte.
    files: Vec<(u64, Bytes)>,
    length: u64,
}

impl Pieces {
    /// Appends a file; returns the place of its first byte.
    pub fn push(&mut self, file: Bytes) -> u64 {
        let start = self.length;
        self.length += file.len() as u64;
        self.files.push((start, file));
        start
    }

    /// The rest of the file that holds this place.
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let next = self.files.partition_point(|(first, _)| *first <= start);
        let within = next.checked_sub(1).and_then(|at| self.files.get(at));
        within
            .and_then(|(first, file)| {
                let offset = usize::try_from(start - first).ok()?;
                (offset <= file.len()).then(|| file.slice(offset..))
            })
            .ok_or_else(|| ParquetError::EOF(format!("{start} lies behind the end")))
    }
}

impl Length for Pieces {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Pieces {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let rest = self.from(start)?;
        if length > rest.len() {
            return Err(ParquetError::EOF(format!(
                "{length} bytes at {start} are not in one file"
            )));
        }
        Ok(rest.slice(..length))
    }
}
