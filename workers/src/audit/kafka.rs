//! Counts the topic, from its beginning to where it ends now.

use crds::wire::KafkaEndpoint;
use rdkafka::Message;

use super::count::Counts;
use crate::{
    decode,
    kafka::bounded::{self, BoundedReadError},
};

/// Reads every record; blocks. Records that are no trades are not counted.
pub fn count(endpoint: &KafkaEndpoint) -> Result<Counts, BoundedReadError> {
    let mut counts = Counts::default();
    bounded::read(
        &endpoint.bootstrap,
        &endpoint.topic,
        |_, extent| extent.low,
        |record| {
            if let Ok(trade) = decode::trade(record.payload().unwrap_or_default()) {
                counts.add(trade.symbol.as_str(), trade.trade_id);
            }
        },
    )?;
    Ok(counts)
}
