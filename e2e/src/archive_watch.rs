//! Watches, beside a test, when the processors last wrote to the archive, and tells how long it stood still at most.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use tokio::task::JoinHandle;

use crate::{
    pipeline::Pipeline,
    progress::{Look, until},
    workers,
};

/// Shorter than the time between two writes, so that none is overlooked.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The watch. It ends when dropped.
pub struct ArchiveWatch {
    task: JoinHandle<()>,
    writes: Arc<Mutex<Writes>>,
}

impl ArchiveWatch {
    /// Waits until the archive is being written, and watches from then on.
    pub async fn start(pipeline: &Pipeline) -> Result<Self> {
        let began = now();
        let first = until("a write to the archive", Duration::from_mins(2), async || {
            let last = workers::last_archive_write(pipeline).await?;
            let fresh = last.is_some_and(|last| last > began);
            Ok(Look::when(
                fresh,
                last.unwrap_or(began),
                "none since the stream began",
            ))
        })
        .await?;
        let writes = Arc::new(Mutex::new(Writes::since(first)));
        let (pipeline, noted) = (pipeline.clone(), writes.clone());
        let task = tokio::spawn(async move {
            loop {
                // A processor that does not answer now has its last write in its next answer.
                if let Ok(Some(last)) = workers::last_archive_write(&pipeline).await {
                    noted.lock().unwrap_or_else(PoisonError::into_inner).note(last);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Ok(Self { task, writes })
    }

    /// The longest time that has passed without a write.
    pub fn longest_pause(&self) -> Duration {
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.note(now());
        writes.longest
    }
}

impl Drop for ArchiveWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Times since 1970.
#[derive(Debug)]
struct Writes {
    last: Duration,
    longest: Duration,
}

impl Writes {
    fn since(first: Duration) -> Self {
        Self {
            last: first,
            longest: Duration::ZERO,
        }
    }

    fn note(&mut self, time: Duration) {
        self.longest = self.longest.max(time.saturating_sub(self.last));
        self.last = self.last.max(time);
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pause_lies_between_two_writes_wherever_they_were_seen() {
        let mut writes = Writes::since(Duration::from_secs(100));
        // The same write is seen again, and an older one by another processor's account.
        for seconds in [105, 105, 103, 117, 120] {
            writes.note(Duration::from_secs(seconds));
        }
        assert_eq!(writes.longest, Duration::from_secs(12));
    }
}
