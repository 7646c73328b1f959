//! Locking without poisoning: no lock of this crate is held over code that leaves its data half changed.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, also after another holder of it has panicked.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
