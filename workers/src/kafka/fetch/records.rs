//! What a broker's answers hold, one record after the other. Pure.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    batch::{Header, Progress},
    unpack::Unpacker,
};
use crate::kafka::Record;

/// Memory that is kept for the next batch, bytes; a larger one's is given back.
const KEPT: usize = 4 << 20;

/// Part of a transaction that was given up: its records do not count (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aborted {
    /// Where it begins.
    pub first_offset: i64,
    /// Whose it is.
    pub producer_id: i64,
}

/// Whole, sound batches in a row.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// The batches.
    pub bytes: Bytes,
    /// Transactions among them that were given up.
    pub aborted: Vec<Aborted>,
    /// The offset after them.
    pub next: i64,
}

/// Reads chunks.
#[derive(Default)]
pub struct Records {
    /// Records before it are passed over.
    from: i64,
    chunk: Chunk,
    /// Producers whose transaction at this place was given up.
    given_up: BTreeSet<i64>,
    unpacker: Unpacker,
    body: Vec<u8>,
    batch: Option<Progress>,
}

impl Records {
    /// Those from an offset on.
    pub fn from(offset: i64) -> Self {
        Self {
            from: offset,
            ..Self::default()
        }
    }

    /// Takes the chunk that follows; all of the one before must have been read.
    pub fn put(&mut self, mut chunk: Chunk) {
        self.from = self.from.max(self.chunk.next);
        chunk.aborted.sort_unstable();
        self.given_up.clear();
        self.chunk = chunk;
    }

    /// The rest of the open batch.
    pub fn batch(&mut self) -> impl Iterator<Item = Record<'_>> {
        let (body, batch, from) = (self.body.as_slice(), &mut self.batch, self.from);
        std::iter::from_fn(move || batch.as_mut().and_then(|batch| batch.next(body)))
            .skip_while(move |record| record.offset < from)
    }

    /// Opens the next batch that has records to be read; `false` at the end of the chunk.
    pub fn open_next(&mut self) -> bool {
        self.batch = None;
        if self.body.capacity() > KEPT {
            self.body = Vec::new();
            self.unpacker = Unpacker::default();
        }
        while let Some(header) = Header::read(&self.chunk.bytes) {
            let batch = self.chunk.bytes.split_to(header.length);
            if self.counts(&header) && header.last_offset >= self.from {
                let packed = header.packed(&batch);
                self.batch = Some(match self.unpacker.unpack(header.codec, packed, &mut self.body) {
                    Ok(()) => Progress::start(header),
                    Err(error) => {
                        tracing::warn!(%error, offset = header.base_offset, "a batch cannot be unpacked");
                        packed.clone_into(&mut self.body);
                        Progress::broken(header)
                    }
                });
                return true;
            }
        }
        false
    }

    /// Whether a batch's records count: they are no marker, and not of a transaction that was given up.
    fn counts(&mut self, header: &Header) -> bool {
        let begun = self
            .chunk
            .aborted
            .partition_point(|aborted| aborted.first_offset <= header.last_offset);
        self.given_up.extend(
            self.chunk
                .aborted
                .drain(..begun)
                .map(|aborted| aborted.producer_id),
        );
        if header.is_control {
            // It ends the producer's transaction.
            self.given_up.remove(&header.producer_id);
            return false;
        }
        !(header.is_transactional && self.given_up.contains(&header.producer_id))
    }
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
