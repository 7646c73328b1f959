//! Figures from what a worker answers at `/metrics`, Prometheus' text form. For benches and tests; the operator reads
//! `/status`. Pure.

/// The value of a metric without labels. `None` where it is not there or no number.
pub fn value(page: &str, name: &str) -> Option<f64> {
    let value = page
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value?.trim().parse().ok()
}

/// A histogram: cumulative counts by upper bound, ascending, the last bound infinite.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    /// The histogram of that name, without labels of its own. `None` where it is not there.
    pub fn parse(page: &str, name: &str) -> Option<Self> {
        let start = format!("{name}_bucket{{le=\"");
        let bucket = |line: &str| -> Option<(f64, f64)> {
            let (bound, count) = line.strip_prefix(&start)?.split_once("\"} ")?;
            Some((bound.parse().ok()?, count.parse().ok()?))
        };
        let buckets: Vec<_> = page.lines().filter_map(bucket).collect();
        (!buckets.is_empty()).then_some(Self(buckets))
    }

    /// What was counted after `earlier`, an older look at the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = self.0.iter().zip(&earlier.0);
        Self(pairs.map(|(now, then)| (now.0, now.1 - then.1)).collect())
    }

    /// How much was counted.
    pub fn count(&self) -> f64 {
        self.0.last().map_or(0.0, |bucket| bucket.1)
    }

    /// The value below which this share lies, as if values were spread evenly within a bucket; for what lies above the last
    /// finite bound, that bound.
    pub fn quantile(&self, share: f64) -> f64 {
        let wanted = self.count() * share;
        let mut lower = (0.0, 0.0);
        for bucket in &self.0 {
            if bucket.1 >= wanted {
                let within = (wanted - lower.1) / (bucket.1 - lower.1).max(1.0);
                return if bucket.0.is_finite() {
                    lower.0 + (bucket.0 - lower.0) * within
                } else {
                    lower.0
                };
            }
            lower = *bucket;
        }
        lower.0
    }

    /// The share, 0 to 1, of what was counted that is at most `limit`: exact where `limit` is a bound, else that of the
    /// next lower bound. 1 where nothing was counted.
    pub fn share_within(&self, limit: f64) -> f64 {
        let within = self.0.iter().rev().find(|(bound, _)| *bound <= limit);
        let count = self.count();
        if count > 0.0 {
            within.map_or(0.0, |(_, there)| there / count)
        } else {
            1.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE age_seconds histogram\nage_seconds_sum 9\nage_seconds_count 10\n\
        age_seconds_bucket{le=\"1.0\"} 4\nage_seconds_bucket{le=\"2.0\"} 8\nage_seconds_bucket{le=\"+Inf\"} 10\n";

    fn assert_near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
    }

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let page = "# TYPE time gauge\ntime_x 1\ntime 1700000000.5\n";
        assert_near(value(page, "time").unwrap(), 1_700_000_000.5);
        assert_eq!(value("", "time"), None);
        assert_eq!(Histogram::parse(PAGE, "age"), None);
    }

    #[test]
    fn quantiles_lie_evenly_within_their_bucket_and_never_beyond_the_last_bound() {
        let histogram = Histogram::parse(PAGE, "age_seconds").unwrap();
        assert_near(histogram.quantile(0.2), 0.5);
        assert_near(histogram.quantile(0.5), 1.25);
        assert_near(histogram.quantile(0.99), 2.0);
    }

    #[test]
    fn a_share_is_that_of_the_bound_at_or_below_the_limit() {
        let histogram = Histogram::parse(PAGE, "age_seconds").unwrap();
        for (limit, share) in [
            (0.5, 0.0),
            (1.0, 0.4),
            (1.9, 0.4),
            (2.0, 0.8),
            (f64::INFINITY, 1.0),
        ] {
            assert_near(histogram.share_within(limit), share);
        }
    }

    #[test]
    fn what_was_counted_before_does_not_count() {
        let before = Histogram::parse(PAGE, "age_seconds").unwrap();
        let after = Histogram::parse(&PAGE.replace("} 10", "} 30"), "age_seconds").unwrap();
        let between = after.since(&before);
        assert_near(between.count(), 20.0);
        assert_near(between.share_within(2.0), 0.0);
        assert_near(after.since(&after).share_within(1.0), 1.0);
    }
}
