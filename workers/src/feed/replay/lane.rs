//! The events of one lane: its files, one after the other.

use std::{
    io::{self, BufRead},
    path::{Path, PathBuf},
    vec,
};

use crds::spec::Exchange;

use super::{
    Progress,
    files::Lane,
    frames::Frames,
    unpack::{self, Lines},
};
use crate::{
    feed::{binance::dump, stream::Told},
    model::Symbol,
    recording::line,
};

/// What stands in a file.
#[derive(Debug)]
pub struct Event {
    /// Its place in time, microseconds since 1970.
    pub time_us: i64,
    /// When a live feed received it, microseconds since 1970; absent where none did.
    pub wall_us: Option<i64>,
    /// What it tells.
    pub told: Told,
}

/// Reads a lane of the exchange. What cannot be read of a file is told and passed over.
pub fn read(lane: Lane, exchange: Exchange, progress: Progress) -> impl Iterator<Item = Event> {
    Reader {
        frames: Frames::of(exchange),
        symbol: lane.symbol,
        files: lane.files.into_iter(),
        open: None,
        time_us: 0,
        progress,
    }
}

struct Reader {
    frames: Frames,
    /// Whose dump it is; absent for frames, which say it themselves.
    symbol: Option<Symbol>,
    files: vec::IntoIter<PathBuf>,
    open: Option<(PathBuf, Lines)>,
    /// Of the last event.
    time_us: i64,
    progress: Progress,
}

impl Iterator for Reader {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            let Some((path, mut lines)) = self.open.take() else {
                let path = self.files.next()?;
                match unpack::open(&path) {
                    Ok(lines) => self.open = Some((path, lines)),
                    Err(error) => self.end(&path, Err(error)),
                }
                continue;
            };
            match self.event(&mut lines) {
                Ok(Some(event)) => {
                    self.open = Some((path, lines));
                    self.time_us = event.time_us;
                    return Some(event);
                }
                Ok(None) => self.end(&path, Ok(())),
                Err(error) => self.end(&path, Err(error)),
            }
        }
    }
}

impl Reader {
    fn event(&mut self, lines: &mut Lines) -> io::Result<Option<Event>> {
        match &self.symbol {
            Some(symbol) => self.row(symbol, lines),
            None => self.frame(lines),
        }
    }

    fn frame(&mut self, lines: &mut Lines) -> io::Result<Option<Event>> {
        let line = line::read(lines)?;
        Ok(line.map(|line| Event {
            time_us: line.wall_us,
            wall_us: Some(line.wall_us),
            told: self.frames.read(&line.frame),
        }))
    }

    fn row(&self, symbol: &Symbol, lines: &mut Lines) -> io::Result<Option<Event>> {
        let mut line = String::new();
        loop {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let row = line.trim_end();
            if row.is_empty() || dump::is_head(row) {
                continue;
            }
            let told = dump::read(symbol, row);
            let time_us = match &told {
                Told::Trade(_, trade) => trade.trade_time_us,
                _ => self.time_us,
            };
            return Ok(Some(Event {
                time_us,
                wall_us: None,
                told,
            }));
        }
    }

    fn end(&self, path: &Path, read: io::Result<()>) {
        match read {
            Ok(()) => self.progress.file_done(),
            // What a killed worker left, or the file that a living one writes.
            Err(error) if self.symbol.is_none() && error.kind() == io::ErrorKind::UnexpectedEof => {
                tracing::info!(file = %path.display(), "the recording was cut off here; all before it was read");
                self.progress.file_done();
            }
            Err(error) => {
                tracing::error!(file = %path.display(), %error, "the rest of the file cannot be read; replace the file");
                self.progress.file_damaged(path.display().to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn a_damaged_file_is_read_up_to_the_damage_and_named_and_the_next_one_follows() {
        let folder = tempfile::TempDir::new().unwrap();
        let row = |id| format!("{id},1.0,1.0,1.0,1610064000278,True,True\n");
        let second = row(2);
        let mut packed = GzEncoder::new(vec![], Compression::fast());
        packed.write_all(row(1).as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let files = [
            ("1.csv.gz", &packed[..packed.len() - 4]),
            ("2.csv", second.as_bytes()),
        ];
        let files = files.map(|(name, bytes)| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        });
        let progress = Progress::default();
        let lane = Lane {
            symbol: Some("BTCUSDT".parse().unwrap()),
            files: files.to_vec(),
        };
        let ids: Vec<u64> = read(lane, Exchange::Binance, progress.clone())
            .map(|event| match event.told {
                Told::Trade(_, trade) => trade.trade_id,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ids.last(), Some(&2));
        let status = progress.status(0);
        assert_eq!(status.files_done, 2);
        assert_eq!(status.damaged_files, [files[0].display().to_string()]);
    }
}
