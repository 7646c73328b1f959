//! The codecs of Kafka's record batches. Pure.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder;
use zstd::zstd_safe::DCtx;

/// Bytes of the largest batch that is unpacked. A batch has 1 MiB by default before it is packed, and the packed ones that
/// Kafka takes are that large at most; a few bytes can stand for gigabytes.
const LARGEST: usize = 64 << 20;
/// How much smaller batches of trades are packed, at most, and the room for the smallest.
const USUAL_RATIO: usize = 16;
const LEAST_ROOM: usize = 64 << 10;
/// What snappy-java puts before its blocks, with two version numbers behind it; librdkafka writes a bare block instead.
const SNAPPY_JAVA: &[u8] = b"\x82SNAPPY\0";
const SNAPPY_JAVA_HEADER: usize = SNAPPY_JAVA.len() + 8;

/// Unpacks batches, with memory that is used again.
pub struct Unpacker {
    zstd: DCtx<'static>,
}

impl Default for Unpacker {
    fn default() -> Self {
        Self { zstd: DCtx::create() }
    }
}

impl Unpacker {
    /// Replaces what `body` holds by what `packed` stands for. `codec` is its number in a batch's attributes (Kafka's protocol
    /// guide, "Record Batch"). After an error `body` is not to be used.
    pub fn unpack(&mut self, codec: u8, packed: &[u8], body: &mut Vec<u8>) -> io::Result<()> {
        body.clear();
        match codec {
            0 => body.extend_from_slice(packed),
            1 => whole(MultiGzDecoder::new(packed), body)?,
            2 => snappy(packed, body)?,
            3 => whole(FrameDecoder::new(packed), body)?,
            4 => self.zstd(packed, body)?,
            _ => return Err(invalid("a codec that is not known")),
        }
        Ok(())
    }

    /// At once, where `body` has the room: that takes no window of its own, as reading piece by piece would.
    fn zstd(&mut self, packed: &[u8], body: &mut Vec<u8>) -> io::Result<()> {
        let mut room = packed
            .len()
            .saturating_mul(USUAL_RATIO)
            .clamp(LEAST_ROOM, LARGEST);
        loop {
            body.reserve_exact(room);
            match self.zstd.decompress(body, packed) {
                Ok(_) => return Ok(()),
                // It does not say by how much the room was too small, or whether that is what is wrong.
                Err(_) if room < LARGEST => room = room.saturating_mul(4).min(LARGEST),
                Err(code) => return Err(io::Error::other(zstd::zstd_safe::get_error_name(code))),
            }
        }
    }
}

fn whole(packed: impl Read, body: &mut Vec<u8>) -> io::Result<()> {
    let read = packed.take(LARGEST as u64 + 1).read_to_end(body)?;
    if read > LARGEST {
        return Err(invalid("a batch too large to be unpacked"));
    }
    Ok(())
}

fn snappy(packed: &[u8], body: &mut Vec<u8>) -> io::Result<()> {
    if !packed.starts_with(SNAPPY_JAVA) {
        return snappy_block(packed, body);
    }
    let mut rest = packed.get(SNAPPY_JAVA_HEADER..).unwrap_or_default();
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(io::Error::other)?;
        let (block, behind) = behind
            .split_at_checked(length)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        snappy_block(block, body)?;
        rest = behind;
    }
    Ok(())
}

fn snappy_block(block: &[u8], body: &mut Vec<u8>) -> io::Result<()> {
    let (from, length) = (body.len(), snap::raw::decompress_len(block)?);
    if from + length > LARGEST {
        return Err(invalid("a batch too large to be unpacked"));
    }
    body.resize(from + length, 0);
    let written = snap::raw::Decoder::new().decompress(block, body.get_mut(from..).unwrap_or_default())?;
    body.truncate(from + written);
    Ok(())
}

fn invalid(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rstest::rstest;

    use super::*;

    fn snappy_raw(bytes: &[u8]) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(bytes).unwrap()
    }

    fn snappy_java(bytes: &[u8]) -> Vec<u8> {
        let mut packed = [SNAPPY_JAVA, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
        for block in bytes.chunks(1_000).map(snappy_raw) {
            packed.extend(u32::try_from(block.len()).unwrap().to_be_bytes());
            packed.extend(block);
        }
        packed
    }

    fn packed(form: &str, bytes: &[u8]) -> (u8, Vec<u8>) {
        match form {
            "none" => (0, bytes.to_vec()),
            "gzip" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                (1, encoder.finish().unwrap())
            }
            "snappy" => (2, snappy_raw(bytes)),
            "snappy-java" => (2, snappy_java(bytes)),
            "lz4" => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(bytes).unwrap();
                (3, encoder.finish().unwrap())
            }
            _ => (4, zstd::encode_all(bytes, 1).unwrap()),
        }
    }

    #[rstest]
    fn every_form_is_unpacked(
        #[values("none", "gzip", "snappy", "snappy-java", "lz4", "zstd")] form: &str,
        #[values(0, 1, 100_000)] length: usize,
    ) {
        let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
        let (codec, packed) = packed(form, &bytes);
        let (mut unpacker, mut body) = (Unpacker::default(), b"of the batch before".to_vec());
        unpacker.unpack(codec, &packed, &mut body).unwrap();
        assert_eq!(body, bytes);
    }

    #[rstest]
    fn what_is_cut_off_or_would_fill_the_memory_is_refused(
        #[values("gzip", "snappy", "snappy-java", "lz4", "zstd")] form: &str,
        #[values(true, false)] cut: bool,
    ) {
        let length = if cut { 100_000 } else { LARGEST + 1 };
        let (codec, mut packed) = packed(form, &vec![7; length]);
        if cut {
            packed.truncate(packed.len() - 10);
        }
        let (mut unpacker, mut body) = (Unpacker::default(), Vec::new());
        assert!(unpacker.unpack(codec, &packed, &mut body).is_err());
        assert!(body.len() <= LARGEST + 1 && body.capacity() <= 2 * LARGEST);
    }

    #[rstest]
    fn what_was_refused_spoils_nothing_after_it(#[values("gzip", "snappy", "lz4", "zstd")] form: &str) {
        let bytes = vec![7; 100_000];
        let (codec, sound) = packed(form, &bytes);
        let (mut unpacker, mut body) = (Unpacker::default(), Vec::new());
        for broken in [&sound[..sound.len() / 2], b"broken"] {
            assert!(unpacker.unpack(codec, broken, &mut body).is_err());
            unpacker.unpack(codec, &sound, &mut body).unwrap();
            assert_eq!(body, bytes);
        }
    }

    #[test]
    fn an_unknown_codec_is_refused() {
        assert!(Unpacker::default().unpack(5, b"", &mut Vec::new()).is_err());
    }
}
