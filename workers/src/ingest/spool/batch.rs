//! Many records as one piece of bytes: what is written to the disk, and read from it, at once. Pure.
//!
//! Each record stands behind its length, a `u32` in little endian.

use std::hash::{DefaultHasher, Hasher};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::item;
use crate::feed::Received;

/// Records that are not on the disk yet.
#[derive(Debug, Default)]
pub struct Batch(BytesMut);

impl Batch {
    /// Adds a record at the end.
    pub fn push(&mut self, received: &Received) {
        // No frame of a feed is longer than 512 KiB.
        self.0
            .put_u32_le(u32::try_from(item::len(received)).unwrap_or(u32::MAX));
        item::write(received, &mut self.0);
    }

    /// Bytes that it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All its records; none are left.
    pub fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }

    /// Takes back what [`Self::take`] gave, when nothing was pushed since.
    pub fn restore(&mut self, records: Bytes) {
        self.0 = records.into();
    }
}

/// Takes the first record; `None` when there is none, or when the bytes are not those of a [`Batch`].
pub fn next(records: &mut Bytes) -> Option<Received> {
    let length = usize::try_from(records.try_get_u32_le().ok()?).ok()?;
    if length > records.len() {
        return None;
    }
    item::read(records.split_to(length))
}

/// Tells damaged bytes from those that were written. Only this process compares it, so that the algorithm may change with
/// every build.
pub fn checksum(records: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(records);
    hasher.finish()
}
