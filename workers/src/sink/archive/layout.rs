//! Where the archive's files are: `dt=YYYY-MM-DD/hour=HH/part-<partition>-<first offset>.parquet`, which Spark, Trino,
//! DuckDB and pyarrow read as a table partitioned by day and hour. Pure.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Unfinished files. Readers skip folders that begin with `_`.
pub const TEMPORARY: &str = "_tmp";

const FOLDER_FORMAT: &str = "dt=%Y-%m-%d/hour=%H";
const US_PER_HOUR: i64 = 3_600_000_000;

/// An hour of trade time in UTC, as hours since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Hour(i64);

impl Hour {
    /// The hour that holds this time, microseconds since 1970.
    pub const fn of(time_us: i64) -> Self {
        Self(time_us.div_euclid(US_PER_HOUR))
    }

    /// The hour of a folder such as `dt=2021-01-08/hour=00`.
    pub fn parse(folder: &str) -> Option<Self> {
        let start = DateTime::strptime(FOLDER_FORMAT, folder).ok()?;
        let start = start.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(Self(start.as_second().div_euclid(3_600)))
    }

    /// When the day of this hour ends; 1970 for days before it.
    pub fn end_of_day(self) -> SystemTime {
        let hours = u64::try_from((self.0.div_euclid(24) + 1) * 24).unwrap_or_default();
        UNIX_EPOCH + Duration::from_hours(hours)
    }
}

/// The folder of the hour. Times are bounded by [`crate::decode`], so that every hour has a calendar date.
impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = Timestamp::from_second(self.0.saturating_mul(3_600)).map_err(|_| fmt::Error)?;
        write!(f, "{}", start.strftime(FOLDER_FORMAT))
    }
}

impl From<Hour> for String {
    fn from(hour: Hour) -> Self {
        hour.to_string()
    }
}

impl TryFrom<String> for Hour {
    type Error = String;

    fn try_from(folder: String) -> Result<Self, Self::Error> {
        Self::parse(&folder).ok_or_else(|| format!("`{folder}` is no folder of an hour"))
    }
}

/// What names a batch: a Kafka partition and the first offset of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId {
    /// Kafka partition.
    pub partition: i32,
    /// First offset.
    pub first: i64,
}

impl BatchId {
    /// The finished file of this batch for this hour, relative to the archive's folder.
    pub fn path(self, hour: Hour) -> String {
        format!("{hour}/{self}.parquet")
    }

    /// The unfinished file of this batch; `attempt` makes it unique.
    pub fn temporary_path(self, hour: Hour, writer: &str, attempt: u64) -> String {
        let hour = hour.to_string().replace('/', "-");
        format!("{TEMPORARY}/{writer}/{self}-{hour}-{attempt}.parquet")
    }

    /// The batch and hour of a path relative to the archive's folder; `None` for any other file.
    pub fn parse(path: &str) -> Option<(Self, Hour)> {
        let (folder, name) = path.rsplit_once('/')?;
        let name = name.strip_prefix("part-")?.strip_suffix(".parquet")?;
        let (partition, first) = name.split_once('-')?;
        let id = Self {
            partition: partition.parse().ok()?,
            first: first.parse().ok()?,
        };
        let hour = Hour::parse(folder)?;
        // Only the canonical spelling is a name of ours.
        (id.path(hour) == path).then_some((id, hour))
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "part-{}-{:020}", self.partition, self.first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_trade_is_filed_under_its_hour_in_utc() {
        let hour = Hour::of(1_610_064_000_278_000);
        let id = BatchId {
            partition: 3,
            first: 42,
        };
        assert_eq!(
            id.path(hour),
            "dt=2021-01-08/hour=00/part-3-00000000000000000042.parquet"
        );
        assert_eq!(
            Hour::of(1_610_063_999_999_999).to_string(),
            "dt=2021-01-07/hour=23"
        );
    }

    #[rstest]
    #[case("dt=2021-01-08/hour=00/part-3-42.parquet")]
    #[case("dt=2021-01-08/hour=24/part-3-00000000000000000042.parquet")]
    #[case("dt=2021-01-08/part-3-00000000000000000042.parquet")]
    #[case("dt=2021-01-08/hour=00/part-3-00000000000000000042.parquet.crc")]
    #[case("_tmp/w/part-3-00000000000000000042-dt=2021-01-08-hour=00-1.parquet")]
    fn other_files_are_no_batch(#[case] path: &str) {
        assert_eq!(BatchId::parse(path), None);
    }

    proptest! {
        #[test]
        fn paths_are_read_as_they_are_written(partition in 0_i32.., first in 0_i64.., time in 0..4_102_444_800_000_000_i64) {
            let (id, hour) = (BatchId { partition, first }, Hour::of(time));
            prop_assert_eq!(BatchId::parse(&id.path(hour)), Some((id, hour)));
        }
    }
}
