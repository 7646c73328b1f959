//! The closed files of a recording: their names, and which of them have to go. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Ending of the name of a file that gets no further frame.
pub const CLOSED: &str = ".frames.zst";
/// Ending of the name of a file that is being written, or was when its worker was killed.
pub const OPEN: &str = ".frames.zst.part";

/// The name, without ending, of a file that begins then (microseconds since 1970). Names sort by time.
pub fn stem(begin_us: i64) -> String {
    Timestamp::from_microsecond(begin_us)
        .unwrap_or_default()
        .strftime("%Y%m%dT%H%M%S.%6fZ")
        .to_string()
}

/// Closed files and their sizes.
#[derive(Debug, Default)]
pub struct Shelf {
    files: BTreeMap<String, u64>,
}

impl Shelf {
    /// Adds a file.
    pub fn add(&mut self, name: String, bytes: u64) {
        self.files.insert(name, bytes);
    }

    /// Bytes of all.
    pub fn bytes(&self) -> u64 {
        self.files
            .values()
            .fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// Takes the oldest file out while all of them have more than `most` bytes.
    pub fn surplus(&mut self, most: u64) -> Option<String> {
        if self.bytes() > most { self.oldest() } else { None }
    }

    /// Takes the oldest file out.
    pub fn oldest(&mut self) -> Option<String> {
        self.files.pop_first().map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_files_go_first_and_no_more_than_must() {
        let mut shelf = Shelf::default();
        // In any order, as a folder lists them.
        for (begin_us, bytes) in [
            (1_610_067_600_000_000, 30),
            (1_610_064_000_000_000, 50),
            (1_610_071_200_000_000, 20),
        ] {
            shelf.add(format!("{}{CLOSED}", stem(begin_us)), bytes);
        }
        assert_eq!(shelf.surplus(100), None);
        assert_eq!(
            shelf.surplus(99).as_deref(),
            Some("20210108T000000.000000Z.frames.zst")
        );
        assert_eq!((shelf.surplus(99), shelf.bytes()), (None, 50));
    }

    #[test]
    fn names_sort_as_the_files_begin() {
        let times = [
            0,
            999_999,
            1_000_000,
            1_610_064_000_278_123,
            4_102_444_799_000_000,
        ];
        assert!(times.map(stem).is_sorted());
    }
}
