//! The passing of a symbol's time: issues each trade when it is due, whether anybody listens or not.

use std::sync::Arc;

use tokio::time::Instant;

use super::symbol::Symbol;

/// Waits for the symbol's start and issues its whole series.
pub async fn run(symbol: Arc<Symbol>) {
    symbol.started().await;
    tracing::info!(symbol = symbol.name(), "trading starts");
    let origin = Instant::now();
    let Some(first) = symbol.next() else { return };
    while let Some(index) = symbol.next() {
        match symbol.speed().factor() {
            Some(factor) => {
                let due = symbol.series.elapsed(first, index).div_f64(factor);
                tokio::time::sleep_until(origin + due).await;
            }
            // Nothing else here waits when nobody is subscribed.
            None => tokio::task::yield_now().await,
        }
        symbol.issue().await;
    }
    tracing::info!(symbol = symbol.name(), "the series is at its end");
}
