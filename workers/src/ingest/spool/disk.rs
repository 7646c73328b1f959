//! Batches in segment files. The I/O shell of [`Layout`]; all of it happens on threads that may block.
//!
//! Nothing is synchronised to the disk: what a file holds is of use to this process alone.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::{SpoolError, batch::checksum, layout::Layout};

/// Ending of the names of segment files.
const ENDING: &str = "segment";

/// The segment files of one folder.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    layout: Layout,
    files: HashMap<u64, Arc<File>>,
}

impl Disk {
    /// Makes the folder and discards what an earlier process left in it.
    pub async fn open(folder: PathBuf, segment_bytes: u64) -> Result<Self, SpoolError> {
        let path = folder.clone();
        blocking(move || discard_all(&path))
            .await
            .map_err(|source| SpoolError::Folder {
                folder: folder.display().to_string(),
                source,
            })?;
        Ok(Self {
            folder,
            layout: Layout::new(segment_bytes),
            files: HashMap::new(),
        })
    }

    /// Appends a batch. After an error it is as if nothing had been written.
    pub async fn append(&mut self, records: &Bytes) -> io::Result<()> {
        let place = self.layout.next(records.len(), checksum(records));
        let file = if let Some(file) = self.files.get(&place.segment) {
            file.clone()
        } else {
            let path = self.path(place.segment);
            let file = Arc::new(blocking(move || create(&path)).await?);
            self.files.insert(place.segment, file.clone());
            file
        };
        let records = records.clone();
        blocking(move || file.write_all_at(&records, place.offset)).await?;
        self.layout.written(place);
        Ok(())
    }

    /// Takes the oldest batch; `None` when there is none.
    pub async fn take(&mut self) -> Result<Option<Bytes>, SpoolError> {
        let Some(place) = self.layout.oldest() else {
            return Ok(None);
        };
        let file = self
            .files
            .get(&place.segment)
            .cloned()
            .ok_or(SpoolError::Damaged)?;
        let records = blocking(move || {
            let mut records = vec![0; place.length];
            file.read_exact_at(&mut records, place.offset)?;
            Ok(records)
        });
        let records = records.await.map_err(SpoolError::Read)?;
        if checksum(&records) != place.checksum {
            return Err(SpoolError::Damaged);
        }
        if let Some(segment) = self.layout.read() {
            self.files.remove(&segment);
            let path = self.path(segment);
            if let Err(error) = blocking(move || fs::remove_file(path)).await {
                tracing::warn!(segment, %error, "a segment of the spool stays on the disk until the next start");
            }
        }
        Ok(Some(records.into()))
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.layout.bytes()
    }

    fn path(&self, segment: u64) -> PathBuf {
        self.folder.join(format!("{segment}.{ENDING}"))
    }
}

fn create(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
}

fn discard_all(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(error.into()))
}
