//! An archive that is read after every change, and whose compactor can be killed at any.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;

use super::{
    super::super::{
        memory::MemoryStore,
        store::{ArchiveStore, StoreError, StoredFile, Tail},
    },
    SwapStore, rows,
};

/// Number of the change before or after which everything stops.
pub const NEVER: usize = usize::MAX;

/// What happens at the change after which everything stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Before,
    After,
}

/// An archive whose compactor is killed at one of its changes, and that is read after every one.
pub struct Watched {
    pub inner: Arc<MemoryStore>,
    changes: AtomicUsize,
    at: usize,
    stop: Stop,
    pub expected: Mutex<BTreeMap<(String, i64), usize>>,
    /// Done after the change of this number.
    meanwhile: Mutex<Vec<(usize, Meanwhile)>>,
}

type Meanwhile = Box<dyn FnOnce(&Watched) + Send>;

impl Watched {
    pub fn new(inner: &Arc<MemoryStore>, at: usize, stop: Stop) -> Arc<Self> {
        Arc::new(Self {
            inner: inner.clone(),
            changes: AtomicUsize::new(0),
            at,
            stop,
            expected: Mutex::new(rows(inner)),
            meanwhile: Mutex::default(),
        })
    }

    /// Changes so far.
    pub fn changes(&self) -> usize {
        self.changes.load(Ordering::Relaxed)
    }

    /// Lets something happen right after the change of this number.
    pub fn after(&self, number: usize, happens: impl FnOnce(&Self) + Send + 'static) {
        self.meanwhile.lock().unwrap().push((number, Box::new(happens)));
    }

    async fn change(&self, change: impl Future<Output = Result<(), StoreError>>) -> Result<(), StoreError> {
        let killed = || StoreError::Refused {
            reason: "Killed",
            message: String::new(),
        };
        let number = self.changes.fetch_add(1, Ordering::Relaxed);
        if number > self.at || (number == self.at && self.stop == Stop::Before) {
            return Err(killed());
        }
        let answer = change.await;
        let due = {
            let mut meanwhile = self.meanwhile.lock().unwrap();
            let at = meanwhile.iter().position(|(at, _)| *at == number);
            at.map(|at| meanwhile.remove(at).1)
        };
        if let Some(due) = due {
            due(self);
        }
        assert_eq!(
            rows(&self.inner),
            *self.expected.lock().unwrap(),
            "after change {number}"
        );
        if number == self.at { Err(killed()) } else { answer }
    }
}

impl ArchiveStore for Watched {
    async fn list(&self, folder: &str) -> Result<Vec<StoredFile>, StoreError> {
        self.inner.list(folder).await
    }

    async fn write(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.change(self.inner.write(path, bytes)).await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.change(self.inner.rename(from, to)).await
    }

    async fn read_tail(&self, path: &str, length: u64) -> Result<Tail, StoreError> {
        self.inner.read_tail(path, length).await
    }

    async fn delete(&self, path: &str) -> Result<(), StoreError> {
        self.change(self.inner.delete(path)).await
    }
}

impl SwapStore for Watched {
    async fn write_within(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.change(self.inner.write_within(path, bytes)).await
    }

    async fn concat(&self, target: &str, sources: &[String]) -> Result<(), StoreError> {
        self.change(self.inner.concat(target, sources)).await
    }

    async fn replace(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.change(self.inner.replace(from, to)).await
    }
}

/// A watched archive behind something that owns its store.
pub struct Shared(pub Arc<Watched>);

impl ArchiveStore for Shared {
    async fn list(&self, folder: &str) -> Result<Vec<StoredFile>, StoreError> {
        self.0.list(folder).await
    }
    async fn write(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.0.write(path, bytes).await
    }
    async fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.0.rename(from, to).await
    }
    async fn read_tail(&self, path: &str, length: u64) -> Result<Tail, StoreError> {
        self.0.read_tail(path, length).await
    }
    async fn delete(&self, path: &str) -> Result<(), StoreError> {
        self.0.delete(path).await
    }
}

impl SwapStore for Shared {
    async fn write_within(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.0.write_within(path, bytes).await
    }
    async fn concat(&self, target: &str, sources: &[String]) -> Result<(), StoreError> {
        self.0.concat(target, sources).await
    }
    async fn replace(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.0.replace(from, to).await
    }
}
