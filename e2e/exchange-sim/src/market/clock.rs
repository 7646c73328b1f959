//! The passing of a symbol's time: issues each trade when it is due, whether anybody listens or not.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::symbol::Symbol;

/// Waits for the symbol's start and issues its whole series.
pub async fn run(symbol: Arc<Symbol>) {
    symbol.started().await;
    tracing::info!(symbol = symbol.name(), "trading starts");
    match symbol.speed().factor() {
        Some(factor) => paced(&symbol, factor).await,
        None => {
            while symbol.next().is_some() {
                symbol.issue().await;
                // Nothing else here waits when nobody is subscribed.
                tokio::task::yield_now().await;
            }
        }
    }
    symbol.release().await;
    tracing::info!(symbol = symbol.name(), "the series is at its end");
}

/// Issues each trade when it is due. A trade that is late makes no later one late.
async fn paced(symbol: &Arc<Symbol>, factor: f64) {
    let mut last_due = Instant::now();
    let mut last = symbol.next();
    while let (Some(index), Some(before)) = (symbol.next(), last) {
        let recorded = || symbol.series.elapsed(before, index).div_f64(factor);
        let due = last_due + symbol.burst_gap().unwrap_or_else(recorded);
        tokio::select! {
            () = symbol.hurried() => last_due = Instant::now(),
            () = sleep_until(due) => {
                symbol.issue().await;
                (last_due, last) = (due, Some(index));
            }
        }
    }
}
