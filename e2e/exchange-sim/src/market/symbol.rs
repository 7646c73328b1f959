//! One listed symbol: which of its trades are issued, who is subscribed, and what has been heard.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;

use super::{ids::IdSet, series::Series};
use crate::{
    config::{Speed, Start, SymbolSpec},
    ledger::SymbolLedger,
    sync::lock,
    ws::outlet::{ConnectionId, Frame, Outlet},
};

/// A symbol and its state.
#[derive(Debug)]
pub struct Symbol {
    /// Every trade it will ever issue.
    pub series: Series,
    spec: SymbolSpec,
    start: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Index of the next trade to issue.
    next: u64,
    /// Index behind the last trade to issue.
    end: u64,
    /// Ids written to at least one connection.
    written: IdSet,
    subscribers: BTreeMap<ConnectionId, Subscriber>,
}

#[derive(Debug)]
struct Subscriber {
    outlet: Outlet,
    /// Index of the first trade that is, or will be, in the connection's buffer.
    pending_from: u64,
}

impl Symbol {
    /// A symbol that has issued nothing.
    pub fn new(spec: SymbolSpec, series: Series) -> Self {
        let state = State {
            next: spec.start_at,
            end: series.len(),
            written: IdSet::default(),
            subscribers: BTreeMap::new(),
        };
        let symbol = Self {
            series,
            spec,
            start: Notify::new(),
            state: Mutex::new(state),
        };
        if symbol.spec.start == Start::Now {
            symbol.start();
        }
        symbol
    }

    /// Its name, upper case.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The name of its trade stream.
    pub fn stream(&self) -> String {
        format!("{}@trade", self.spec.name.to_lowercase())
    }

    /// The pace of its clock.
    pub fn speed(&self) -> Speed {
        self.spec.speed
    }

    /// Lets its clock start; without effect when it runs.
    pub fn start(&self) {
        self.start.notify_one();
    }

    /// Ends its series with the trades issued so far.
    pub fn stop(&self) {
        let mut state = lock(&self.state);
        state.end = state.next;
    }

    /// Waits for [`start`](Self::start). For the clock only: one caller is woken.
    pub async fn started(&self) {
        self.start.notified().await;
    }

    /// Sends every trade issued from now on to this connection.
    pub fn subscribe(&self, id: ConnectionId, outlet: Outlet) {
        let mut state = lock(&self.state);
        let pending_from = state.next;
        state
            .subscribers
            .entry(id)
            .or_insert(Subscriber { outlet, pending_from });
        if self.spec.start == Start::Subscription {
            self.start();
        }
    }

    /// Sends this connection nothing more.
    pub fn unsubscribe(&self, id: ConnectionId) {
        lock(&self.state).subscribers.remove(&id);
    }

    /// The connection has written the trade at `index` to its socket.
    pub fn written(&self, id: ConnectionId, index: u64) {
        let mut state = lock(&self.state);
        state.written.insert(self.series.id(index));
        if let Some(subscriber) = state.subscribers.get_mut(&id) {
            subscriber.pending_from = subscriber.pending_from.max(index + 1);
        }
    }

    /// Index of the next trade to issue, `None` at the end of the series.
    pub fn next(&self) -> Option<u64> {
        let state = lock(&self.state);
        (state.next < state.end).then_some(state.next)
    }

    /// Issues the next trade, unless the series has been ended meanwhile. A paced symbol waits for nobody, an unpaced one for
    /// its slowest reader.
    pub async fn issue(self: &Arc<Self>) {
        let (index, outlets) = {
            let mut state = lock(&self.state);
            let index = state.next;
            if index == state.end {
                return;
            }
            state.next += 1;
            (
                index,
                state
                    .subscribers
                    .values()
                    .map(|subscriber| subscriber.outlet.clone())
                    .collect::<Vec<_>>(),
            )
        };
        let paced = self.speed().factor().is_some();
        for outlet in outlets {
            let frame = Frame::Trade {
                symbol: self.clone(),
                index,
            };
            if paced {
                outlet.offer(frame);
            } else {
                outlet.send(frame).await;
            }
        }
    }

    /// Sends `text` as it is to every subscribed connection and returns their number.
    pub fn inject(&self, text: &str) -> usize {
        let state = lock(&self.state);
        for subscriber in state.subscribers.values() {
            subscriber.outlet.offer(Frame::Text(text.to_owned()));
        }
        state.subscribers.len()
    }

    /// First index issued or to be issued, and the next one: the trades REST may serve.
    pub fn issued(&self) -> std::ops::Range<u64> {
        self.spec.start_at..lock(&self.state).next
    }

    /// Its page of the ledger.
    pub fn ledger(&self) -> SymbolLedger {
        let state = lock(&self.state);
        let (first, next) = (self.spec.start_at, state.next);
        let settled = state
            .subscribers
            .values()
            .map(|subscriber| subscriber.pending_from)
            .min();
        let settled = settled.map_or(next, |pending| pending.min(next));
        SymbolLedger {
            first_id: (next > first).then(|| self.series.id(first)),
            last_id: (next > first).then(|| self.series.id(next - 1)),
            issued: next - first,
            finished: next == state.end,
            unheard: state
                .written
                .missing(self.series.id(first), self.series.id(settled)),
            connections: state.subscribers.len(),
        }
    }
}
