//! Fetches the trades of gaps by REST and sends them the way of all trades.

use std::{sync::Arc, time::Duration};

use prometheus_client::metrics::gauge::Gauge;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{ledger::Ledger, spool};
use crate::{
    backoff::Backoff,
    feed::{History, Intake, Received},
    model::{IdInterval, Symbol},
};

/// How often gaps are looked for.
const IDLE: Duration = Duration::from_millis(250);
/// Longest pause after a failed request.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What it takes to repair.
pub struct Repair<H> {
    /// What knows what is missing.
    pub ledger: Arc<Ledger>,
    /// Where it is fetched.
    pub history: Arc<H>,
    /// Where it is sent.
    pub intake: Intake,
    /// Trades read and not yet acknowledged.
    pub in_flight: Gauge,
    /// While anything waits in the spool nothing is fetched: the room is for what cannot be had again later.
    pub spool: spool::State,
}

impl<H: History> Repair<H> {
    /// Runs until `stop`, or until nobody takes trades any more.
    pub async fn run(self, stop: CancellationToken) {
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        let mut last_failure = Instant::now();
        loop {
            let asking = async {
                let behind = self.spool.records() > 0;
                let wanted = if behind { None } else { self.ledger.wanted() };
                let Some((symbol, ids)) = wanted else {
                    sleep(IDLE).await;
                    return None;
                };
                Some((self.history.trades(&symbol, ids).await, symbol, ids))
            };
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = asking => answer,
            };
            let pause = match answer {
                None => continue,
                Some((Ok(trades), symbol, ids)) => {
                    if self.send(trades, &symbol, ids).await {
                        continue;
                    }
                    return;
                }
                Some((Err(error), symbol, ids)) if error.is_final() => {
                    self.ledger.given_up_on(&symbol, ids, error.reason());
                    continue;
                }
                Some((Err(error), symbol, ids)) => {
                    self.ledger.answered(&symbol, ids, Err(error.reason()));
                    let pause = backoff.next(last_failure.elapsed(), rand::random());
                    last_failure = Instant::now();
                    tracing::warn!(%symbol, %ids, reason = error.reason(), %error, "missing trades were not fetched");
                    pause
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// Sends what is missing of an answer; returns whether anybody takes it. Never cut short, so that the ledger's word
    /// on what was fetched is true.
    async fn send(&self, trades: Vec<Received>, symbol: &Symbol, asked: IdInterval) -> bool {
        let numbered = trades.into_iter().filter_map(|received| {
            let id = received.content.as_ref().ok()?.trade_id;
            self.ledger.lacks(symbol, id).then_some((id, received))
        });
        let (ids, missing): (Vec<u64>, Vec<Received>) = numbered.unzip();
        self.ledger.answered(symbol, asked, Ok(&ids));
        for received in missing {
            self.in_flight.inc();
            if self.intake.push(received).await.is_err() {
                return false;
            }
        }
        true
    }
}
