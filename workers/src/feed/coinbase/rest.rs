//! Coinbase Exchange's REST side for market data (docs.cdp.coinbase.com/exchange/reference).
//!
//! An address may ask 10 times a second. A request weighs 10 of `requestWeightPerMinute`, whose 6,000 are that limit, and
//! requests keep the distance that follows from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use jiff::Timestamp;
use serde::Deserialize;

use super::trade::Row;
use crate::{
    feed::{
        History, HistoryError, Received,
        rest::{Client, budget::Budget},
    },
    model::{IdInterval, Symbol},
};

/// Weight of any request.
const WEIGHT: u32 = 10;
const MINUTE: Duration = Duration::from_mins(1);
/// Trades in an answer at most.
const PAGE: u64 = 1_000;
/// Of the weight of a minute, what one look for the newest ids may take: it is made four times a minute, and half is for
/// missing trades.
const LOOK: u32 = 8;

/// Past trades and what exists now, by REST.
#[derive(Debug)]
pub struct CoinbaseRest {
    client: Client,
    /// Products that one look for the newest ids asks for, and where the next one goes on.
    look: usize,
    turn: AtomicUsize,
}

/// A row of `/products`.
#[derive(Deserialize)]
struct Product {
    id: String,
}

/// The answer of `/time`.
#[derive(Deserialize)]
struct Time {
    iso: Timestamp,
}

impl CoinbaseRest {
    /// `origin` is `https://host` or `http://host[:port]`, without a path. Connects with the first request.
    pub fn new(origin: &str, weight_per_minute: u32) -> reqwest::Result<Self> {
        let apart = MINUTE * WEIGHT / weight_per_minute.max(1);
        let look = usize::try_from(weight_per_minute / LOOK / WEIGHT).unwrap_or(usize::MAX);
        Ok(Self {
            client: Client::new(origin, Budget::new(weight_per_minute).apart(apart))?,
            look: look.max(1),
            turn: AtomicUsize::new(0),
        })
    }

    /// At most `limit` trades with ids below `after`, or the newest ones; the newest first.
    async fn page(&self, product: &Symbol, after: Option<u64>, limit: u64) -> Result<Vec<Row>, HistoryError> {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(after.map(|id| ("after", id.to_string())));
        self.client
            .get(&format!("/products/{product}/trades"), WEIGHT, &query)
            .await
    }

    async fn newest_of(&self, product: &Symbol) -> Result<Option<u64>, HistoryError> {
        let newest = self.page(product, None, 1).await?;
        Ok(newest.first().map(|row| row.trade_id))
    }
}

impl History for CoinbaseRest {
    async fn trades(&self, symbol: &Symbol, ids: IdInterval) -> Result<Vec<Received>, HistoryError> {
        let after = ids.last().saturating_add(1);
        let rows = self.page(symbol, Some(after), ids.count().min(PAGE)).await?;
        let asked = |row: &&Row| (ids.first()..=ids.last()).contains(&row.trade_id);
        let readable = |row: &Row| match row.received(symbol) {
            Ok(received) => Some(received),
            Err(error) => {
                tracing::warn!(%symbol, id = row.trade_id, %error, "row of the exchange's past cannot be read");
                None
            }
        };
        Ok(rows.iter().rev().filter(asked).filter_map(readable).collect())
    }

    async fn listed(&self) -> Result<BTreeSet<String>, HistoryError> {
        let products: Vec<Product> = self.client.get("/products", WEIGHT, &[]).await?;
        Ok(products.into_iter().map(|product| product.id).collect())
    }

    /// Each product is a request of its own: of many, some are asked for at a time. The stream's heartbeats tell the same.
    async fn newest(&self, symbols: &[Symbol]) -> Result<BTreeMap<Symbol, u64>, HistoryError> {
        let look = self.look.min(symbols.len());
        let turn = self.turn.fetch_add(look, Ordering::Relaxed);
        let mut newest = BTreeMap::new();
        for symbol in symbols
            .iter()
            .cycle()
            .skip(turn % symbols.len().max(1))
            .take(look)
        {
            match self.newest_of(symbol).await {
                Ok(id) => newest.extend(id.map(|id| (symbol.clone(), id))),
                // One that is not listed any more spoils nothing for the others.
                Err(HistoryError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(newest)
    }

    /// There is no question by time: the ids are halved until a page holds the answer.
    async fn first_since(&self, symbol: &Symbol, time_ms: i64) -> Result<Option<u64>, HistoryError> {
        let Some(newest) = self.newest_of(symbol).await? else {
            return Ok(None);
        };
        // Every trade below `low` is too old, and those from `high` on are not.
        let (mut low, mut high) = (0, newest.saturating_add(1));
        while high.saturating_sub(low) > PAGE {
            let middle = low.midpoint(high);
            match self
                .page(symbol, Some(middle.saturating_add(1)), 1)
                .await?
                .first()
            {
                Some(row) if is_since(row, time_ms)? => high = row.trade_id,
                _ => low = middle.saturating_add(1),
            }
        }
        let page = self.page(symbol, Some(high), PAGE).await?;
        let mut first = (high <= newest).then_some(high);
        for row in page {
            if is_since(&row, time_ms)? {
                first = Some(first.map_or(row.trade_id, |id: u64| id.min(row.trade_id)));
            }
        }
        Ok(first)
    }

    async fn clock_offset_us(&self) -> Result<i64, HistoryError> {
        let read = |time: Time| time.iso.as_microsecond();
        self.client.clock_offset_us("/time", WEIGHT, read).await
    }
}

fn is_since(row: &Row, time_ms: i64) -> Result<bool, HistoryError> {
    let time = row
        .time_ms()
        .map_err(|error| HistoryError::Unreadable(format!("trade {}: {error}", row.trade_id)))?;
    Ok(time >= time_ms)
}
