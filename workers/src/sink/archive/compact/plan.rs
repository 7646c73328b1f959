//! Which files become one. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use super::super::{
    clean::ORPHAN_AGE,
    layout::{BatchId, Hour},
    publish::KNOWN_FOR,
    store::StoredFile,
};

/// Encoded bytes that are merged at a time, and so the size of a file that compaction makes.
pub const GROUP_BYTES: u64 = 128 << 20;
/// Files that are merged at a time. Their names go to the NameNode in one URL, of which it takes 64 KiB.
const GROUP_FILES: usize = 200;

/// A file and a day are left alone for so long. A writer that sleeps through it no longer publishes what it had: it
/// asks what the archive holds after [`KNOWN_FOR`], and unfinished files are cleaned after [`ORPHAN_AGE`]. Otherwise it
/// could put a file back whose rows have moved to a compacted one.
pub const SETTLED: Duration = Duration::from_hours(3);

// With half an hour for clocks that differ.
const _: () = assert!(SETTLED.as_secs() >= KNOWN_FOR.as_secs() + ORPHAN_AGE.as_secs() + 1_800);

/// Newest batches of a partition that stay as they are: a writer starts from the newest, and from the one before when
/// the newest is incomplete.
const KEPT_BATCHES: usize = 2;

const PREFIX: &str = "compacted-";
const SUFFIX: &str = ".parquet";
const FOOTER_SUFFIX: &str = ".footer";

/// A file made by compaction. No writer ever uses such a name, and `recover` passes over it.
pub fn compacted_path(hour: Hour, run: &str, number: usize) -> String {
    format!("{hour}/{PREFIX}{run}-{number}{SUFFIX}")
}

/// A footer on its way into a compacted file. Readers skip names that begin with `_` or have another ending.
pub fn footer_path(hour: Hour, run: &str, number: usize) -> String {
    format!("{hour}/_{PREFIX}{run}-{number}{FOOTER_SUFFIX}")
}

/// Whether the file is a footer that never got into its file.
pub fn is_stray_footer(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(folder, name)| {
        let name = name.strip_prefix('_').and_then(|name| name.strip_prefix(PREFIX));
        Hour::parse(folder).is_some() && name.is_some_and(|name| name.ends_with(FOOTER_SUFFIX))
    })
}

fn compacted_hour(path: &str) -> Option<Hour> {
    let (folder, name) = path.rsplit_once('/')?;
    (name.starts_with(PREFIX) && name.ends_with(SUFFIX)).then(|| Hour::parse(folder))?
}

/// A file that may be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Relative to the archive's folder.
    pub path: String,
    /// Bytes.
    pub length: u64,
    /// Made by compaction. Then only its footer tells whether it is sorted; all others are.
    pub compacted: bool,
}

/// The files of closed days that may be merged, by hour.
pub fn candidates(files: &[StoredFile], now: SystemTime) -> BTreeMap<Hour, Vec<Candidate>> {
    let kept = kept(files);
    let settled = |modified| now.duration_since(modified).is_ok_and(|age| age >= SETTLED);
    let mut hours: BTreeMap<Hour, Vec<Candidate>> = BTreeMap::new();
    for file in files {
        let (hour, compacted) = match (BatchId::parse(&file.path), compacted_hour(&file.path)) {
            (Some((id, hour)), _) if !kept.contains(&id) && settled(file.modified) => (hour, false),
            (None, Some(hour)) => (hour, true),
            _ => continue,
        };
        if settled(hour.end_of_day()) {
            hours.entry(hour).or_default().push(Candidate {
                path: file.path.clone(),
                length: file.length,
                compacted,
            });
        }
    }
    hours
}

fn kept(files: &[StoredFile]) -> BTreeSet<BatchId> {
    let mut batches: BTreeMap<i32, BTreeSet<BatchId>> = BTreeMap::new();
    for (id, _) in files.iter().filter_map(|file| BatchId::parse(&file.path)) {
        batches.entry(id.partition).or_default().insert(id);
    }
    let newest = |ids: BTreeSet<BatchId>| ids.into_iter().rev().take(KEPT_BATCHES);
    batches.into_values().flat_map(newest).collect()
}

/// The next files of an hour to merge into one; none when nothing is left to do. Small ones come first, so that late
/// trades do not make a large file be written again where others are at hand. Of each file is said whether it is sorted;
/// one that is not is written again even alone.
pub fn next_group(files: &[(Candidate, bool)]) -> Option<Vec<Candidate>> {
    let mut files: Vec<_> = files.iter().collect();
    files.sort_by_key(|(file, _)| (file.length, &file.path));
    let mut rest = files.as_slice();
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take(GROUP_FILES).take_while(|(file, _)| {
            bytes += file.length;
            bytes <= GROUP_BYTES
        });
        let (group, later) = rest.split_at(fits.count().max(1));
        if group.len() > 1 || group.iter().any(|(_, sorted)| !sorted) {
            return Some(group.iter().map(|(file, _)| file.clone()).collect());
        }
        rest = later;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn file(path: &str, modified: SystemTime) -> StoredFile {
        StoredFile {
            path: path.to_owned(),
            length: 1,
            modified,
        }
    }

    fn part(hour: &str, partition: i32, first: i64) -> String {
        let id = BatchId { partition, first };
        id.path(Hour::parse(hour).unwrap())
    }

    /// Noon of the day after.
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_hours(447_240) + 36 * HOUR
    }

    fn paths(files: &[StoredFile], now: SystemTime) -> Vec<String> {
        let hours = candidates(files, now);
        hours.into_values().flatten().map(|file| file.path).collect()
    }

    #[test]
    fn the_two_newest_batches_of_each_partition_are_left_alone_in_every_hour() {
        let day = "dt=2021-01-08/hour=00";
        let next = "dt=2021-01-08/hour=01";
        let names = [
            part(day, 0, 0),
            part(day, 0, 10),
            part(next, 0, 10),
            part(next, 0, 20),
            part(day, 1, 5),
        ];
        let files = names.clone().map(|path| file(&path, UNIX_EPOCH));
        assert_eq!(paths(&files, now()), [names[0].clone()]);
    }

    #[test]
    fn neither_an_open_day_nor_a_fresh_file_is_touched() {
        let day = "dt=2021-01-08/hour=23";
        let old: Vec<_> = [0, 10, 20, 30].iter().map(|first| part(day, 0, *first)).collect();
        let fresh_by = |age: Duration| {
            let mut files: Vec<_> = old.iter().map(|path| file(path, UNIX_EPOCH)).collect();
            files[0].modified = now() - age;
            files
        };
        assert_eq!(paths(&fresh_by(SETTLED), now()).len(), 2);
        assert_eq!(
            paths(&fresh_by(SETTLED.saturating_sub(HOUR)), now()),
            [old[1].clone()]
        );
        let midnight = now() - 12 * HOUR;
        assert_eq!(paths(&fresh_by(48 * HOUR), midnight + SETTLED).len(), 2);
        assert!(paths(&fresh_by(48 * HOUR), midnight + SETTLED - HOUR).is_empty());
    }

    #[test]
    fn a_compacted_file_may_be_merged_at_once_and_foreign_files_never() {
        let hour = Hour::parse("dt=2021-01-08/hour=00").unwrap();
        let path = compacted_path(hour, "7-x", 1);
        let files = [
            file(&path, now()),
            file("dt=2021-01-08/hour=00/mine.parquet", UNIX_EPOCH),
            file(&footer_path(hour, "7-x", 1), UNIX_EPOCH),
            file(
                "_tmp/w/part-3-00000000000000000042-dt=2021-01-08-hour=00-1.parquet",
                UNIX_EPOCH,
            ),
        ];
        assert_eq!(paths(&files, now()), std::slice::from_ref(&path));
        assert_eq!(BatchId::parse(&path), None);
        assert!(is_stray_footer(&files[2].path) && !is_stray_footer(&path));
    }

    fn sized(lengths: &[u64]) -> Vec<(Candidate, bool)> {
        let candidate = |(number, length): (usize, &u64)| Candidate {
            path: format!("{number}"),
            length: *length,
            compacted: false,
        };
        let files = lengths.iter().enumerate().map(candidate);
        files.map(|file| (file, true)).collect()
    }

    fn group(files: &[(Candidate, bool)]) -> Option<Vec<u64>> {
        Some(next_group(files)?.iter().map(|file| file.length).collect())
    }

    #[test]
    fn groups_are_bounded_in_bytes_and_files_and_single_sorted_files_are_done() {
        let half = GROUP_BYTES / 2;
        assert_eq!(group(&sized(&[5, half, 7, half])), Some(vec![5, 7, half]));
        assert_eq!(group(&sized(&[half + 1, half + 1])), None);
        assert_eq!(group(&sized(&[GROUP_BYTES + 1])), None);
        assert_eq!(group(&sized(&[1; 500])).unwrap().len(), GROUP_FILES);
        let mut unsorted = sized(&[GROUP_BYTES + 9]);
        unsorted[0].1 = false;
        assert_eq!(group(&unsorted), Some(vec![GROUP_BYTES + 9]));
    }
}
