//! Which batch lies where in the segment files. Pure.
//!
//! Batches are appended to the newest segment and read from the oldest one, each once and in order. A segment of which every
//! batch was read has no further use.

use std::collections::VecDeque;

/// Where a batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the segment file.
    pub segment: u64,
    /// Bytes before it in the file.
    pub offset: u64,
    /// Its bytes.
    pub length: usize,
    /// See [`super::batch::checksum`].
    pub checksum: u64,
}

/// The segments that there are.
#[derive(Debug)]
pub struct Layout {
    segment_bytes: u64,
    segments: VecDeque<Segment>,
    used_numbers: u64,
}

#[derive(Debug)]
struct Segment {
    number: u64,
    bytes: u64,
    unread: VecDeque<Place>,
}

impl Layout {
    /// Without a segment. One that has reached `segment_bytes` gets no further batch.
    pub const fn new(segment_bytes: u64) -> Self {
        Self {
            segment_bytes,
            segments: VecDeque::new(),
            used_numbers: 0,
        }
    }

    /// The place for the next batch. It is taken with [`Self::written`].
    pub fn next(&self, length: usize, checksum: u64) -> Place {
        let newest = self.segments.back();
        let (segment, offset) = newest
            .filter(|newest| newest.bytes < self.segment_bytes)
            .map_or((self.used_numbers, 0), |newest| (newest.number, newest.bytes));
        Place {
            segment,
            offset,
            length,
            checksum,
        }
    }

    /// A batch is at the place that [`Self::next`] named.
    pub fn written(&mut self, place: Place) {
        let end = place.offset.saturating_add(place.length as u64);
        match self.segments.back_mut() {
            Some(newest) if newest.number == place.segment => {
                newest.bytes = end;
                newest.unread.push_back(place);
            }
            _ => {
                self.used_numbers = place.segment + 1;
                self.segments.push_back(Segment {
                    number: place.segment,
                    bytes: end,
                    unread: VecDeque::from([place]),
                });
            }
        }
    }

    /// The batch that is to be read next.
    pub fn oldest(&self) -> Option<Place> {
        self.segments.front()?.unread.front().copied()
    }

    /// The oldest batch was read. Returns the number of its segment when that has no other.
    pub fn read(&mut self) -> Option<u64> {
        let oldest = self.segments.front_mut()?;
        oldest.unread.pop_front();
        if !oldest.unread.is_empty() {
            return None;
        }
        self.segments.pop_front().map(|segment| segment.number)
    }

    /// Bytes of all segments, whether read or not.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_grows_to_its_size_and_is_given_up_when_all_of_it_was_read() {
        let mut layout = Layout::new(100);
        for (length, segment, offset) in [(60, 0, 0), (60, 0, 60), (10, 1, 0)] {
            let place = layout.next(length, 0);
            assert_eq!((place.segment, place.offset), (segment, offset));
            layout.written(place);
        }
        assert_eq!(layout.bytes(), 130);
        assert_eq!(layout.read(), None);
        assert_eq!(layout.bytes(), 130, "a file has its length until it is deleted");
        assert_eq!(layout.read(), Some(0));
        assert_eq!(layout.oldest().map(|place| place.segment), Some(1));
        assert_eq!(layout.read(), Some(1));
        assert_eq!((layout.bytes(), layout.oldest()), (0, None));
        assert_eq!(layout.next(5, 0).segment, 2, "a number is used once");
    }
}
