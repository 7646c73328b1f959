//! Asks the exchange which symbols it lists, so that those it does not know can be named. They are asked for all the same: the
//! exchange keeps silent about them, and once it lists them no trade is missed.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::symbols::Symbols;
use crate::{
    backoff::Backoff,
    feed::{History, handover::Wanted},
};

/// Time to the next question while a symbol is unknown.
const WHILE_UNKNOWN: Duration = Duration::from_mins(1);
/// Time to the next question when all are known: symbols are delisted, too.
const WHILE_KNOWN: Duration = Duration::from_hours(1);
/// Longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Keeps the list true until `stop`; it is asked for anew whenever the wanted symbols change.
pub async fn watch<H: History>(
    history: Arc<H>,
    symbols: Arc<Symbols>,
    mut wanted: Wanted,
    stop: CancellationToken,
) {
    let mut backoff = Backoff::new(LONGEST_PAUSE);
    let mut named = vec![];
    loop {
        wanted.mark_unchanged();
        let listed = tokio::select! {
            () = stop.cancelled() => return,
            listed = history.listed() => listed,
        };
        let pause = match listed {
            Ok(listing) => {
                symbols.list(listing);
                let unknown = symbols.unknown();
                let pause = if unknown.is_empty() {
                    WHILE_KNOWN
                } else {
                    WHILE_UNKNOWN
                };
                if unknown != named {
                    tracing::warn!(?unknown, "symbols that the exchange does not list");
                    named = unknown;
                }
                pause
            }
            Err(error) => {
                tracing::warn!(reason = error.reason(), %error, "the exchange did not say what it lists");
                symbols.note_listing_error(error.to_string());
                backoff.next(Duration::ZERO, rand::random())
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(pause) => {}
            Ok(()) = wanted.changed() => {}
        }
    }
}
