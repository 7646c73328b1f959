//! What the admin API tells about the exchange's own view, as plain data for tests to read. No I/O.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// The answer of `GET /sim/ledger`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// By symbol name.
    pub symbols: BTreeMap<String, SymbolLedger>,
    /// WebSocket connections now open.
    pub connections: usize,
    /// WebSocket connections ever opened.
    pub connections_opened: u64,
    /// Number of broken rules since the start, by rule. Empty for a well-behaved client.
    pub violations: BTreeMap<Violation, u64>,
    /// The newest broken rules, oldest first, at most 1,000.
    pub recent_violations: VecDeque<ViolationRecord>,
}

/// What one symbol issued and who listened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolLedger {
    /// Id of the first trade issued since ids last began again; `None` before the start.
    pub first_id: Option<u64>,
    /// Id of the last trade issued.
    pub last_id: Option<u64>,
    /// Number of trades issued, in all.
    pub issued: u64,
    /// Whether the series has come to its end.
    pub finished: bool,
    /// Ids issued since then that were written to no connection and wait in no connection's buffer: a client can
    /// only have them from REST. (Of a connection that was cut while its socket was full, the last few ids
    /// may be listed although they were sent.)
    pub unheard: Vec<IdRange>,
    /// Connections now subscribed to its trades.
    pub connections: usize,
}

/// A closed range of trade ids, in JSON `[from, to]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange(pub u64, pub u64);

/// A rule a client broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Violation {
    /// More inbound messages in a second than allowed.
    MessageRate,
    /// No pong with the ping's payload in time.
    PongTimeout,
    /// A frame longer than the exchange reads; it was ignored.
    FrameTooLarge,
    /// More streams on one connection than allowed.
    TooManyStreams,
    /// More connection attempts in 5 minutes than allowed.
    ConnectionAttempts,
    /// More request weight in a minute than Binance allows, or more requests in a second than Coinbase does.
    RequestWeight,
    /// A request or connection attempt during a ban.
    RequestWhileBanned,
    /// The connection did not read fast enough.
    SlowReader,
    /// A message of a form that Coinbase does not know.
    MessageForm,
    /// No subscription in the first seconds of a connection to Coinbase.
    NoSubscription,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationRecord {
    /// Milliseconds since the Unix epoch.
    pub time: u64,
    /// The client's address.
    pub ip: String,
    /// The rule.
    pub violation: Violation,
    /// What happened, for a person.
    pub detail: String,
}

/// Counts all broken rules and keeps the newest ones.
#[derive(Debug, Default)]
pub struct ViolationLog {
    /// By rule.
    pub counts: BTreeMap<Violation, u64>,
    /// Oldest first.
    pub recent: VecDeque<ViolationRecord>,
}

impl ViolationLog {
    const KEPT: usize = 1000;

    /// Adds one.
    pub fn record(&mut self, record: ViolationRecord) {
        *self.counts.entry(record.violation).or_default() += 1;
        if self.recent.len() == Self::KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(record);
    }
}
