//! The connections of the exchange and the streams each of them listens to.

use std::collections::{BTreeMap, BTreeSet};

use super::Exchange;
use crate::{
    sync::lock,
    ws::outlet::{ConnectionId, Order, Outlet},
};

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// Number of connections ever opened, and the newest id.
    pub opened: u64,
    /// Those now open.
    pub live: BTreeMap<ConnectionId, Live>,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Live {
    /// Where its trades go.
    pub outlet: Outlet,
    /// Whether it is a connection to Coinbase, which has products only, or to Binance, which has none.
    pub products: bool,
    /// Names of streams, whether there is such a symbol or not.
    pub streams: BTreeSet<String>,
}

impl Exchange {
    /// Registers a new connection to Coinbase's side (`products`) or to Binance's.
    pub fn open(&self, outlet: Outlet, products: bool) -> ConnectionId {
        let mut connections = lock(&self.connections);
        connections.opened += 1;
        let id = connections.opened;
        connections.live.insert(
            id,
            Live {
                outlet,
                products,
                streams: BTreeSet::new(),
            },
        );
        id
    }

    /// Forgets a connection that has ended.
    pub fn close(&self, id: ConnectionId) {
        let live = lock(&self.connections).live.remove(&id);
        for stream in live.into_iter().flat_map(|live| live.streams) {
            if let Some(symbol) = self.symbol_of(&stream) {
                symbol.unsubscribe(id);
            }
        }
    }

    /// Whether the connection may have these streams too.
    pub fn has_room(&self, id: ConnectionId, streams: &[String]) -> bool {
        let connections = lock(&self.connections);
        let Some(live) = connections.live.get(&id) else {
            return true;
        };
        let all: BTreeSet<_> = live.streams.iter().chain(streams).collect();
        all.len() <= self.limits.streams_per_connection
    }

    /// Adds streams to a connection.
    pub fn subscribe(&self, id: ConnectionId, streams: Vec<String>) {
        let mut connections = lock(&self.connections);
        let Some(live) = connections.live.get_mut(&id) else {
            return;
        };
        for stream in streams {
            if let Some(symbol) = self.symbol_of(&stream)
                && symbol.is_product() == live.products
            {
                symbol.subscribe(id, live.outlet.clone());
            }
            live.streams.insert(stream);
        }
    }

    /// Takes streams from a connection.
    pub fn unsubscribe(&self, id: ConnectionId, streams: &[String]) {
        let mut connections = lock(&self.connections);
        let Some(live) = connections.live.get_mut(&id) else {
            return;
        };
        for stream in streams {
            if let Some(symbol) = self.symbol_of(stream) {
                symbol.unsubscribe(id);
            }
            live.streams.remove(stream);
        }
    }

    /// The streams of a connection.
    pub fn subscriptions(&self, id: ConnectionId) -> Vec<String> {
        lock(&self.connections)
            .live
            .get(&id)
            .map_or_else(Vec::new, |live| live.streams.iter().cloned().collect())
    }

    /// Tells all connections to do something.
    pub fn tell_all(&self, order: Order) {
        for live in lock(&self.connections).live.values() {
            live.outlet.order(order);
        }
    }
}
