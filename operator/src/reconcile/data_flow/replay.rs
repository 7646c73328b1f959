//! What is said of files that are played. Pure.

use crds::wire::{IngestStatus, ReplayStatus};

/// Reason of a replay that runs.
pub const REPLAYING: &str = "Replaying";
/// Reason of a replay that is over.
pub const FINISHED: &str = "ReplayFinished";
/// Damaged files named in the condition.
const NAMED_FILES: usize = 3;

/// Whether files are played.
pub fn is_played(feeds: &[&IngestStatus]) -> bool {
    of(feeds).next().is_some()
}

/// Why a worker has not begun.
pub fn waiting(feeds: &[&IngestStatus]) -> Option<String> {
    let waits = |feed: &&&IngestStatus| !feed.connected && feed.replay.is_some();
    let first = feeds.iter().find(waits)?;
    let why = first.replay.as_ref().and_then(|replay| replay.waiting.as_deref());
    let why = why.unwrap_or("it is not known yet which trades Kafka has");
    Some(format!(
        "the replay has not begun: {why}; check ingest.replay.claim, path and format"
    ))
}

/// Files that are not what they should be.
pub fn damaged(feeds: &[&IngestStatus]) -> Option<String> {
    let files: Vec<&str> = of(feeds)
        .flat_map(|replay| replay.damaged_files.iter().map(String::as_str))
        .collect();
    let named = files.iter().take(NAMED_FILES).copied().collect::<Vec<_>>();
    (!files.is_empty()).then(|| {
        format!(
            "{} files are damaged, and the rest of each was not read: {}; replace them and delete the ingest pod, which reads \
             all files again and sends what is missing",
            files.len(),
            named.join(", ")
        )
    })
}

/// Nobody else is asked for what the files lack.
pub fn missing(ids: &str) -> String {
    format!(
        "the files of ingest.replay do not hold trade ids: {ids}; add the files and delete the ingest pod, or set ingest.source \
         to exchange, which fetches them"
    )
}

/// Reason and message of a replay that runs or is over; `None` where none is. Whether anything is missing the gap policy says.
pub fn played(feeds: &[&IngestStatus]) -> Option<(&'static str, String)> {
    if !is_played(feeds) {
        return None;
    }
    let sum = |figure: fn(&ReplayStatus) -> u64| of(feeds).map(figure).fold(0, u64::saturating_add);
    let (files, done, trades) = (
        sum(|replay| replay.files),
        sum(|replay| replay.files_done),
        sum(|replay| replay.trades),
    );
    Some(if of(feeds).all(|replay| replay.finished) {
        (
            FINISHED,
            format!("all {files} files were played, {trades} trades are in Kafka"),
        )
    } else {
        (
            REPLAYING,
            format!("{done} of {files} files were read, {trades} trades"),
        )
    })
}

fn of<'a>(feeds: &'a [&IngestStatus]) -> impl Iterator<Item = &'a ReplayStatus> {
    feeds.iter().filter_map(|feed| feed.replay.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(connected: bool, replay: ReplayStatus) -> IngestStatus {
        IngestStatus {
            connected,
            replay: Some(replay),
            ..IngestStatus::default()
        }
    }

    #[test]
    fn a_replay_is_finished_when_every_worker_has_finished() {
        let done = feed(
            true,
            ReplayStatus {
                files: 2,
                files_done: 2,
                trades: 40,
                finished: true,
                ..ReplayStatus::default()
            },
        );
        let mut running = done.clone();
        let replay = running.replay.as_mut().unwrap();
        (replay.files_done, replay.finished) = (1, false);
        let (reason, message) = played(&[&done, &running]).unwrap();
        assert_eq!(reason, REPLAYING);
        assert!(
            message.starts_with("3 of 4 files were read, 80 trades"),
            "{message}"
        );
        assert_eq!(played(&[&done, &done]).unwrap().0, FINISHED);
        assert_eq!(played(&[&IngestStatus::default()]), None);
    }

    #[test]
    fn what_a_replay_waits_for_and_what_is_damaged_is_named() {
        let mut status = ReplayStatus {
            waiting: Some("no file to play in /replay".to_owned()),
            ..ReplayStatus::default()
        };
        let message = waiting(&[&feed(false, status.clone())]).unwrap();
        assert!(message.contains("no file to play in /replay"), "{message}");
        assert_eq!(waiting(&[&feed(true, status.clone())]), None);
        assert_eq!(waiting(&[&IngestStatus::default()]), None);

        assert_eq!(damaged(&[&feed(true, status.clone())]), None);
        status.damaged_files = vec!["a.zip".to_owned()];
        let message = damaged(&[&feed(true, status)]).unwrap();
        assert!(message.contains("a.zip"), "{message}");
    }
}
