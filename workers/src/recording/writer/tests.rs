//! Files as the writer leaves them, read as a replay reads them.

use std::{io::BufReader, sync::mpsc::sync_channel};

use tempfile::TempDir;

use super::*;

fn line(wall_us: i64, frame: &[u8]) -> Line {
    Line {
        wall_us,
        connection: 0,
        frame: frame.to_vec().into(),
    }
}

/// A writer that ends a block with every line.
fn writer(folder: &Path, disk_bytes: u64, rotate_interval_ms: u64) -> Writer {
    let config = RecordingConfig {
        folder: folder.to_str().unwrap().to_owned(),
        disk_bytes,
        rotate_interval_ms,
    };
    Writer {
        flush_every: Duration::ZERO,
        ..Writer::new(&config, Metrics::default())
    }
}

fn run(writer: Writer, lines: &[Line]) -> Metrics {
    let metrics = writer.metrics.clone();
    let (sender, receiver) = sync_channel(lines.len());
    for line in lines {
        sender.send(line.clone()).unwrap();
    }
    drop(sender);
    writer.run(&receiver);
    metrics
}

fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The lines of a file, and how it ended.
fn read(path: &Path) -> (Vec<Line>, Option<io::ErrorKind>) {
    let mut from = BufReader::new(zstd::Decoder::new(File::open(path).unwrap()).unwrap());
    let mut lines = vec![];
    loop {
        match line::read(&mut from) {
            Ok(Some(line)) => lines.push(line),
            Ok(None) => return (lines, None),
            Err(error) => return (lines, Some(error.kind())),
        }
    }
}

fn read_all(folder: &Path) -> Vec<Line> {
    let lines = names(folder).into_iter().flat_map(|name| {
        let (lines, error) = read(&folder.join(name));
        assert_eq!(error, None);
        lines
    });
    lines.collect()
}

#[test]
fn a_file_that_is_old_enough_is_closed_and_named_by_its_first_frame() {
    let folder = TempDir::new().unwrap();
    let lines = [1_000_000, 2_000_000, 3_000_000].map(|us| line(us, b"{}"));
    run(writer(folder.path(), 1 << 30, 0), &lines);
    assert_eq!(
        names(folder.path()),
        ["01", "02", "03"].map(|second| format!("19700101T0000{second}.000000Z.frames.zst"))
    );
    assert_eq!(read_all(folder.path()), lines);
}

#[test]
fn frames_share_a_file_until_it_is_old_enough() {
    let folder = TempDir::new().unwrap();
    let lines = [1_000_000, 2_000_000, 3_000_000].map(|us| line(us, b"{}"));
    let metrics = run(writer(folder.path(), 1 << 30, 3_600_000), &lines);
    assert_eq!(names(folder.path()).len(), 1);
    assert_eq!(read_all(folder.path()), lines);
    assert_eq!((metrics.frames.get(), metrics.dropped.get()), (3, 0));
}

#[test]
fn what_a_kill_leaves_is_read_up_to_its_last_block_and_gets_its_name_from_the_next_worker() {
    let folder = TempDir::new().unwrap();
    let mut killed = writer(folder.path(), 1 << 30, 3_600_000);
    let lines = [1_000_000, 2_000_000].map(|us| line(us, b"{}"));
    for line in &lines {
        killed.keep(line);
    }
    let open = folder.path().join("19700101T000001.000000Z.frames.zst.part");
    let left = fs::read(&open).unwrap();
    drop(killed);
    for cut in [left.len(), left.len() - 1] {
        fs::write(&open, &left[..cut]).unwrap();
        let (read, error) = read(&open);
        assert_eq!(error, Some(io::ErrorKind::UnexpectedEof));
        let whole = if cut == left.len() { 2 } else { 1 };
        assert_eq!(read, lines[..whole]);
    }
    run(writer(folder.path(), 1 << 30, 3_600_000), &[]);
    assert_eq!(names(folder.path()), ["19700101T000001.000000Z.frames.zst"]);
}

#[test]
fn when_there_is_no_room_the_oldest_files_go_and_the_newest_frames_stay() {
    let folder = TempDir::new().unwrap();
    let disk_bytes = 32 * 1024;
    // Frames that cannot be compressed.
    let lines: Vec<Line> = (1..200)
        .map(|second| line(second * 1_000_000, &rand::random::<[u8; 600]>()))
        .collect();
    let metrics = run(writer(folder.path(), disk_bytes, 3_600_000), &lines);
    let occupied: u64 = names(folder.path())
        .iter()
        .map(|name| fs::metadata(folder.path().join(name)).unwrap().len())
        .sum();
    assert!(occupied <= disk_bytes && occupied > disk_bytes / 2, "{occupied}");
    let kept = read_all(folder.path());
    assert_eq!(kept, lines[lines.len() - kept.len()..]);
    assert_eq!((metrics.frames.get(), metrics.dropped.get()), (199, 0));
    assert!(metrics.deleted.get() > 0);
}

#[test]
fn a_disk_that_is_full_before_its_time_costs_the_oldest_file_and_a_moment_of_frames() {
    let folder = TempDir::new().unwrap();
    let mut writer = writer(folder.path(), 1 << 30, 0);
    for second in 1..4 {
        writer.keep(&line(second * 1_000_000, b"{}"));
    }
    writer.note(Err(io::ErrorKind::StorageFull.into()));
    writer.keep(&line(4_000_000, b"{}"));
    assert_eq!(
        names(folder.path()),
        ["02", "03"].map(|second| format!("19700101T0000{second}.000000Z.frames.zst"))
    );
    let metrics = &writer.metrics;
    assert_eq!(
        (
            metrics.deleted.get(),
            metrics.write_errors.get(),
            metrics.dropped.get()
        ),
        (1, 1, 1)
    );
}

#[test]
fn a_folder_that_cannot_be_used_costs_frames_and_nothing_else() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let metrics = run(writer(file.path(), 1 << 30, 0), &[line(1, b"{}"), line(2, b"{}")]);
    assert_eq!((metrics.frames.get(), metrics.dropped.get()), (0, 2));
    assert!(metrics.write_errors.get() > 0);
}
