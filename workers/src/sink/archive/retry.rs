//! An archive that rides through a failover: while no NameNode serves, operations wait and are tried again.
//!
//! Why a repetition is safe, operation by operation. Reads and deletions may be repeated as they are. A written file has a
//! name that is used once, so that what an earlier attempt left under it, half of the file or all of it, is this
//! writer's own and is deleted first. A rename that is repeated after its answer was lost finds its file gone; the caller
//! then looks whose the new name is, as it does when another writer was faster (`publish`). So it is with the changes of
//! compaction, which also take away what they are made from.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::{
    compact::store::SwapStore,
    store::{ArchiveStore, StoreError, StoredFile, Tail},
};
use crate::backoff::Backoff;

/// A failover takes 15 s, and NameNodes that start on their own are in safe mode for half a minute. Whatever lasts longer is
/// told to the caller.
const RIDE: Duration = Duration::from_mins(1);
/// So that a NameNode that becomes active is found soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Repeats what fails because HDFS is unavailable, for a minute since it became so.
#[derive(Debug)]
pub struct Retrying<S> {
    store: S,
    outage: Outage,
}

impl<S: ArchiveStore> Retrying<S> {
    /// Repeats the operations of a store.
    pub fn new(store: S) -> Self {
        Self {
            store,
            outage: Outage::default(),
        }
    }

    /// The store whose operations are repeated.
    #[cfg(test)]
    pub(crate) fn inner(&self) -> &S {
        &self.store
    }

    /// Makes attempts, numbered from 0.
    async fn ride<T, F>(&self, mut attempt: impl FnMut(u32) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        let mut failing_since = None;
        let mut number = 0;
        loop {
            let error = match attempt(number).await {
                Err(error @ StoreError::Unavailable { .. }) => error,
                answer => {
                    self.outage.end();
                    return answer;
                }
            };
            let now = Instant::now();
            // Others may succeed meanwhile, so an operation keeps its own time too.
            let own = *failing_since.get_or_insert(now);
            let began = self.outage.begin(now, &error).min(own);
            if now.duration_since(began) >= RIDE {
                return Err(error);
            }
            sleep(backoff.next(Duration::ZERO, rand::random())).await;
            number += 1;
        }
    }
}

impl<S: ArchiveStore> ArchiveStore for Retrying<S> {
    async fn list(&self, folder: &str) -> Result<Vec<StoredFile>, StoreError> {
        self.ride(|_| self.store.list(folder)).await
    }

    async fn write(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.ride(|number| {
            let bytes = bytes.clone();
            async move {
                if number > 0 {
                    self.store.delete(path).await?;
                }
                self.store.write(path, bytes).await.map_err(own)
            }
        })
        .await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.ride(|_| self.store.rename(from, to)).await
    }

    async fn read_tail(&self, path: &str, length: u64) -> Result<Tail, StoreError> {
        self.ride(|_| self.store.read_tail(path, length)).await
    }

    async fn delete(&self, path: &str) -> Result<(), StoreError> {
        self.ride(|_| self.store.delete(path)).await
    }
}

impl<S: SwapStore> SwapStore for Retrying<S> {
    async fn write_within(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.ride(|number| {
            let bytes = bytes.clone();
            async move {
                if number > 0 {
                    self.store.delete(path).await?;
                }
                match self.store.write_within(path, bytes).await {
                    // The folder was taken away.
                    Err(error @ StoreError::NotFound(_)) => Err(error),
                    answer => answer.map_err(own),
                }
            }
        })
        .await
    }

    async fn concat(&self, target: &str, sources: &[String]) -> Result<(), StoreError> {
        self.ride(|_| self.store.concat(target, sources)).await
    }

    async fn replace(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.ride(|_| self.store.replace(from, to)).await
    }
}

/// What a write's own name is the cause of, and another attempt cures.
fn own(error: StoreError) -> StoreError {
    let (reason, message) = match error {
        // Nobody else uses the name.
        StoreError::AlreadyExists(path) => ("HdfsAnswerLost", format!("{path} was created unheard")),
        StoreError::NotFound(path) => ("HdfsLeaseLost", format!("{path} was taken away unfinished")),
        error => return error,
    };
    StoreError::Unavailable { reason, message }
}

/// The time since which nothing has succeeded; shared by all operations, so that only the first minute of an outage is
/// waited out here.
#[derive(Debug, Default)]
struct Outage(Mutex<Option<Instant>>);

impl Outage {
    /// When it began: now, where this is its first failure.
    fn begin(&self, now: Instant, error: &StoreError) -> Instant {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *since.get_or_insert_with(|| {
            tracing::info!(reason = error.reason(), %error, "the archive cannot be reached; trying again");
            now
        })
    }

    fn end(&self) {
        let since = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(since) = since {
            let seconds = since.elapsed().as_secs_f64();
            tracing::info!(seconds, "the archive is reached again");
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{
        super::memory::{Fault, MemoryStore},
        *,
    };

    const PATH: &str = "_tmp/writer/x.parquet";

    fn failing(faults: Vec<Fault>) -> Retrying<MemoryStore> {
        Retrying::new(MemoryStore::with_faults(faults))
    }

    /// More failures than a minute has room for.
    fn down() -> Vec<Fault> {
        vec![Fault::Refused; 1_000]
    }

    #[rstest]
    #[case::refused(vec![Fault::Refused])]
    #[case::answer_lost(vec![Fault::AnswerLost])]
    // Last one first: the write's answer is lost, then the deletion of what it left is refused.
    #[case::both(vec![Fault::Refused, Fault::AnswerLost])]
    #[tokio::test(start_paused = true)]
    async fn a_write_in_doubt_is_made_again_in_place_of_what_it_left(#[case] faults: Vec<Fault>) {
        let store = failing(faults);
        store.write(PATH, Bytes::from_static(b"rows")).await.unwrap();
        let files = store.inner().files().clone();
        assert_eq!(
            files.into_iter().collect::<Vec<_>>(),
            [(PATH.to_owned(), Bytes::from_static(b"rows"))]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_a_repeated_request_created_is_written_again() {
        let store = failing(Vec::new());
        store.inner().files().insert(PATH.to_owned(), Bytes::new());
        store.write(PATH, Bytes::from_static(b"rows")).await.unwrap();
        assert_eq!(store.inner().files()[PATH], "rows");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rename_whose_answer_was_lost_is_left_to_the_caller() {
        let store = failing(vec![Fault::AnswerLost]);
        store.inner().files().insert(PATH.to_owned(), Bytes::new());
        let error = store.rename(PATH, "x.parquet").await.unwrap_err();
        assert_eq!(error.reason(), "ArchiveFileMissing");
        assert!(store.inner().files().contains_key("x.parquet"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_waited_out_for_a_minute_and_told_at_once_from_then_on() {
        let store = failing(down());
        let began = Instant::now();
        store.delete(PATH).await.unwrap_err();
        let waited = began.elapsed();
        assert!(waited >= RIDE && waited < RIDE + 2 * LONGEST_PAUSE, "{waited:?}");

        let began = Instant::now();
        store.delete(PATH).await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::ZERO);

        store.inner().heal();
        store.delete(PATH).await.unwrap();
        store.inner().fail(down());
        let began = Instant::now();
        store.delete(PATH).await.unwrap_err();
        assert!(began.elapsed() >= RIDE, "the next outage is waited out too");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_no_reason_to_wait() {
        let store = failing(Vec::new());
        let began = Instant::now();
        let error = store.read_tail("absent", 1).await.unwrap_err();
        assert_eq!(error.reason(), "ArchiveFileMissing");
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
