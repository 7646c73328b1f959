//! Brings candles into the store.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Candles;
use crate::{
    model::Tally,
    processor::{SeenIds, context::PartitionContext},
    sink::hot::HotStore,
};

/// Writes what is due, after reading what must be read from the store for it. Every trade that `candles` has taken must be
/// in the store. `None` when stopped.
pub async fn tell_candles(
    store: &impl HotStore,
    context: &PartitionContext,
    stop: &CancellationToken,
    candles: &mut Candles,
    seen: &SeenIds,
) -> Option<()> {
    for window in candles.stored() {
        let mut patience = context.patience(stop);
        let tally = loop {
            let mut tally = Ok(Tally::default());
            let read = store.read(&window, |fill| {
                if let Ok(sum) = &mut tally
                    && let Err(error) = sum.add(&fill)
                {
                    tally = Err(error);
                }
            });
            match read.await {
                Ok(()) => break tally,
                Err(error) => patience.after(error.reason(), &error).await?,
            }
        };
        context.metrics.candles_reread.inc();
        candles.restore(&window, tally);
    }
    let due = candles.due(seen, Instant::now());
    let overflows = candles.take_overflows();
    if overflows > 0 {
        context.metrics.candle_overflows.inc_by(overflows);
        tracing::error!(overflows, "candles with sums of too many digits are not written");
    }
    if due.is_empty() {
        return Some(());
    }
    let mut patience = context.patience(stop);
    while let Err(error) = store.write_candles(&due).await {
        patience.after(error.reason(), &error).await?;
    }
    context.metrics.candles.inc_by(due.len() as u64);
    Some(())
}
