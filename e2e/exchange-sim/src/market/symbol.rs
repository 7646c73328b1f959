//! One listed symbol: which of its trades are issued, who is subscribed, and what has been heard.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{
    ids::IdSet,
    lag::Lag,
    mishaps::{Delivery, Mishap, Mishaps},
    numbering::{Numbered, Numbering},
    series::Series,
};
use crate::{
    config::{Speed, Start, SymbolSpec},
    ledger::{IdRange, SymbolLedger},
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
    hurry: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Index of the next trade to issue.
    next: u64,
    /// Index behind the last trade to issue.
    end: u64,
    numbering: Numbering,
    /// Indices of the trades written to at least one connection.
    written: IdSet,
    subscribers: BTreeMap<ConnectionId, Subscriber>,
    mishaps: Mishaps,
    lag: Lag,
    burst: Option<Burst>,
}

#[derive(Debug)]
struct Subscriber {
    outlet: Outlet,
    /// Index behind the last trade put into the connection's buffer.
    offered: u64,
    /// Index behind the last trade written to its socket.
    written: u64,
}

/// Trades that are issued at a rate of their own.
#[derive(Debug, Clone, Copy)]
struct Burst {
    gap: Duration,
    left: u64,
}

impl Symbol {
    /// A symbol that has issued nothing.
    pub fn new(spec: SymbolSpec, series: Series) -> Self {
        let state = State {
            next: spec.start_at,
            end: series.len(),
            numbering: series.numbering(spec.start_at),
            written: IdSet::default(),
            subscribers: BTreeMap::new(),
            mishaps: Mishaps::default(),
            lag: Lag::default(),
            burst: None,
        };
        let symbol = Self {
            series,
            spec,
            start: Notify::new(),
            hurry: Notify::new(),
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

    /// Whether it is one of Coinbase's products.
    pub fn is_product(&self) -> bool {
        self.spec.name.contains('-')
    }

    /// The name of its trade stream.
    pub fn stream(&self) -> String {
        format!("{}@trade", self.spec.name.to_lowercase())
    }

    /// The pace of its clock, bursts aside.
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
        self.hurry.notify_one();
    }

    /// Waits for [`start`](Self::start). For the clock only: one caller is woken.
    pub async fn started(&self) {
        self.start.notified().await;
    }

    /// Lets something befall the trades issued next.
    pub fn befall(&self, mishap: Mishap, trades: u64) {
        lock(&self.state).mishaps.add(mishap, trades);
    }

    /// Issues the next trades at this rate.
    pub fn burst(&self, trades: u64, per_second: u32) {
        lock(&self.state).burst = (trades > 0).then_some(Burst {
            gap: Duration::from_secs(1) / per_second.max(1),
            left: trades,
        });
        self.hurry.notify_one();
    }

    /// Waits until the time to the next trade changes: a [`burst`](Self::burst) begins, or the series is ended. For the clock
    /// only: one caller is woken.
    pub async fn hurried(&self) {
        self.hurry.notified().await;
    }

    /// Time between two trades of the burst that is on.
    pub fn burst_gap(&self) -> Option<Duration> {
        lock(&self.state).burst.map(|burst| burst.gap)
    }

    /// The next trade has this id, and the following ones go on from there.
    pub fn restart_ids(&self, id: u64) {
        let mut state = lock(&self.state);
        state.numbering = Numbering {
            first_index: state.next,
            first_id: id,
        };
    }

    /// From now on REST's source of old trades is so far behind.
    pub fn set_lag(&self, by: Duration) {
        lock(&self.state).lag.set(by);
    }

    /// Sends every trade issued from now on to this connection.
    pub fn subscribe(&self, id: ConnectionId, outlet: Outlet) {
        let mut state = lock(&self.state);
        let next = state.next;
        state.subscribers.entry(id).or_insert(Subscriber {
            outlet,
            offered: next,
            written: next,
        });
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
        state.written.insert(index);
        if let Some(subscriber) = state.subscribers.get_mut(&id) {
            subscriber.written = subscriber.written.max(index + 1);
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
        let frames = {
            let mut state = lock(&self.state);
            let index = state.next;
            if index == state.end {
                return;
            }
            state.next += 1;
            state.lag.issued(Instant::now(), index);
            state.burst = state.burst.and_then(Burst::after_one);
            let trade = Numbered {
                index,
                id: state.numbering.id(index),
            };
            let deliveries = state.mishaps.pass(trade);
            self.address(&mut state, &deliveries)
        };
        self.send(frames).await;
    }

    /// Sends what is held back, because no further trade comes.
    pub async fn release(self: &Arc<Self>) {
        let frames = {
            let mut state = lock(&self.state);
            let deliveries = state.mishaps.release();
            self.address(&mut state, &deliveries)
        };
        self.send(frames).await;
    }

    /// The frames of these deliveries, each with the connection it goes to.
    fn address(self: &Arc<Self>, state: &mut State, deliveries: &[Delivery]) -> Vec<(Outlet, Frame)> {
        let mut frames = Vec::with_capacity(deliveries.len() * state.subscribers.len());
        for Delivery { trade, whole } in deliveries {
            for subscriber in state.subscribers.values_mut() {
                let symbol = self.clone();
                let frame = if *whole {
                    subscriber.offered = trade.index + 1;
                    Frame::Trade {
                        symbol,
                        trade: *trade,
                    }
                } else {
                    Frame::Truncated {
                        symbol,
                        trade: *trade,
                    }
                };
                frames.push((subscriber.outlet.clone(), frame));
            }
        }
        frames
    }

    async fn send(&self, frames: Vec<(Outlet, Frame)>) {
        let paced = self.speed().factor().is_some();
        for (outlet, frame) in frames {
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

    /// At most `limit` of the newest trades.
    pub fn newest(&self, limit: u64) -> Vec<Numbered> {
        let state = lock(&self.state);
        let first = state.next.saturating_sub(limit);
        state.trades(first, state.next)
    }

    /// At most `limit` trades with at least the id `from_id`, or of the newest ones, as far as REST's source of old trades
    /// has them.
    pub fn historical(&self, from_id: Option<u64>, limit: u64) -> Vec<Numbered> {
        let mut state = lock(&self.state);
        let next = state.next;
        let there = state.lag.there(Instant::now(), next);
        let first = match from_id {
            Some(id) => state.numbering.index_of(id),
            None => there.saturating_sub(limit),
        };
        state.trades(first, there.min(first.saturating_add(limit)))
    }

    /// Its page of the ledger.
    pub fn ledger(&self) -> SymbolLedger {
        let state = lock(&self.state);
        let (first, next) = (state.numbering.first_index, state.next);
        let id_of = |index| (next > first).then(|| state.numbering.id(index));
        let missing = state.written.missing(first, state.settled());
        SymbolLedger {
            first_id: id_of(first),
            last_id: id_of(next.saturating_sub(1)),
            issued: next - self.spec.start_at,
            finished: next == state.end,
            unheard: missing
                .into_iter()
                .map(|IdRange(from, to)| IdRange(state.numbering.id(from), state.numbering.id(to)))
                .collect(),
            connections: state.subscribers.len(),
        }
    }
}

impl State {
    /// The trades from index `first` to before `end`, without those of an earlier numbering.
    fn trades(&self, first: u64, end: u64) -> Vec<Numbered> {
        (first.max(self.numbering.first_index)..end)
            .map(|index| Numbered {
                index,
                id: self.numbering.id(index),
            })
            .collect()
    }

    /// Index before which every trade is written or will never be: it is neither held back nor in a buffer.
    fn settled(&self) -> u64 {
        let pending = self.subscribers.values().filter(|one| one.written < one.offered);
        let held = self.mishaps.first_held().map(|trade| trade.index);
        pending
            .map(|one| one.written)
            .chain(held)
            .fold(self.next, u64::min)
    }
}

impl Burst {
    fn after_one(self) -> Option<Self> {
        let left = self.left - 1;
        (left > 0).then_some(Self { left, ..self })
    }
}
