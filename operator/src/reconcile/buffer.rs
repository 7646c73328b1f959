//! How long records that a lane has not stored are safe in Kafka, and which store will soon be full. Pure.

use std::collections::BTreeMap;

use crds::status::{BufferStatus, DataFlow, LaneBuffer, StoreFill};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::data_flow::Frame;
use crate::bootstrap::Finding;

/// Less than this part of the retention left is a risk,
const PART_OF_RETENTION: i64 = 4;
/// but never more than six hours, in which a person can act.
const MOST_SECONDS: i64 = 6 * 3_600;
/// A store that is full within a day is told of.
pub const FULL_SOON_SECONDS: i64 = 86_400;

/// What the figures are made from.
#[derive(Debug)]
pub struct Known<'a> {
    /// The figures of all workers.
    pub flow: &'a DataFlow,
    /// Which lanes are asked for.
    pub frame: Frame,
    /// Of the archive and of the hot lane: whether every partition has an owner that speaks.
    pub whole: [bool; 2],
    /// How long Kafka keeps a record, in seconds.
    pub retention: i64,
    /// Stores that could be measured.
    pub stores: BTreeMap<String, StoreFill>,
}

/// The figures. Kafka may delete a record once it is as old as the retention; it deletes whole segments, so it is often later.
pub fn buffer(before: Option<&BufferStatus>, known: &Known<'_>, now: Timestamp) -> BufferStatus {
    let lane = |before: Option<&LaneBuffer>, lag: i64, whole: bool| {
        let told = (lag > 0).then(|| now - SignedDuration::from_secs(lag));
        // Who is silent has not stored anything meanwhile, as far as anyone knows.
        let last = before
            .filter(|_| !whole)
            .and_then(|lane| lane.oldest_unstored.as_ref())
            .map(|time| time.0);
        let oldest = told.into_iter().chain(last).min();
        let age = oldest.map_or(0, |oldest| now.duration_since(oldest).as_secs());
        LaneBuffer {
            seconds_left: known.retention.saturating_sub(age).max(0),
            oldest_unstored: oldest.map(Time),
            current: whole,
        }
    };
    let (archive, hot) = before.map_or((None, None), |b| (b.archive.as_ref(), b.hot.as_ref()));
    let [archive_whole, hot_whole] = known.whole;
    BufferStatus {
        archive: known
            .frame
            .archive
            .then(|| lane(archive, known.flow.archive_lag_seconds, archive_whole)),
        hot: known
            .frame
            .hot
            .then(|| lane(hot, known.flow.hot_lag_seconds, hot_whole)),
        stores: known.stores.clone(),
    }
}

/// Which lanes' records are about to be deleted, and when; or which store of records is full before that.
pub fn at_risk(buffer: &BufferStatus, retention: i64, now: Timestamp) -> Option<Finding> {
    let margin = (retention / PART_OF_RETENTION).min(MOST_SECONDS);
    let brokers_full = buffer
        .stores
        .iter()
        .filter(|(name, _)| name.starts_with("kafka"))
        .filter_map(|(name, fill)| Some((fill.full_in_seconds?, name)))
        .min();
    let lanes = [("archive", &buffer.archive), ("hot", &buffer.hot)];
    let told: Vec<String> = lanes
        .into_iter()
        .filter_map(|(name, lane)| {
            let lane = lane.as_ref()?;
            let silence = if lane.current {
                ""
            } else {
                " (as last known: not every processor answers)"
            };
            if lane.oldest_unstored.is_some() && lane.seconds_left == 0 {
                return Some(format!(
                    "Kafka may be deleting records that the {name} lane has not stored{silence}; DataFlowing names the ids \
                     that are lost once the lane goes on"
                ));
            }
            let behind = now.duration_since(lane.oldest_unstored.as_ref()?.0).as_secs() >= margin;
            if let Some((full, broker)) = brokers_full.filter(|(full, _)| *full < margin.min(lane.seconds_left) && behind) {
                let at = now + SignedDuration::from_secs(full);
                return Some(format!(
                    "{broker} takes no more records from {at} on, in {full} s, because its disk is full then, while the {name} \
                     lane has not stored what is there{silence}"
                ));
            }
            (lane.seconds_left < margin).then(|| {
                let at = now + SignedDuration::from_secs(lane.seconds_left);
                format!(
                    "Kafka may delete records that the {name} lane has not stored from {at} on, in {} s{silence}",
                    lane.seconds_left
                )
            })
        })
        .collect();
    (!told.is_empty()).then(|| {
        Finding::new(
            "RecordsAtRisk",
            format!(
                "{}; bring the lane's sink or link back before that, or raise kafka.topics.trades.retention now (and \
                 kafka.storage.size where the disk is short)",
                told.join("; ")
            ),
        )
    })
}

/// What is said of the buffer and of stores.
#[derive(Clone, Debug, PartialEq)]
pub struct Supply {
    /// The figures; `None` before a worker has told anything.
    pub buffer: Option<BufferStatus>,
    /// Records that are about to be lost.
    pub at_risk: Option<Finding>,
    /// Stores that will soon be full.
    pub filling: Filling,
}

/// Whether a store will soon be full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filling {
    /// Nothing has been measured for long enough since the operator's start: what was said before stands.
    NotKnownYet,
    /// None.
    No,
    /// Those that are named.
    Soon(Finding),
}

impl Filling {
    /// From the figures, and whether any rate is known.
    pub fn of(stores: &BTreeMap<String, StoreFill>, has_rates: bool, now: Timestamp) -> Self {
        match filling(stores, now) {
            Some(found) => Self::Soon(found),
            None if has_rates => Self::No,
            None => Self::NotKnownYet,
        }
    }
}

/// Which stores are full within a day.
fn filling(stores: &BTreeMap<String, StoreFill>, now: Timestamp) -> Option<Finding> {
    let told: Vec<String> = stores
        .iter()
        .filter_map(|(name, fill)| {
            let seconds = fill
                .full_in_seconds
                .filter(|seconds| *seconds < FULL_SOON_SECONDS)?;
            let at = now + SignedDuration::from_secs(seconds);
            let estimate = if fill.estimated {
                " of the size of its claims"
            } else {
                ""
            };
            Some(format!(
                "{name} uses {} %{estimate} and is full at {at} at the present rate",
                fill.used_percent
            ))
        })
        .collect();
    (!told.is_empty()).then(|| {
        Finding::new(
            "StoreFullSoon",
            format!(
                "{}; raise its storage.size, or keep less: kafka.topics.trades.retention, cassandra.tradeRetention, or delete old \
                 days of the archive",
                told.join("; ")
            ),
        )
    })
}

#[cfg(test)]
#[path = "buffer_tests.rs"]
mod tests;
