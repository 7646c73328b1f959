//! Kafka's record batches, version 2 (protocol guide, "Record Batch"; KIP-98), record by record and without an allocation for
//! each. Pure; never panics, whatever the bytes.

use bytes::{Buf, TryGetError};

use crate::kafka::Record;

/// Bytes before the records.
const HEADER: usize = 61;
/// Bytes before what the length counts.
const BEFORE_LENGTH: usize = 12;
/// Where what the checksum covers begins: with the attributes.
const CHECKED: usize = 21;
/// The version of this form. Kafka 3 turned older ones into it, and Kafka 4 has no other.
const MAGIC: i8 = 2;

/// What a batch says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Of its first record.
    pub base_offset: i64,
    /// Of its last record, which may have been deleted by compaction.
    pub last_offset: i64,
    /// Whose batch it is.
    pub producer_id: i64,
    /// Bytes, header included.
    pub length: usize,
    /// How its records are packed.
    pub codec: u8,
    /// Whether it tells the end of a transaction.
    pub is_control: bool,
    /// Whether it is part of a transaction.
    pub is_transactional: bool,
    magic: i8,
    checksum: u32,
    base_timestamp_ms: i64,
    /// Of all records, where the broker has set it.
    append_time_ms: Option<i64>,
    records: i32,
}

impl Header {
    /// The header of the batch that `bytes` begin with. `None` where they end before the batch does: a broker cuts an answer off
    /// where it has the bytes that were asked for. A batch too short for a header is not sound.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let base_offset = rest.try_get_i64().ok()?;
        let length = BEFORE_LENGTH + usize::try_from(rest.try_get_i32().ok()?).ok()?;
        let batch = bytes.get(..length)?;
        Some(Self::of(base_offset, batch).unwrap_or(Self {
            base_offset,
            last_offset: base_offset,
            length,
            ..Self::default()
        }))
    }

    fn of(base_offset: i64, batch: &[u8]) -> Result<Self, TryGetError> {
        let mut rest = batch;
        rest.try_get_i64()?;
        rest.try_get_i32()?;
        let _leader_epoch = rest.try_get_i32()?;
        let magic = rest.try_get_i8()?;
        let checksum = rest.try_get_u32()?;
        let attributes = rest.try_get_u16()?;
        let last_offset = base_offset.saturating_add(rest.try_get_i32()?.into());
        let base_timestamp_ms = rest.try_get_i64()?;
        let newest_timestamp_ms = rest.try_get_i64()?;
        let producer_id = rest.try_get_i64()?;
        let _producer_epoch = rest.try_get_i16()?;
        let _first_sequence = rest.try_get_i32()?;
        let records = rest.try_get_i32()?;
        Ok(Self {
            base_offset,
            last_offset,
            producer_id,
            length: batch.len(),
            codec: attributes.to_be_bytes()[1] & 0b111,
            is_control: attributes & 0b10_0000 != 0,
            is_transactional: attributes & 0b1_0000 != 0,
            magic,
            checksum,
            base_timestamp_ms,
            append_time_ms: (attributes & 0b1000 != 0).then_some(newest_timestamp_ms),
            records,
        })
    }

    /// Whether the batch, which is what `bytes` begin with, is of this version and has the checksum that it says.
    pub fn is_sound(&self, bytes: &[u8]) -> bool {
        let checked = bytes.get(CHECKED..self.length).unwrap_or_default();
        self.magic == MAGIC && crc32c::crc32c(checked) == self.checksum
    }

    fn timestamp_ms(&self, delta: i64) -> Option<i64> {
        let own = || (self.base_timestamp_ms >= 0).then(|| self.base_timestamp_ms.saturating_add(delta));
        self.append_time_ms.or_else(own)
    }

    /// The records, still packed, of the batch that this is the header of.
    pub fn packed<'a>(&self, batch: &'a [u8]) -> &'a [u8] {
        batch.get(HEADER..self.length).unwrap_or_default()
    }
}

/// How far a batch is read.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    header: Header,
    /// Where in the unpacked records the next one begins.
    at: usize,
    /// Records that are not read yet.
    left: i32,
    /// The offset after the last record read.
    next: i64,
    /// Whether the rest cannot be read.
    broken: bool,
}

impl Progress {
    /// Before the first record.
    pub fn start(header: Header) -> Self {
        Self {
            header,
            at: 0,
            left: header.records,
            next: header.base_offset,
            broken: false,
        }
    }

    /// Before the first record of a batch that cannot be unpacked.
    pub fn broken(header: Header) -> Self {
        Self {
            broken: true,
            ..Self::start(header)
        }
    }

    /// The next record in the unpacked batch. Where one cannot be read, neither can those after it: each of their offsets is told
    /// as a record whose value is no trade, the first with what there is to see.
    pub fn next<'a>(&mut self, body: &'a [u8]) -> Option<Record<'a>> {
        if !self.broken {
            if self.left <= 0 {
                return None;
            }
            self.left -= 1;
            let mut rest = body.get(self.at..).unwrap_or_default();
            if let Ok(record) = record(&mut rest, &self.header)
                && (self.next..=self.header.last_offset).contains(&record.offset)
            {
                self.at = body.len() - rest.len();
                self.next = record.offset + 1;
                return Some(record);
            }
            self.broken = true;
        }
        if self.next > self.header.last_offset {
            return None;
        }
        let record = Record {
            offset: self.next,
            timestamp_ms: self.header.timestamp_ms(0),
            value: body.get(self.at..).unwrap_or_default(),
            ..Record::default()
        };
        self.at = body.len();
        self.next += 1;
        Some(record)
    }
}

/// The bytes of a record are not of its form.
struct Malformed;

/// The record that `rest` begins with; `rest` is what comes after it then.
fn record<'a>(rest: &mut &'a [u8], header: &Header) -> Result<Record<'a>, Malformed> {
    let length = varint(rest)?;
    let mut own = split(rest, length)?;
    let _attributes = own.try_get_i8().map_err(|_| Malformed)?;
    let timestamp = varint(&mut own)?;
    let offset = header.base_offset.checked_add(varint(&mut own)?);
    let mut record = Record {
        offset: offset.ok_or(Malformed)?,
        timestamp_ms: header.timestamp_ms(timestamp),
        key: text(&mut own)?,
        value: text(&mut own)?.unwrap_or_default(),
        ..Record::default()
    };
    for _ in 0..varint(&mut own)? {
        let name = text(&mut own)?.ok_or(Malformed)?;
        record.note(name, text(&mut own)?);
    }
    Ok(record)
}

/// Bytes behind their length; -1 stands for none.
fn text<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
    match varint(rest)? {
        -1 => Ok(None),
        length => split(rest, length).map(Some),
    }
}

fn split<'a>(rest: &mut &'a [u8], length: i64) -> Result<&'a [u8], Malformed> {
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    let (own, behind) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = behind;
    Ok(own)
}

/// A zigzag number of Protocol Buffers' form.
fn varint(rest: &mut &[u8]) -> Result<i64, Malformed> {
    let mut number = 0_u64;
    for (at, byte) in rest.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            *rest = rest.get(at + 1..).unwrap_or_default();
            return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
        }
    }
    Err(Malformed)
}
