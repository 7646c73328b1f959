//! One set of figures from the answers of all workers.

use std::collections::BTreeMap;

use crds::{status::DataFlow, wire::PartitionStatus};
use jiff::Timestamp;

use super::{Answers, Frame, LANES, Pick};

/// The new figures. Totals never fall because a worker did not answer; what is only known of all partitions together
/// keeps its last value until all are known. Only a lag goes on meanwhile: nobody says that it does not.
pub fn merge(previous: Option<&DataFlow>, answers: &Answers, frame: Frame) -> Option<DataFlow> {
    if previous.is_none() && answers.ingest.is_empty() && answers.processors.is_empty() {
        return None;
    }
    let before = previous.cloned().unwrap_or_default();
    let archive = Lane::of(answers, |status| status.archive.as_ref());
    let hot = Lane::of(answers, |status| status.hot.as_ref());
    let all = |lane: &Lane| lane.is_whole(frame.partitions);
    let seconds = |lane: &Lane, asked: bool, figure: fn(&PartitionStatus) -> u64, before: i64| {
        if !asked {
            0
        } else if all(lane) {
            lane.most(figure)
        } else {
            lane.most(figure).max(before.saturating_add(frame.seconds))
        }
    };
    // Only the archive lane buries what cannot be read; the figure of the other is 0.
    let dead_letters = archive
        .sum(|p| p.dead_letters)
        .saturating_add(hot.sum(|p| p.dead_letters));
    Some(DataFlow {
        last_trade_time: last_trade_time(&before, answers, &[&archive, &hot]),
        ingested_trades: before
            .ingested_trades
            .max(archive.end_offsets())
            .max(hot.end_offsets()),
        archived_trades: before.archived_trades.max(archive.sum(|p| p.trades)),
        hot_trades: before.hot_trades.max(hot.sum(|p| p.trades)),
        missing_ids: missing_ids(
            before.missing_ids,
            missing_in_kafka(answers),
            all(&archive).then(|| archive.sum(|p| p.missing_ids)),
        ),
        duplicate_ids: before.duplicate_ids.max(archive.sum(|p| p.duplicates)),
        archive_lag_seconds: seconds(
            &archive,
            frame.archive,
            |p| p.lag_seconds,
            before.archive_lag_seconds,
        ),
        hot_lag_seconds: seconds(&hot, frame.hot, |p| p.lag_seconds, before.hot_lag_seconds),
        archive_behind_seconds: seconds(
            &archive,
            frame.archive,
            |p| p.behind_seconds,
            before.archive_behind_seconds,
        ),
        hot_behind_seconds: seconds(&hot, frame.hot, |p| p.behind_seconds, before.hot_behind_seconds),
        dead_letters: before.dead_letters.max(dead_letters),
    })
}

/// What Kafka lacks the archive lacks too, but may not know of. What is not known of one of them stays as it was.
fn missing_ids(before: i64, in_kafka: Option<i64>, in_archive: Option<i64>) -> i64 {
    match (in_kafka, in_archive) {
        (Some(in_kafka), Some(in_archive)) => in_kafka.max(in_archive),
        (Some(known), None) | (None, Some(known)) => known.max(before),
        (None, None) => before,
    }
}

/// Ids of gaps that Kafka does not have; `None` when a worker did not answer. Of two workers that read the same symbol
/// the one that misses more counts: the other may have begun later.
pub(super) fn missing_in_kafka(answers: &Answers) -> Option<i64> {
    let mut missing: BTreeMap<&String, u64> = BTreeMap::new();
    for feed in &answers.ingest {
        for (symbol, status) in &feed.as_ref()?.symbols {
            let most = missing.entry(symbol).or_default();
            *most = status.missing_ids.max(*most);
        }
    }
    let total = missing.into_values().fold(0, u64::saturating_add);
    Some(i64::try_from(total).unwrap_or(i64::MAX))
}

/// One lane over all processors. While a partition changes hands two of them may speak of it; the one that is further
/// on owns it now.
struct Lane {
    partitions: BTreeMap<i32, PartitionStatus>,
}

impl Lane {
    fn of(answers: &Answers, pick: Pick) -> Self {
        let mut partitions: BTreeMap<i32, PartitionStatus> = BTreeMap::new();
        let lanes = answers.processors.iter().flatten().filter_map(pick);
        for (number, status) in lanes.flat_map(|lane| &lane.partitions) {
            let known = partitions.entry(*number).or_insert_with(|| status.clone());
            if status.next_offset > known.next_offset {
                known.clone_from(status);
            }
        }
        Self { partitions }
    }

    fn sum(&self, figure: impl Fn(&PartitionStatus) -> u64) -> i64 {
        let total = self.partitions.values().map(figure).fold(0, u64::saturating_add);
        i64::try_from(total).unwrap_or(i64::MAX)
    }

    fn end_offsets(&self) -> i64 {
        self.sum(|partition| u64::try_from(partition.end_offset).unwrap_or(0))
    }

    /// Of the slowest partition, in seconds.
    fn most(&self, figure: impl Fn(&PartitionStatus) -> u64) -> i64 {
        let slowest = self.partitions.values().map(figure).max();
        i64::try_from(slowest.unwrap_or(0)).unwrap_or(i64::MAX)
    }

    /// Whether every partition of the topic has an owner that speaks.
    fn is_whole(&self, partitions: i32) -> bool {
        i32::try_from(self.partitions.len()).is_ok_and(|known| known >= partitions)
    }
}

/// Of the archive and of the hot lane: whether every partition has an owner that speaks.
pub fn whole(answers: &Answers, frame: Frame) -> [bool; 2] {
    LANES.map(|(_, pick)| Lane::of(answers, pick).is_whole(frame.partitions))
}

/// Seconds by which the slower lane's reading is behind, as the workers say now; `None` while not all partitions of all
/// lanes that are asked for have an owner that speaks.
pub fn behind(answers: &Answers, frame: Frame) -> Option<i64> {
    let lanes = LANES.iter().zip([frame.archive, frame.hot]);
    let mut most = 0;
    for ((_, pick), _) in lanes.filter(|(_, asked)| *asked) {
        let lane = Lane::of(answers, *pick);
        if !lane.is_whole(frame.partitions) {
            return None;
        }
        most = lane.most(|partition| partition.behind_seconds).max(most);
    }
    Some(most)
}

fn last_trade_time(before: &DataFlow, answers: &Answers, lanes: &[&Lane]) -> Option<String> {
    let known = before
        .last_trade_time
        .as_deref()
        .and_then(|text| text.parse::<Timestamp>().ok())
        .map(Timestamp::as_millisecond);
    let fed = answers
        .ingest
        .iter()
        .flatten()
        .flat_map(|feed| feed.symbols.values().map(|symbol| symbol.last_trade_time_ms));
    let stored = lanes.iter().flat_map(|lane| {
        lane.partitions
            .values()
            .map(|partition| partition.last_trade_time_ms)
    });
    let newest = fed.chain(stored).chain(known).filter(|ms| *ms > 0).max()?;
    Timestamp::from_millisecond(newest)
        .ok()
        .map(|time| time.to_string())
}
