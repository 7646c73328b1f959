//! How old trades are when they become durable: a Prometheus histogram that takes many trades at a time.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

/// Upper bounds of the buckets, milliseconds: 10 ms to 2 h, close around the second that the hot lane has.
const BOUNDS_MS: [u64; 22] = [
    10, 20, 50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 30_000, 60_000, 120_000,
    300_000, 600_000, 1_800_000, 3_600_000, 7_200_000,
];

/// The histogram. Cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub struct AgeHistogram(Arc<Mutex<Counts>>);

#[derive(Debug)]
struct Counts {
    sum_ms: u64,
    trades: u64,
    /// Upper bound in milliseconds, ascending, and trades above the bound before.
    buckets: Vec<(u64, u64)>,
}

impl AgeHistogram {
    /// An empty one. `promised` ages, to the millisecond, become bounds too, so that the share of trades that keep them is
    /// told exactly.
    pub fn new(promised: &[Duration]) -> Self {
        let millis = |age: &Duration| u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let mut bounds: Vec<u64> = BOUNDS_MS.into_iter().chain(promised.iter().map(millis)).collect();
        bounds.push(u64::MAX);
        bounds.sort_unstable();
        bounds.dedup();
        Self(Arc::new(Mutex::new(Counts {
            sum_ms: 0,
            trades: 0,
            buckets: bounds.into_iter().map(|bound| (bound, 0)).collect(),
        })))
    }

    /// Adds ages in milliseconds, and the number of trades that have each.
    pub fn observe(&self, ages: impl Iterator<Item = (u64, u64)>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (age_ms, trades) in ages {
            counts.sum_ms = counts.sum_ms.saturating_add(age_ms.saturating_mul(trades));
            counts.trades += trades;
            let at = counts.buckets.partition_point(|(bound, _)| *bound < age_ms);
            if let Some((_, within)) = counts.buckets.get_mut(at) {
                *within += trades;
            }
        }
    }
}

impl EncodeMetric for AgeHistogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let buckets: Vec<(f64, u64)> = counts
            .buckets
            .iter()
            .map(|(bound, trades)| match *bound {
                u64::MAX => (f64::INFINITY, *trades),
                bound => (seconds(bound), *trades),
            })
            .collect();
        encoder.encode_histogram::<NoLabelSet>(seconds(counts.sum_ms), counts.trades, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

fn seconds(millis: u64) -> f64 {
    Duration::from_millis(millis).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    fn page(histogram: &AgeHistogram) -> String {
        let mut registry = Registry::default();
        registry.register("age", "Age", histogram.clone());
        crate::metrics::encode(&[&registry]).unwrap()
    }

    #[test]
    fn many_trades_of_one_age_count_as_many() {
        let histogram = AgeHistogram::new(&[]);
        histogram.observe([(10, 3), (11, 2), (1_000, 5), (7_200_001, 1)].into_iter());
        let page = page(&histogram);
        for line in [
            "age_bucket{le=\"0.01\"} 3",
            "age_bucket{le=\"0.02\"} 5",
            "age_bucket{le=\"0.75\"} 5",
            "age_bucket{le=\"1.0\"} 10",
            "age_bucket{le=\"7200.0\"} 10",
            "age_bucket{le=\"+Inf\"} 11",
            "age_count 11",
            "age_sum 7205.053",
        ] {
            assert!(page.lines().any(|there| there == line), "{line}: {page}");
        }
    }

    #[test]
    fn a_promised_age_is_a_bound_once() {
        let promised = [3_600, 3_602].map(Duration::from_secs);
        let histogram = AgeHistogram::new(&promised);
        histogram.observe([(3_600_000, 1), (3_602_000, 1), (3_602_001, 1)].into_iter());
        let page = page(&histogram);
        let within = |bound: &str| {
            let start = format!("age_bucket{{le=\"{bound}\"}} ");
            let counts: Vec<&str> = page
                .lines()
                .filter_map(|line| line.strip_prefix(&start))
                .collect();
            counts.join(" and ")
        };
        assert_eq!(
            [within("3600.0"), within("3602.0"), within("+Inf")],
            ["1", "2", "3"]
        );
    }
}
