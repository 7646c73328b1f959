//! The first entry of a zip archive, read as it comes: the exchange publishes each file in an archive of its own
//! (PKWARE APPNOTE.TXT 6.3, sections 4.3.7 to 4.3.9). The checksum is compared at the end.

use std::io::{self, BufRead, Read};

use flate2::{Crc, bufread::DeflateDecoder};

const LOCAL_HEADER: [u8; 4] = *b"PK\x03\x04";
const DATA_DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
/// Bit 0 of the flags: encrypted.
const ENCRYPTED: u16 = 1;
/// Bit 3 of the flags: the checksum stands behind the data.
const CHECKSUM_BEHIND: u16 = 1 << 3;
/// The only method of compression that is in use for these files.
const DEFLATED: u16 = 8;

/// The contents of an entry.
pub struct Entry<R> {
    unpacking: DeflateDecoder<R>,
    crc: Crc,
    /// Absent where it stands behind the data.
    expected: Option<u32>,
    ended: bool,
}

/// Opens the first entry. `InvalidData` where none begins, or one that is encrypted or packed in another way.
pub fn first_entry<R: BufRead>(mut archive: R) -> io::Result<Entry<R>> {
    let mut header = [0; 30];
    archive.read_exact(&mut header)?;
    let half = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let (flags, method) = (half(6), half(8));
    if header[..4] != LOCAL_HEADER || flags & ENCRYPTED != 0 || method != DEFLATED {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "not a zip archive with one deflated file",
        ));
    }
    let crc = u32::from_le_bytes([header[14], header[15], header[16], header[17]]);
    let skipped = u64::from(half(26)) + u64::from(half(28));
    io::copy(&mut (&mut archive).take(skipped), &mut io::sink())?;
    Ok(Entry {
        unpacking: DeflateDecoder::new(archive),
        crc: Crc::new(),
        expected: (flags & CHECKSUM_BEHIND == 0).then_some(crc),
        ended: false,
    })
}

impl<R: BufRead> Read for Entry<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ended || into.is_empty() {
            return Ok(0);
        }
        let count = self.unpacking.read(into)?;
        self.crc.update(into.get(..count).unwrap_or_default());
        if count == 0 {
            self.ended = true;
            if self.checksum()? != self.crc.sum() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum differs"));
            }
        }
        Ok(count)
    }
}

impl<R: BufRead> Entry<R> {
    fn checksum(&mut self) -> io::Result<u32> {
        if let Some(expected) = self.expected {
            return Ok(expected);
        }
        let mut word = [0; 4];
        let archive = self.unpacking.get_mut();
        archive.read_exact(&mut word)?;
        // Its mark may be left out.
        if word == DATA_DESCRIPTOR {
            archive.read_exact(&mut word)?;
        }
        Ok(u32::from_le_bytes(word))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::DeflateEncoder};

    use super::*;

    const TEXT: &[u8] = b"1,1.0,1.0,1.0,1610064000278,True,True\n";

    fn archive(flags: u16, crc: u32) -> Vec<u8> {
        let mut packed = DeflateEncoder::new(vec![], Compression::default());
        packed.write_all(TEXT).unwrap();
        let packed = packed.finish().unwrap();
        let in_header = if flags & CHECKSUM_BEHIND == 0 { crc } else { 0 };
        let mut archive = LOCAL_HEADER.to_vec();
        for half in [20, flags, DEFLATED, 0, 0] {
            archive.extend(u16::to_le_bytes(half));
        }
        for word in [in_header, 0, 0] {
            archive.extend(u32::to_le_bytes(word));
        }
        archive.extend([5, 0, 3, 0]);
        archive.extend(b"a.csvext");
        archive.extend(packed);
        if flags & CHECKSUM_BEHIND != 0 {
            archive.extend(DATA_DESCRIPTOR);
            archive.extend(crc.to_le_bytes());
        }
        archive.extend(b"the central directory");
        archive
    }

    fn unpack(archive: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = vec![];
        first_entry(archive)?.read_to_end(&mut text)?;
        Ok(text)
    }

    fn crc() -> u32 {
        let mut crc = Crc::new();
        crc.update(TEXT);
        crc.sum()
    }

    #[test]
    fn the_first_entry_is_unpacked_wherever_its_checksum_stands() {
        for flags in [0, CHECKSUM_BEHIND] {
            assert_eq!(unpack(&archive(flags, crc())).unwrap(), TEXT);
        }
    }

    #[test]
    fn a_damaged_cut_off_or_locked_archive_is_refused() {
        for flags in [0, CHECKSUM_BEHIND] {
            let error = unpack(&archive(flags, crc() ^ 1)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        assert!(unpack(&archive(0, crc())[..50]).is_err());
        assert!(unpack(&archive(ENCRYPTED, crc())).is_err());
        assert!(unpack(b"BTCUSDT").is_err());
    }
}
