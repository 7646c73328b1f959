//! Reads the trades of open candles again, from Kafka.

use std::time::Duration;

use tokio::time::Instant;

use super::Candles;
use crate::{
    kafka::partition::{Flow, PartitionSource, ReadEnd},
    processor::context::PartitionContext,
};

/// How long is read before Kafka is asked again what it still has. Longer than a connection takes: asking begins the fetching anew.
const IDLE: Duration = Duration::from_secs(10);

/// Reads from the first trade of the oldest open window up to `next`, the lane's place. What Kafka no longer has is left
/// to be read from the store. `None` when stopped.
pub async fn rebuild(
    source: &mut impl PartitionSource,
    context: &PartitionContext,
    candles: &mut Candles,
    next: i64,
) -> Option<()> {
    let Some(mut expected) = candles.reread_from() else {
        return Some(());
    };
    tracing::info!(
        partition = source.partition(),
        from = expected,
        next,
        "reading the trades of open candles again"
    );
    while expected < next {
        match context.seek(source, expected).await? {
            Ok(extent) if extent.high >= next => {
                candles.lost(extent.low);
                expected = expected.max(extent.low);
            }
            // Not the topic that the offsets were taken from.
            _ => {
                candles.lost(i64::MAX);
                return Some(());
            }
        }
        if expected >= next {
            return Some(());
        }
        let end = source
            .read(Instant::now() + IDLE, |record| {
                if record.offset > expected {
                    candles.lost(record.offset);
                }
                expected = record.offset + 1;
                if record.offset < next
                    && let Ok(trade) = record.trade()
                {
                    candles.replay(&trade, record.offset);
                }
                if expected < next { Flow::More } else { Flow::Enough }
            })
            .await;
        if end == ReadEnd::Stopped {
            return None;
        }
    }
    Some(())
}
