//! Writes the files of a recording. All of it happens on a thread of its own, which may block.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use crds::wire::RecordingConfig;

use super::{
    Metrics,
    line::{self, Line},
    shelf::{CLOSED, OPEN, Shelf, stem},
};

/// How much a kill may cost: a block is ended, and so can be read, so often.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// Pause after an attempt to write that failed.
const WRITE_AGAIN: Duration = Duration::from_secs(1);
/// A file is at most this part of the disk, so that little goes when the oldest one goes.
const FILES: u64 = 16;
/// zstd's own default.
const LEVEL: i32 = 3;

/// The files of one recording.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    disk_bytes: u64,
    rotate_after: Duration,
    flush_every: Duration,
    metrics: Metrics,
    shelf: Shelf,
    open: Option<Open>,
    /// After a failure, nothing is tried before.
    not_before: Instant,
    line: Vec<u8>,
}

impl Writer {
    /// Touches nothing before [`Self::run`].
    pub fn new(config: &RecordingConfig, metrics: Metrics) -> Self {
        Self {
            folder: config.folder.clone().into(),
            disk_bytes: config.disk_bytes,
            rotate_after: Duration::from_millis(config.rotate_interval_ms),
            flush_every: FLUSH_EVERY,
            metrics,
            shelf: Shelf::default(),
            open: None,
            not_before: Instant::now(),
            line: vec![],
        }
    }

    /// Writes until nobody hands over lines any more; then closes the file. No failure ends it.
    pub fn run(mut self, lines: &Receiver<Line>) {
        let tidied = self.tidy();
        self.note(tidied);
        loop {
            match lines.recv_timeout(self.flush_every) {
                Ok(line) => self.keep(&line),
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.close();
                    return;
                }
            }
        }
    }

    /// Gives what a killed worker left its final name, and learns which files there are.
    fn tidy(&mut self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Ok(mut name) = entry.file_name().into_string() else {
                continue;
            };
            if let Some(stem) = name.strip_suffix(OPEN) {
                name = format!("{stem}{CLOSED}");
            }
            if !name.ends_with(CLOSED) {
                continue;
            }
            // A file that gives trouble hides no other.
            match take_in(&entry.path(), &self.folder.join(&name)) {
                Ok(bytes) => self.shelf.add(name, bytes),
                Err(error) => {
                    tracing::warn!(%error, name, "a file of the recording is not counted and will not be deleted");
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, line: &Line) {
        if Instant::now() < self.not_before {
            self.metrics.dropped.inc();
            return;
        }
        let written = self.write(line);
        if written.is_ok() {
            self.metrics.frames.inc();
        } else {
            self.metrics.dropped.inc();
        }
        self.note(written);
        self.look();
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let open = match &mut self.open {
            Some(open) => open,
            none => {
                make_room(
                    &self.folder,
                    &mut self.shelf,
                    self.disk_bytes / FILES * (FILES - 1),
                    &self.metrics,
                );
                none.insert(Open::create(&self.folder, stem(line.wall_us))?)
            }
        };
        self.line.clear();
        line::write(line, &mut self.line);
        open.encoder.write_all(&self.line)
    }

    /// Ends the block, or the file, when that is due.
    fn look(&mut self) {
        let Some(open) = &mut self.open else { return };
        if open.flushed.elapsed() < self.flush_every {
            return;
        }
        let flushed = open.flush();
        let (bytes, age) = (open.bytes(), open.begun.elapsed());
        self.note(flushed);
        if bytes >= self.disk_bytes / FILES || age >= self.rotate_after {
            self.close();
        }
        let open = self.open.as_ref().map_or(0, Open::bytes);
        let bytes = self.shelf.bytes().saturating_add(open);
        self.metrics.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            let closed = open.close(&self.folder);
            let closed = closed.map(|(name, bytes)| self.shelf.add(name, bytes));
            self.note(closed);
        }
    }

    /// After a failure: what was written stays readable, the oldest file goes, and nothing is tried for a moment.
    fn note(&mut self, result: io::Result<()>) {
        let Err(error) = result else { return };
        self.metrics.write_errors.inc();
        tracing::warn!(%error, folder = %self.folder.display(), "the recording cannot be written to; its oldest file goes");
        if let Some(open) = self.open.take() {
            match open.abandon(&self.folder) {
                Ok((name, bytes)) => self.shelf.add(name, bytes),
                Err(error) => {
                    tracing::warn!(%error, "a file of the recording keeps its temporary name until the next start");
                }
            }
        }
        if error.kind() == io::ErrorKind::StorageFull
            && let Some(oldest) = self.shelf.oldest()
        {
            delete(&self.folder, &oldest, &self.metrics);
        }
        self.not_before = Instant::now() + WRITE_AGAIN;
    }
}

/// Gives a file its final name, and returns its size.
fn take_in(path: &Path, named: &Path) -> io::Result<u64> {
    fs::rename(path, named)?;
    Ok(fs::metadata(named)?.len())
}

fn make_room(folder: &Path, shelf: &mut Shelf, most: u64, metrics: &Metrics) {
    while let Some(oldest) = shelf.surplus(most) {
        delete(folder, &oldest, metrics);
    }
}

fn delete(folder: &Path, name: &str, metrics: &Metrics) {
    match fs::remove_file(folder.join(name)) {
        Ok(()) => {
            metrics.deleted.inc();
        }
        Err(error) => tracing::warn!(%error, name, "a file of the recording could not be deleted"),
    }
}

/// The file that is being written.
struct Open {
    stem: String,
    encoder: zstd::Encoder<'static, File>,
    begun: Instant,
    flushed: Instant,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open")
            .field("stem", &self.stem)
            .finish_non_exhaustive()
    }
}

impl Open {
    fn create(folder: &Path, stem: String) -> io::Result<Self> {
        let file = File::create(folder.join(format!("{stem}{OPEN}")))?;
        let now = Instant::now();
        Ok(Self {
            stem,
            encoder: zstd::Encoder::new(file, LEVEL)?,
            begun: now,
            flushed: now,
        })
    }

    /// Ends the block: what was written so far can be read from now on.
    fn flush(&mut self) -> io::Result<()> {
        self.flushed = Instant::now();
        self.encoder.flush()
    }

    fn bytes(&self) -> u64 {
        let file = self.encoder.get_ref();
        file.metadata().map_or(0, |metadata| metadata.len())
    }

    fn close(self, folder: &Path) -> io::Result<(String, u64)> {
        let file = self.encoder.finish()?;
        let bytes = file.metadata()?.len();
        Ok((shelve(folder, &self.stem)?, bytes))
    }

    /// Gives the file its name although its end is missing.
    fn abandon(self, folder: &Path) -> io::Result<(String, u64)> {
        let bytes = self.bytes();
        Ok((shelve(folder, &self.stem)?, bytes))
    }
}

fn shelve(folder: &Path, stem: &str) -> io::Result<String> {
    let name = format!("{stem}{CLOSED}");
    let path = folder.join(&name);
    let renamed = fs::rename(folder.join(format!("{stem}{OPEN}")), &path);
    // A successor on the same node may have done it already.
    if renamed.is_err() && !path.exists() {
        renamed?;
    }
    Ok(name)
}

#[cfg(test)]
mod tests;
