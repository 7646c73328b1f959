//! Counts the topic, from its beginning to where it ends now.

use crds::wire::KafkaEndpoint;

use super::count::Counts;
use crate::kafka::{
    Record,
    bounded::{self, BoundedReadError},
};

/// Reads every record; blocks. Records that are no trades are not counted.
pub fn count(endpoint: &KafkaEndpoint) -> Result<Counts, BoundedReadError> {
    let mut counts = Counts::default();
    bounded::read(
        &endpoint.bootstrap,
        &endpoint.topic,
        |_, extent| extent.low,
        |record| {
            if let Ok(trade) = Record::of(record).trade() {
                counts.add(trade.symbol.as_str(), trade.trade_id);
            }
        },
    )?;
    Ok(counts)
}
