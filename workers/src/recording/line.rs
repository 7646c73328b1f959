//! One frame as it stands in a file of a recording. Pure but for the reader it is handed.
//!
//! `received at, microseconds since 1970 | connection | bytes of the frame | frame`, parted by single spaces and ended by
//! a line feed. The length makes any frame safe to keep, also one with a line feed in it; every frame that was ever seen
//! is one line of text.

use std::io::{self, BufRead};

use bytes::Bytes;

/// Longer than any frame of a feed. A length above is no length.
const LONGEST: usize = 1 << 20;
/// Digits of two numbers of 64 bits and a length, and three spaces.
const LONGEST_HEAD: usize = 20 + 1 + 20 + 1 + 7 + 1;

/// A frame of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was received, microseconds since 1970.
    pub wall_us: i64,
    /// The connection that it came on, by its number in the life of the worker.
    pub connection: u64,
    /// The frame as received.
    pub frame: Bytes,
}

/// Adds a line.
pub fn write(line: &Line, into: &mut Vec<u8>) {
    let head = format!("{} {} {} ", line.wall_us, line.connection, line.frame.len());
    into.extend_from_slice(head.as_bytes());
    into.extend_from_slice(&line.frame);
    into.push(b'\n');
}

/// The next line; `None` at the end. `UnexpectedEof` where the file was cut off within a line, `InvalidData` where no line
/// stands.
pub fn read(from: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut head = Vec::with_capacity(LONGEST_HEAD);
    let mut numbers = [0_u64; 3];
    for (at, number) in numbers.iter_mut().enumerate() {
        head.clear();
        io::Read::take(&mut *from, LONGEST_HEAD as u64).read_until(b' ', &mut head)?;
        if head.last() != Some(&b' ') {
            if at == 0 && head.is_empty() {
                return Ok(None);
            }
            return Err(if head.len() == LONGEST_HEAD {
                io::ErrorKind::InvalidData.into()
            } else {
                io::ErrorKind::UnexpectedEof.into()
            });
        }
        *number = str::from_utf8(&head)
            .ok()
            .and_then(|text| text.trim_end().parse().ok())
            .ok_or(io::ErrorKind::InvalidData)?;
    }
    let [wall_us, connection, length] = numbers;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut frame = vec![0; length + 1];
    from.read_exact(&mut frame)?;
    if frame.pop() != Some(b'\n') {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Some(Line {
        wall_us: i64::try_from(wall_us).map_err(|_| io::ErrorKind::InvalidData)?,
        connection,
        frame: frame.into(),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(mut bytes: &[u8]) -> (Vec<Line>, Option<io::ErrorKind>) {
        let mut lines = vec![];
        loop {
            match read(&mut bytes) {
                Ok(Some(line)) => lines.push(line),
                Ok(None) => return (lines, None),
                Err(error) => return (lines, Some(error.kind())),
            }
        }
    }

    #[test]
    fn a_frame_is_a_line_of_text_that_other_tools_can_read() {
        let line = Line {
            wall_us: 1_610_064_000_278_123,
            connection: 3,
            frame: r#"{"stream":"btcusdt@trade"}"#.into(),
        };
        let mut bytes = vec![];
        write(&line, &mut bytes);
        assert_eq!(bytes, b"1610064000278123 3 26 {\"stream\":\"btcusdt@trade\"}\n");
    }

    proptest! {
        #[test]
        fn whatever_was_written_is_read_and_what_is_cut_off_is_read_up_to_the_cut(
            written in prop::collection::vec((0..i64::MAX, any::<u64>(), prop::collection::vec(any::<u8>(), 0..60)), 0..8),
            cut: prop::sample::Index,
        ) {
            let lines: Vec<Line> = written
                .into_iter()
                .map(|(wall_us, connection, frame)| Line { wall_us, connection, frame: frame.into() })
                .collect();
            let mut bytes = vec![];
            let mut ends = vec![0];
            for line in &lines {
                write(line, &mut bytes);
                ends.push(bytes.len());
            }
            prop_assert_eq!(all(&bytes), (lines.clone(), None));

            let cut = cut.index(bytes.len() + 1);
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            let error = (!ends.contains(&cut)).then_some(io::ErrorKind::UnexpectedEof);
            prop_assert_eq!(all(&bytes[..cut]), (lines[..whole].to_vec(), error));
        }

        #[test]
        fn any_bytes_are_lines_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = all(&bytes);
        }
    }
}
