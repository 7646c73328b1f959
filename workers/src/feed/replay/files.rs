//! Which files are played, and in which order.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use crds::spec::ReplayFormat;

use crate::{feed::binance::dump, model::Symbol, recording::shelf};

/// Files that follow each other in time.
#[derive(Debug, PartialEq, Eq)]
pub struct Lane {
    /// Whose dumps they are; absent for recordings.
    pub symbol: Option<Symbol>,
    /// The oldest first.
    pub files: Vec<PathBuf>,
}

/// The lanes of all files of this form in the folder and those below it: the dumps of each wanted symbol, the recording in
/// each folder.
pub fn find(folder: &Path, format: ReplayFormat, wanted: &BTreeSet<Symbol>) -> io::Result<Vec<Lane>> {
    let mut paths = vec![];
    walk(folder, &mut paths)?;
    Ok(lanes(paths, format, wanted))
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A link counts as what it leads to.
        let path = entry.path();
        if !path.is_dir() {
            paths.push(path);
        } else if entry.file_name() != OsStr::new("lost+found") {
            walk(&path, paths)?;
        }
    }
    Ok(())
}

fn lanes(paths: Vec<PathBuf>, format: ReplayFormat, wanted: &BTreeSet<Symbol>) -> Vec<Lane> {
    let mut lanes: BTreeMap<_, BTreeMap<_, PathBuf>> = BTreeMap::new();
    for path in paths {
        let Some(name) = path.file_name().and_then(OsStr::to_str) else {
            continue;
        };
        let place = match format {
            ReplayFormat::BinanceCsv => dump::file(name)
                .filter(|(symbol, _)| wanted.contains(symbol))
                .map(|(symbol, date)| (Some(symbol), None, date)),
            ReplayFormat::Frames => name
                .strip_suffix(shelf::CLOSED)
                .or_else(|| name.strip_suffix(shelf::OPEN))
                .map(|begin| (None, path.parent().map(Path::to_owned), begin)),
        };
        if let Some((symbol, folder, time)) = place {
            let order = (time.to_owned(), path.clone());
            lanes.entry((symbol, folder)).or_default().insert(order, path);
        }
    }
    lanes
        .into_iter()
        .map(|((symbol, _), files)| Lane {
            symbol,
            files: files.into_values().collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn the_dumps_of_each_wanted_symbol_are_a_lane_by_date_wherever_they_lie() {
        let bitcoin: Symbol = "BTCUSDT".parse().unwrap();
        let found = lanes(
            paths(&[
                "b/BTCUSDT-trades-2025-01-01.zip",
                "b/BTCUSDT-trades-2025-01-01.zip.CHECKSUM",
                "z/BTCUSDT-trades-2024-12-31.csv.gz",
                "b/BTCUSDT-trades-2024-11.csv",
                "b/ETHUSDT-trades-2024-12-31.csv",
                "b/BTCUSDT-aggTrades-2024-12-31.csv",
            ]),
            ReplayFormat::BinanceCsv,
            &BTreeSet::from([bitcoin.clone()]),
        );
        let files = paths(&[
            "b/BTCUSDT-trades-2024-11.csv",
            "z/BTCUSDT-trades-2024-12-31.csv.gz",
            "b/BTCUSDT-trades-2025-01-01.zip",
        ]);
        assert_eq!(
            found,
            [Lane {
                symbol: Some(bitcoin),
                files
            }]
        );
    }

    #[test]
    fn the_recording_in_each_folder_is_a_lane() {
        let found = lanes(
            paths(&[
                "0/20210108T010000.000000Z.frames.zst.part",
                "1/20210108T000000.000000Z.frames.zst",
                "0/20210108T000000.000000Z.frames.zst",
                "0/notes.txt",
            ]),
            ReplayFormat::Frames,
            &BTreeSet::new(),
        );
        let lane = |names| Lane {
            symbol: None,
            files: paths(names),
        };
        assert_eq!(
            found,
            [
                lane(&[
                    "0/20210108T000000.000000Z.frames.zst",
                    "0/20210108T010000.000000Z.frames.zst.part"
                ]),
                lane(&["1/20210108T000000.000000Z.frames.zst"]),
            ]
        );
    }
}
