//! Follows a worker's configuration file, which the operator changes while the worker runs.
//!
//! The file is read again every few seconds. Notifications of the file system would come no sooner: the kubelet itself
//! takes up to a minute to bring a changed ConfigMap (docs/decisions/0016).

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::de::DeserializeOwned;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::config;

/// A configuration as it stands now.
pub type Current<T> = watch::Receiver<T>;

/// Time between two looks at the file.
pub const INTERVAL: Duration = Duration::from_secs(2);

/// Puts what the file says into `current` whenever that changes, until `stop`. A file that cannot be read or understood
/// changes nothing.
pub async fn follow<T: DeserializeOwned + PartialEq + Send + Sync>(
    path: PathBuf,
    current: watch::Sender<T>,
    every: Duration,
    stop: CancellationToken,
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut text = String::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Some(changed) = changed(&path, &mut text) {
            current.send_if_modified(|known| {
                let modified = *known != changed;
                *known = changed;
                modified
            });
        }
    }
}

/// What the file says, when its text is another than last time.
fn changed<T: DeserializeOwned>(path: &Path, text: &mut String) -> Option<T> {
    let now = fs::read_to_string(path).ok()?;
    if now == *text {
        return None;
    }
    *text = now;
    config::load(path)
        .inspect_err(|error| {
            tracing::warn!(reason = error.reason(), %error, "the changed configuration is not taken over");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_file_says_is_taken_over_and_what_cannot_be_read_is_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "[BTCUSDT]").unwrap();
        let (current, mut symbols) = watch::channel(vec!["BTCUSDT".to_owned()]);
        let stop = CancellationToken::new();
        let path = file.path().to_owned();
        let following = tokio::spawn(follow(path, current, Duration::from_millis(1), stop.clone()));

        fs::write(file.path(), "[BTCUSDT").unwrap();
        fs::write(file.path(), "[BTCUSDT, ETHUSDT]").unwrap();
        symbols.changed().await.unwrap();
        assert_eq!(*symbols.borrow_and_update(), ["BTCUSDT", "ETHUSDT"]);
        fs::remove_file(file.path()).unwrap();
        fs::write(file.path(), "[ETHUSDT]").unwrap();
        symbols.changed().await.unwrap();
        assert_eq!(*symbols.borrow_and_update(), ["ETHUSDT"]);
        stop.cancel();
        following.await.unwrap();
    }
}
