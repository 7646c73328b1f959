//! The spool against a plain queue, and with a disk that is damaged or full.

use std::{collections::VecDeque, fs, path::Path};

use bytes::Bytes;
use prometheus_client::registry::Registry;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// Two to five records to a batch.
const SIZES: std::ops::Range<usize> = 50_000..140_000;
const LIMITS: Limits = Limits {
    full: 4_000_000,
    reserve: 1_000_000,
};

async fn open(folder: &Path) -> Spool {
    let state = State::new(&mut Registry::default());
    Spool::open(folder.to_owned(), LIMITS, state).await.unwrap()
}

fn numbered(number: usize, bytes: usize) -> Received {
    let text = format!("{number} {}", ".".repeat(bytes));
    Received::now(text.into(), Err("Test".into()))
}

async fn popped(spool: &mut Spool) -> Option<Bytes> {
    spool.pop().await.unwrap().map(|received| received.bytes)
}

fn files(folder: &TempDir) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// With more than one segment on the disk; returns how many records.
async fn filled(folder: &TempDir) -> (Spool, usize) {
    let mut spool = open(folder.path()).await;
    let mut count = 0;
    while files(folder).len() < 3 {
        spool.push(&numbered(count, 100_000)).await;
        count += 1;
    }
    (spool, count)
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Pop(usize),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => SIZES.prop_map(Step::Push),
        4 => (1_usize..8).prop_map(Step::Pop),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..120)
}

async fn compare(steps: Vec<Step>) {
    let folder = TempDir::new().unwrap();
    let mut spool = open(folder.path()).await;
    let mut model = VecDeque::new();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Push(bytes) => {
                let received = numbered(number, bytes);
                spool.push(&received).await;
                model.push_back(received.bytes);
            }
            Step::Pop(count) => {
                for _ in 0..count {
                    assert_eq!(popped(&mut spool).await, model.pop_front());
                }
            }
            Step::Restart => {
                spool = open(folder.path()).await;
                model.clear();
                assert!(files(&folder).is_empty());
            }
        }
        assert_eq!(spool.len(), model.len() as u64);
        let on_disk: u64 = files(&folder)
            .iter()
            .map(|file| fs::metadata(file).unwrap().len())
            .sum();
        assert_eq!(spool.disk.bytes(), on_disk);
    }
    while let Some(bytes) = model.pop_front() {
        assert_eq!(popped(&mut spool).await, Some(bytes));
    }
    assert!(spool.is_empty() && popped(&mut spool).await.is_none());
    assert!(files(&folder).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn what_goes_in_comes_out_once_and_in_order(steps in steps()) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(compare(steps));
    }
}

#[tokio::test]
async fn what_is_not_much_stays_in_memory() {
    let folder = TempDir::new().unwrap();
    let mut spool = open(folder.path()).await;
    spool.push(&numbered(7, 1000)).await;
    assert!(files(&folder).is_empty());
    assert!(popped(&mut spool).await.is_some());
}

#[tokio::test]
async fn feeds_are_held_before_there_is_no_room_and_until_half_of_it_is_free() {
    let folder = TempDir::new().unwrap();
    let mut spool = open(folder.path()).await;
    let mut number = 0..;
    while !spool.holds() {
        assert!(spool.bytes() <= LIMITS.full - LIMITS.reserve);
        spool.push(&numbered(number.next().unwrap(), 100_000)).await;
    }
    while spool.has_room() {
        spool.push(&numbered(number.next().unwrap(), 100_000)).await;
    }
    assert!(spool.bytes() >= LIMITS.full);
    while spool.holds() {
        assert!(spool.bytes() > (LIMITS.full - LIMITS.reserve) / 2);
        assert!(popped(&mut spool).await.is_some());
    }
    assert!(spool.has_room() && !spool.is_empty());
}

#[tokio::test]
async fn a_changed_byte_is_noticed() {
    let folder = TempDir::new().unwrap();
    let (mut spool, count) = filled(&folder).await;
    let file = files(&folder).pop().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let mut taken = 0;
    let error = loop {
        match spool.pop().await {
            Ok(Some(_)) => taken += 1,
            Ok(None) => panic!("the end, after {taken}"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SpoolError::Damaged), "{error}");
    assert!((1..count).contains(&taken));
}

#[tokio::test]
async fn a_file_that_was_cut_short_is_noticed() {
    let folder = TempDir::new().unwrap();
    let (mut spool, _) = filled(&folder).await;
    let file = files(&folder).remove(0);
    fs::File::options()
        .write(true)
        .open(file)
        .unwrap()
        .set_len(1000)
        .unwrap();
    let error = spool.pop().await.unwrap_err();
    assert!(matches!(error, SpoolError::Read(_)), "{error}");
}

#[tokio::test]
async fn what_cannot_be_written_waits_in_memory_and_is_written_later() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("spool");
    let mut spool = open(&path).await;
    fs::remove_dir(&path).unwrap();
    let mut count = 0;
    while spool.has_room() {
        spool.push(&numbered(count, 100_000)).await;
        count += 1;
    }
    assert!(spool.has_failed() && spool.holds());
    fs::create_dir(&path).unwrap();
    spool.write().await;
    assert!(!spool.has_failed() && !spool.holds() && spool.has_room());
    for number in 0..count {
        assert_eq!(popped(&mut spool).await, Some(numbered(number, 100_000).bytes));
    }
}
