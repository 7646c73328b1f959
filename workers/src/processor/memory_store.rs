//! A hot store for tests that keeps all in memory and fails when told to.

use std::{collections::BTreeMap, sync::Mutex};

use crate::{
    model::{Candle, Fill, Trade, Window},
    sink::hot::{HotError, HotRow, HotStore, Ledger},
};

/// Trades by symbol and id, candles, and the place.
#[derive(Default)]
pub struct MemoryStore {
    pub rows: Mutex<BTreeMap<(String, u64), Trade>>,
    /// By symbol, interval and start.
    pub candles: Mutex<BTreeMap<(String, String, i64), Candle>>,
    /// Windows whose trades were read.
    pub read: Mutex<usize>,
    /// The place.
    pub ledger: Mutex<Option<Ledger>>,
    /// Whether the next requests fail, the last one first. A failed write may have written some rows.
    pub failures: Mutex<Vec<bool>>,
}

impl MemoryStore {
    async fn request(&self) -> Result<(), HotError> {
        tokio::task::yield_now().await;
        match self.failures.lock().unwrap().pop() {
            Some(true) => Err(HotError::new("CassandraUnavailable", "on purpose")),
            _ => Ok(()),
        }
    }
}

impl HotStore for MemoryStore {
    async fn load(&self, _: i32) -> Result<Option<Ledger>, HotError> {
        self.request().await?;
        Ok(self.ledger.lock().unwrap().clone())
    }

    async fn write(&self, rows: &[HotRow]) -> Result<(), HotError> {
        for row in rows {
            self.request().await?;
            let trade = row.trade().clone();
            self.rows
                .lock()
                .unwrap()
                .insert((trade.symbol.to_string(), trade.trade_id), trade);
        }
        Ok(())
    }

    async fn read(&self, window: &Window, mut take: impl FnMut(Fill) + Send) -> Result<(), HotError> {
        self.request().await?;
        *self.read.lock().unwrap() += 1;
        for trade in self.rows.lock().unwrap().values() {
            let open_us = window.interval.open_us(trade.trade_time_us);
            if trade.symbol == window.symbol && open_us == window.open_us {
                take(Fill::from(trade));
            }
        }
        Ok(())
    }

    async fn write_candles(&self, candles: &[Candle]) -> Result<(), HotError> {
        for candle in candles {
            self.request().await?;
            let window = &candle.window;
            let key = (
                window.symbol.to_string(),
                window.interval.to_string(),
                window.open_us,
            );
            let mut table = self.candles.lock().unwrap();
            let old = table.entry(key).or_insert_with(|| candle.clone());
            // As Cassandra does by write timestamps.
            if candle.version() > old.version() {
                *old = candle.clone();
            }
        }
        Ok(())
    }

    async fn save(&self, _: i32, ledger: &Ledger) -> Result<(), HotError> {
        self.request().await?;
        let covered = ledger.seen.trades();
        assert!(
            covered <= self.rows.lock().unwrap().len() as u64,
            "the place is ahead of the rows"
        );
        *self.ledger.lock().unwrap() = Some(ledger.clone());
        Ok(())
    }
}
