//! What the workers' Prometheus metrics have in common. Each worker registers its own in its own module.

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::histogram::Histogram,
    registry::Registry,
};

/// A registry whose metrics are called `cryptopipeline_<worker>_…`.
pub fn registry(worker: &str) -> Registry {
    Registry::with_prefix(format!("cryptopipeline_{worker}"))
}

/// Label of counters that are split by an error's `reason()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    /// Stable CamelCase name.
    pub reason: &'static str,
}

/// A count as gauges and Cassandra's `bigint` have it: signed. No real count reaches the bound.
pub fn saturating(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A histogram of latencies in seconds: 0.5 ms to about 16 s, each bucket twice the one before.
pub fn latency_histogram() -> Histogram {
    Histogram::new((0..16).map(|step| 0.0005 * f64::from(1_u32 << step)))
}

/// The text that Prometheus scrapes.
pub fn encode(registries: &[&Registry]) -> Result<String, std::fmt::Error> {
    let mut page = String::new();
    for registry in registries {
        text::encode_registry(&mut page, registry)?;
    }
    text::encode_eof(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::{counter::Counter, family::Family};

    use super::*;

    #[test]
    fn a_page_names_the_worker_and_the_reason() {
        let mut registry = registry("ingest");
        let rejected = Family::<Reason, Counter>::default();
        registry.register("rejected_frames", "Frames refused", rejected.clone());
        rejected.get_or_create(&Reason { reason: "NotJson" }).inc();
        let page = encode(&[&registry]).unwrap();
        assert!(
            page.contains("cryptopipeline_ingest_rejected_frames_total{reason=\"NotJson\"} 1"),
            "{page}"
        );
    }
}
