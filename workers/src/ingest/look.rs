//! Looks into Kafka: for what an earlier life of this worker knew, and for trades that others have brought.

use std::collections::{BTreeMap, HashSet};

use crds::{spec::Exchange, wire::IngestConfig};
use rdkafka::Message;
use tokio::task::spawn_blocking;

use super::ledger::{IdsBySymbol, Memory};
use crate::{
    kafka::{
        Record,
        bounded::{self, BoundedReadError},
        table,
    },
    model::Symbol,
};

/// Records looked at in each partition at most: more than what is written between two memories of a ledger.
const LAST_RECORDS: i64 = 50_000;

/// The key of a symbol's row in the table of ledgers.
pub fn ledger_key(exchange: Exchange, symbol: &Symbol) -> String {
    format!("{}:{symbol}", exchange.as_str())
}

/// Where to look, and where the last look ended.
#[derive(Debug)]
pub struct Look {
    exchange: Exchange,
    bootstrap: String,
    trades: String,
    ledgers: String,
    /// By partition of the topic of trades.
    ends: BTreeMap<i32, i64>,
}

impl Look {
    /// Nothing is read yet.
    pub fn new(config: &IngestConfig) -> Self {
        Self {
            exchange: config.exchange,
            bootstrap: config.kafka.bootstrap.clone(),
            trades: config.kafka.topic.clone(),
            ledgers: config.ledger_topic.clone(),
            ends: BTreeMap::new(),
        }
    }

    /// The kept ledgers of these symbols. One that cannot be read is as good as none.
    pub async fn memories(&self, symbols: &[Symbol]) -> Result<BTreeMap<Symbol, Memory>, BoundedReadError> {
        let (bootstrap, topic) = (self.bootstrap.clone(), self.ledgers.clone());
        let rows = blocking(move || table::read(&bootstrap, &topic)).await?;
        let memory = |symbol: &Symbol| {
            let row = rows.get(&ledger_key(self.exchange, symbol))?;
            let memory = serde_json::from_slice(row)
                .inspect_err(|error| tracing::error!(%symbol, %error, "kept ledger cannot be read"));
            Some((symbol.clone(), memory.ok()?))
        };
        Ok(symbols.iter().filter_map(memory).collect())
    }

    /// The ids of these symbols among the last records of each partition.
    pub async fn last(&self, symbols: &[Symbol]) -> Result<IdsBySymbol, BoundedReadError> {
        Ok(self.ids(symbols, BTreeMap::new()).await?.0)
    }

    /// The ids of these symbols among the records since the last call, and no more than the last ones.
    pub async fn new_ones(&mut self, symbols: &[Symbol]) -> Result<IdsBySymbol, BoundedReadError> {
        let (ids, ends) = self.ids(symbols, self.ends.clone()).await?;
        self.ends = ends;
        Ok(ids)
    }

    async fn ids(
        &self,
        symbols: &[Symbol],
        from: BTreeMap<i32, i64>,
    ) -> Result<(IdsBySymbol, BTreeMap<i32, i64>), BoundedReadError> {
        let (bootstrap, topic) = (self.bootstrap.clone(), self.trades.clone());
        let exchange = self.exchange;
        let symbols: HashSet<Symbol> = symbols.iter().cloned().collect();
        blocking(move || {
            let mut ids = IdsBySymbol::new();
            let ends = bounded::read(
                &bootstrap,
                &topic,
                |partition, extent| {
                    let last = extent.high.saturating_sub(LAST_RECORDS);
                    from.get(&partition).map_or(last, |from| last.max(*from))
                },
                |record| {
                    // A record of another symbol is told by its key.
                    let key = record.key().and_then(|key| str::from_utf8(key).ok());
                    if key.is_some_and(|key| symbols.contains(key))
                        && let Ok(trade) = Record::of(record).trade()
                        && trade.exchange == exchange
                    {
                        ids.entry(trade.symbol).or_default().insert(trade.trade_id);
                    }
                },
            )?;
            Ok((ids, ends))
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BoundedReadError> + Send + 'static,
) -> Result<T, BoundedReadError> {
    spawn_blocking(work).await.unwrap_or(Err(BoundedReadError::Ended))
}
