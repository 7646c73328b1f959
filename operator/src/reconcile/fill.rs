//! How fast stores fill: what this process has measured of each in the last hour. Lost with the process. Pure.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crds::status::StoreFill;

use super::buffer::FULL_SOON_SECONDS;
use crate::disks::Fill;

/// How often volumes are measured.
const PERIOD: Duration = Duration::from_mins(1);
/// Two measurements so far apart tell a rate: a flush or a merge of files is no growth.
const SHORTEST: Duration = Duration::from_mins(5);
/// Older ones say nothing of the present rate.
const LONGEST: Duration = Duration::from_hours(1);

/// Figures that move with every measurement would be a write of the status each.
const STEP_PERCENT: i64 = 5;

/// A store's volume as it was measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Its bytes.
    pub fill: Fill,
    /// Against the size of the claims instead of the disk.
    pub estimated: bool,
}

/// What was measured of one pipeline's stores.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    measured_at: Option<Instant>,
    stores: BTreeMap<String, Vec<(Instant, Measured)>>,
}

impl Samples {
    /// Whether it is time to measure.
    pub fn due(&self, now: Instant) -> bool {
        self.measured_at
            .is_none_or(|at| now.saturating_duration_since(at) >= PERIOD)
    }

    /// Takes measurements in. A store that did not tell for an hour is forgotten.
    pub fn add(&mut self, measured: Vec<(String, Measured)>, now: Instant) {
        self.measured_at = Some(now);
        for (name, measured) in measured {
            self.stores.entry(name).or_default().push((now, measured));
        }
        for samples in self.stores.values_mut() {
            samples.retain(|(at, _)| now.saturating_duration_since(*at) <= LONGEST);
        }
        self.stores.retain(|_, samples| !samples.is_empty());
    }

    /// Whether a rate is known of any store.
    pub fn has_rates(&self) -> bool {
        self.stores.values().any(|samples| span(samples) >= SHORTEST)
    }

    /// How full each store is, and when it will be.
    pub fn fills(&self) -> BTreeMap<String, StoreFill> {
        self.stores
            .iter()
            .filter_map(|(name, samples)| Some((name.clone(), fill(samples)?)))
            .collect()
    }
}

fn span(samples: &[(Instant, Measured)]) -> Duration {
    match samples {
        [(first, _), .., (last, _)] => last.saturating_duration_since(*first),
        _ => Duration::ZERO,
    }
}

fn fill(samples: &[(Instant, Measured)]) -> Option<StoreFill> {
    let (first, last) = (samples.first()?.1, samples.last()?.1);
    let Fill { used, total } = last.fill;
    let grown = used.saturating_sub(first.fill.used);
    let free = total.saturating_sub(used);
    let seconds = span(samples).as_secs();
    let full_in = u128::from(free) * u128::from(seconds) / u128::from(grown.max(1));
    let known = seconds >= SHORTEST.as_secs() && grown > 0;
    let percent = i64::try_from(u128::from(used) * 100 / u128::from(total.max(1))).unwrap_or(i64::MAX);
    let full_in = i64::try_from(full_in).unwrap_or(i64::MAX);
    Some(StoreFill {
        used_percent: percent - percent % STEP_PERCENT,
        full_in_seconds: (known && full_in < FULL_SOON_SECONDS).then_some(full_in),
        estimated: last.estimated,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    /// Minutes and bytes used of 1,000, percent and seconds until full.
    #[rstest]
    #[case(&[(0, 500)], 50, None)]
    // Too close to tell a rate.
    #[case(&[(0, 500), (4, 900)], 90, None)]
    #[case(&[(0, 500), (5, 600)], 60, Some(1_200))]
    #[case(&[(0, 500), (5, 500)], 50, None)]
    #[case(&[(0, 500), (5, 400)], 40, None)]
    #[case(&[(0, 500), (5, 1_000)], 100, Some(0))]
    // What was two hours ago counts no more.
    #[case(&[(0, 0), (120, 600), (130, 610)], 60, Some(23_400))]
    // Not within a day.
    #[case(&[(0, 500), (59, 501)], 50, None)]
    fn a_store_is_full_at_its_present_rate(
        #[case] measured: &[(u32, u64)],
        #[case] used_percent: i64,
        #[case] full_in_seconds: Option<i64>,
    ) {
        let start = Instant::now();
        let mut samples = Samples::default();
        for (minute, used) in measured {
            let measured = Measured {
                fill: Fill {
                    used: *used,
                    total: 1_000,
                },
                estimated: false,
            };
            samples.add(vec![("hdfs".to_owned(), measured)], start + MINUTE * *minute);
        }
        let expected = StoreFill {
            used_percent,
            full_in_seconds,
            estimated: false,
        };
        assert_eq!(samples.fills(), BTreeMap::from([("hdfs".to_owned(), expected)]));
    }

    #[test]
    fn volumes_are_measured_once_a_minute() {
        let start = Instant::now();
        let mut samples = Samples::default();
        assert!(samples.due(start));
        samples.add(vec![], start);
        assert!(!samples.due(start + MINUTE / 2));
        assert!(samples.due(start + MINUTE));
    }
}
