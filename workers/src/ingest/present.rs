//! Asks the exchange how far it is and what time it is there.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{ledger::Ledger, symbols::Symbols};
use crate::feed::{History, HistoryError, Monitor, replay::Known};

/// How often it is asked. A trade of a quiet symbol that was not delivered is noticed so much later.
const INTERVAL: Duration = Duration::from_secs(15);

/// Keeps the ledger's view of the newest ids and the monitor's view of the clock true until `stop`.
pub async fn watch<H: History>(
    history: Arc<H>,
    ledger: Arc<Ledger>,
    symbols: Arc<Symbols>,
    monitor: Arc<Monitor>,
    stop: CancellationToken,
) {
    // Ids that exist mean nothing before it is known which ones Kafka has.
    tokio::select! {
        () = stop.cancelled() => return,
        () = ledger.recalled() => {}
    }
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let asked = async {
            monitor.clock_offset(history.clock_offset_us().await?);
            let newest = history.newest(&symbols.known(ledger.symbols())).await?;
            monitor.newest().tell(&newest, Instant::now());
            Ok::<(), HistoryError>(())
        };
        let answer = tokio::select! {
            () = stop.cancelled() => return,
            answer = asked => answer,
        };
        // The stream may have told of ids too, whatever REST says.
        ledger.exist(&monitor.newest().ids());
        if let Err(error) = answer {
            tracing::warn!(reason = error.reason(), %error, "the exchange did not say how far it is");
        }
    }
}
