//! Which trades were heard, which ones Kafka has, and which are missing, symbol by symbol.
//!
//! [`symbol`] decides for one symbol and is pure; here are all symbols of this process, shared by its tasks. `forward`
//! lets every trade be heard, the producer's reports acknowledge them, `watch` looks after gaps, `repair` fetches what
//! is missing.

mod entry;
mod gap;
mod memory;
mod numbering;
mod rate;
pub mod symbol;
#[cfg(test)]
mod symbol_tests;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use bytes::Bytes;
use crds::{
    gap::{GapRecord, GapState},
    spec::{Exchange, GapPolicy},
    wire::{IngestStatus, SymbolStatus},
};
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};

pub use self::{entry::Entry, memory::Memory};
use self::{
    entry::{Account, Counters},
    numbering::Mark,
    symbol::{Hearing, SymbolLedger},
};
use crate::{
    clock::now_ms,
    feed::{LastLoss, Received},
    model::{IdInterval, IdIntervals, Symbol, Trade},
};

/// Gaps named in the status at most. A gap that cannot be repaired comes first.
const NAMED_GAPS: usize = 20;

/// Trade ids by symbol.
pub type IdsBySymbol = BTreeMap<Symbol, IdIntervals>;

/// The ledgers of all symbols of this process.
#[derive(Debug)]
pub struct Ledger {
    exchange: Exchange,
    policy: GapPolicy,
    accounts: RwLock<HashMap<Symbol, Arc<Account>>>,
    /// Of symbols that are not tracked any more, for what is still under way.
    given_up: RwLock<HashMap<Symbol, Arc<Account>>>,
    counters: Arc<Counters>,
    lost: LastLoss,
}

/// What becomes of a trade that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be sent.
    New,
    /// Its id was heard before: it is dropped, and counted.
    Copy,
    /// Nobody asked for its symbol.
    UnknownSymbol,
    /// Its id is of a numbering that began again: by it, others would take the trade for an older one.
    Restarted,
}

impl Ledger {
    /// Empty ledgers. `in_flight` is counted up by the feed and down here; `lost` says when a connection was lost.
    pub fn new(
        exchange: Exchange,
        policy: GapPolicy,
        symbols: &[Symbol],
        in_flight: Gauge,
        lost: LastLoss,
        registry: &mut Registry,
    ) -> Self {
        let ledger = Self {
            exchange,
            policy,
            accounts: RwLock::default(),
            given_up: RwLock::default(),
            counters: Arc::new(Counters::new(in_flight, registry)),
            lost,
        };
        ledger.track(symbols);
        ledger
    }

    /// From now on these symbols have ledgers, and no others. A symbol that is new to this process is to be recalled.
    pub fn track(&self, symbols: &[Symbol]) {
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        let given_up = accounts.extract_if(|symbol, _| !symbols.contains(symbol));
        self.given_up
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(given_up);
        for symbol in symbols {
            accounts.entry(symbol.clone()).or_insert_with(|| {
                let looks = self.policy != GapPolicy::None;
                let ledger = SymbolLedger::new(self.exchange, symbol.clone()).looks(looks);
                Arc::new(Account::new(symbol, ledger))
            });
        }
    }

    /// Whose trades.
    pub const fn exchange(&self) -> Exchange {
        self.exchange
    }

    /// Decides on a trade that was read.
    pub fn hear(&self, received: &Received, trade: &Trade) -> Verdict {
        let Some(account) = self.account(&trade.symbol) else {
            self.counters.buried();
            return Verdict::UnknownSymbol;
        };
        let mut ledger = account.ledger();
        let mark = Mark {
            id: trade.trade_id,
            time_us: trade.trade_time_us,
        };
        if ledger.restarts(mark, received.source) {
            self.counters.buried();
            if let Some(ids) = ledger.restarted().filter(|ids| ids.new_id == mark.id) {
                tracing::error!(symbol = %account.symbol, old = ids.old_id, new = ids.new_id, "the trade ids have begun again at a lower number");
            }
            return Verdict::Restarted;
        }
        let hearing = Hearing {
            // Of a recorded frame the wall clock of its receipt is long past.
            at_ms: now_ms()
                .saturating_sub(i64::try_from(received.at.elapsed().as_millis()).unwrap_or(i64::MAX)),
            source: received.source,
            lost_ms: self.lost.ms(),
        };
        if !ledger.hear(trade.trade_id, hearing) {
            self.counters.copy();
            return Verdict::Copy;
        }
        Verdict::New
    }

    /// The entry of what is to be sent, and the key of its record; a dead letter has none.
    pub fn entry(&self, received: &Received) -> (Entry, Option<Bytes>) {
        let trade = received.content.as_ref().ok();
        let numbered = trade.and_then(|trade| Some((trade, self.account(&trade.symbol)?)));
        let Some((trade, account)) = numbered else {
            return (Entry::of_dead_letter(self.counters.clone(), received.at), None);
        };
        let key = account.key.clone();
        let (id, time_us) = (trade.trade_id, trade.trade_time_us);
        let entry = Entry::of_trade(self.counters.clone(), account, id, time_us, received.at);
        (entry, Some(key))
    }

    /// Says in the log which ids were heard and not acknowledged.
    pub fn log_unacknowledged(&self) {
        let given_up = self.given_up.read().unwrap_or_else(PoisonError::into_inner);
        let all = self.all();
        for account in all.iter().chain(given_up.values()) {
            let ids = account.ledger().unacknowledged();
            if !ids.is_empty() {
                let trades = ids
                    .iter()
                    .fold(0, |sum: u64, ids| sum.saturating_add(ids.count()));
                let ranges = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                tracing::error!(symbol = %account.symbol, trades, ids = ranges, "read and not acknowledged by kafka");
            }
        }
    }

    /// Symbols for which [`Self::recall`] is still to be called.
    pub fn unrecalled(&self) -> Vec<Symbol> {
        self.symbols_where(|ledger| !ledger.is_recalled())
    }

    /// All symbols.
    pub fn symbols(&self) -> Vec<Symbol> {
        self.symbols_where(|_| true)
    }

    /// Whether this process has heard all of these ids.
    pub fn has_heard(&self, symbol: &Symbol, ids: &IdIntervals) -> bool {
        self.account(symbol)
            .is_some_and(|account| account.ledger().has_heard(ids))
    }

    /// Takes over what Kafka knows of a symbol (see [`SymbolLedger::recall`]).
    pub fn recall(
        &self,
        symbol: &Symbol,
        memory: Option<&Memory>,
        found: &IdIntervals,
        configured: Option<u64>,
    ) {
        if let Some(account) = self.account(symbol) {
            account.ledger().recall(memory, found, configured, now_ms());
        }
    }

    /// Takes over what a look into the topic found.
    pub fn find(&self, found: &IdsBySymbol) {
        for (symbol, ids) in found {
            if let Some(account) = self.account(symbol) {
                account.ledger().find(ids, now_ms());
            }
        }
    }

    /// Notes that the exchange says that these ids exist.
    pub fn exist(&self, newest: &BTreeMap<Symbol, u64>) {
        for (symbol, id) in newest {
            if let Some(account) = self.account(symbol) {
                account.ledger().exists(*id, now_ms(), self.lost.ms());
            }
        }
    }

    /// Whether the topic should be looked into before a suspicion becomes a gap.
    pub fn is_overdue(&self) -> bool {
        let now = now_ms();
        self.all().iter().any(|account| account.ledger().is_overdue(now))
    }

    /// Reviews all gaps after a look into the topic that began at `looked_ms`, and returns what is new to be told.
    pub fn review(&self, looked_ms: i64) -> Vec<GapRecord> {
        let now = now_ms();
        let all = self.all();
        all.iter()
            .flat_map(|account| account.ledger().review(looked_ms, now))
            .collect()
    }

    /// The symbol and ids to ask for now: of the gap found last among those that are due.
    pub fn wanted(&self) -> Option<(Symbol, IdInterval)> {
        let now = now_ms();
        let all = self.all();
        let wanted = all.iter().filter_map(|account| {
            let (detected_ms, ids) = account.ledger().wanted(now)?;
            Some((detected_ms, &account.symbol, ids))
        });
        let (_, symbol, ids) = wanted.max_by_key(|(detected_ms, ..)| *detected_ms)?;
        Some((symbol.clone(), ids))
    }

    /// Whether the id is neither heard nor fetched.
    pub fn lacks(&self, symbol: &Symbol, id: u64) -> bool {
        self.account(symbol)
            .is_some_and(|account| account.ledger().lacks(id))
    }

    /// A request for `asked` brought these ids, which are on their way to [`Self::hear`]; or none, for this reason.
    pub fn answered(&self, symbol: &Symbol, asked: IdInterval, brought: Result<&[u64], &'static str>) {
        if let Some(account) = self.account(symbol) {
            account.ledger().answered(asked, brought, now_ms());
        }
    }

    /// Nobody can be asked for the newest of these ids, for this reason.
    pub fn given_up_on(&self, symbol: &Symbol, asked: IdInterval, reason: &'static str) {
        if let Some(account) = self.account(symbol) {
            account.ledger().given_up(asked, reason);
        }
    }

    /// What must outlive this process, by symbol.
    pub fn memories(&self) -> BTreeMap<Symbol, Memory> {
        let now = now_ms();
        let all = self.all();
        all.iter()
            .filter_map(|account| Some((account.symbol.clone(), account.ledger().memory(now)?)))
            .collect()
    }

    /// The gaps that are not closed: those that cannot be repaired first, then those found last.
    pub fn gaps(&self) -> Vec<GapRecord> {
        let now = now_ms();
        let all = self.all();
        let mut gaps: Vec<GapRecord> = all
            .iter()
            .flat_map(|account| account.ledger().gaps(now))
            .collect();
        gaps.sort_by_key(|gap| (gap.state != GapState::Unrepairable, Reverse(gap.detected_ms)));
        gaps
    }

    /// What is told of all symbols; the feed's own figures are left at their defaults.
    pub fn status(&self) -> IngestStatus {
        let now = now_ms();
        let mut status = IngestStatus {
            acknowledged: self.counters.acknowledged.get(),
            copies: self.counters.copies.get(),
            ..IngestStatus::default()
        };
        for account in self.all() {
            let ledger = account.ledger();
            status.late_ms = status.late_ms.max(ledger.late_ms());
            if let Some(symbol) = symbol_status(&ledger, now) {
                status.missing_ids = status.missing_ids.saturating_add(symbol.missing_ids);
                status.symbols.insert(account.symbol.to_string(), symbol);
            }
        }
        status.gaps = self.gaps();
        status.gaps.truncate(NAMED_GAPS);
        status
    }

    fn account(&self, symbol: &Symbol) -> Option<Arc<Account>> {
        let tracked = self.accounts().get(symbol).cloned();
        tracked.or_else(|| {
            let given_up = self.given_up.read().unwrap_or_else(PoisonError::into_inner);
            given_up.get(symbol).cloned()
        })
    }

    fn all(&self) -> Vec<Arc<Account>> {
        self.accounts().values().cloned().collect()
    }

    fn symbols_where(&self, condition: impl Fn(&SymbolLedger) -> bool) -> Vec<Symbol> {
        let all = self.all();
        let chosen = all.iter().filter(|account| condition(&account.ledger()));
        let mut symbols: Vec<Symbol> = chosen.map(|account| account.symbol.clone()).collect();
        symbols.sort();
        symbols
    }

    fn accounts(&self) -> RwLockReadGuard<'_, HashMap<Symbol, Arc<Account>>> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None` while Kafka has no trade of the symbol.
fn symbol_status(ledger: &SymbolLedger, now_ms: i64) -> Option<SymbolStatus> {
    let ids = ledger.acknowledged();
    Some(SymbolStatus {
        first_id: ids.first()?,
        last_id: ids.last()?,
        trades: ids.count(),
        missing_ids: ledger.missing(),
        last_trade_time_ms: ledger.last_trade_us() / 1_000,
        trades_per_minute: ledger.per_minute(now_ms),
        restarted: ledger.restarted().cloned(),
    })
}
