//! Figures from a page of metrics in Prometheus' text form.

use anyhow::{Context, Result};

/// Cumulative counts by upper bound, ascending.
pub struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    /// The histogram of that name, without labels of its own.
    pub fn parse(page: &str, name: &str) -> Result<Self> {
        let start = format!("{name}_bucket{{le=\"");
        let bucket = |line: &str| -> Option<(f64, f64)> {
            let (bound, count) = line.strip_prefix(&start)?.split_once("\"} ")?;
            Some((bound.parse().ok()?, count.parse().ok()?))
        };
        let buckets: Vec<_> = page.lines().filter_map(bucket).collect();
        anyhow::ensure!(!buckets.is_empty(), "no histogram {name}");
        Ok(Self(buckets))
    }

    /// What was counted after `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = self.0.iter().zip(&earlier.0);
        Self(pairs.map(|(now, then)| (now.0, now.1 - then.1)).collect())
    }

    /// The value below which this share lies, as if values were spread evenly within a bucket.
    pub fn quantile(&self, share: f64) -> f64 {
        let wanted = self.0.last().map_or(0.0, |bucket| bucket.1) * share;
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
}

/// The value of a metric without labels.
pub fn value(page: &str, name: &str) -> Result<f64> {
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line
        .with_context(|| format!("no metric {name}"))?
        .trim()
        .parse()?)
}
