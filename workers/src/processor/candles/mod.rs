//! The candles of one partition. A symbol's trades are all in one partition, so that nothing else is needed to tell what
//! its candles are and whether they are final. Pure, but for `rebuild` and `tell`.
//!
//! A window is held in memory from its first trade until it is final. Which windows are open stands in the lane's place
//! (`hot_progress`) with the offset of the first trade of each; the next owner of the partition reads the topic again
//! from the lowest of them on. The trades of a window that is no longer held, and into which a late trade falls
//! nevertheless, are read from the table `trades`.

mod open;
pub(super) mod rebuild;
mod series;
pub(super) mod tell;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crds::spec::Exchange;
use tokio::time::Instant;

pub use self::open::OpenWindows;
use self::series::{Known, Series};
use super::SeenIds;
use crate::{
    model::{Candle, CandleError, Fill, IdIntervals, Interval, Symbol, Tally, Trade, Window},
    sink::hot::Ledger,
};

/// Every candle of a partition that is not final.
#[derive(Debug)]
pub struct Candles {
    intervals: Vec<Interval>,
    symbols: HashMap<(Exchange, Symbol), SymbolCandles>,
    /// What had come before this owner of the partition began, and the time of the newest of it.
    before: SeenIds,
    before_us: i64,
    /// Candles whose sums could not be kept, since last asked.
    overflows: u64,
}

#[derive(Debug)]
struct SymbolCandles {
    /// Time of the newest trade, microseconds since 1970.
    newest_us: i64,
    series: Vec<Series>,
    /// Whether something may be due.
    restless: bool,
}

impl Candles {
    /// Goes on from a place. The windows that it leaves open wait for their trades: see [`Candles::reread_from`].
    pub fn resume(intervals: &[Interval], ledger: &Ledger) -> Self {
        let mut candles = Self {
            intervals: intervals.to_vec(),
            symbols: HashMap::new(),
            before: ledger.seen.clone(),
            before_us: ledger.last_trade_time_us,
            overflows: 0,
        };
        for (exchange, symbol, interval, open_us, from) in ledger.open.iter() {
            // A symbol that was written can be read. An interval may have gone from the configuration.
            let Ok(symbol) = symbol.parse() else { continue };
            let symbol = candles.symbol(exchange, symbol);
            if let Some(series) = symbol
                .series
                .iter_mut()
                .find(|series| series.interval.name() == interval)
            {
                series.resume(open_us, from);
                symbol.newest_us = symbol.newest_us.max(open_us);
                symbol.restless = true;
            }
        }
        candles
    }

    /// Takes a trade that has not come before.
    pub fn add(&mut self, trade: &Trade, offset: i64) {
        self.fold(trade, |series, fill, time_us| series.add(fill, time_us, offset));
    }

    /// Takes a record's trade from before the place; trades of windows that were final then are passed over.
    pub fn replay(&mut self, trade: &Trade, offset: i64) {
        self.fold(trade, |series, fill, time_us| {
            series.replay(fill, time_us, offset)
        });
    }

    /// The offset from which on the topic must be read up to the place; `None` where nothing is to be read again.
    pub fn reread_from(&self) -> Option<i64> {
        let series = self.symbols.values().flat_map(|symbol| &symbol.series);
        series.flat_map(Series::open).filter_map(|(_, from)| from).min()
    }

    /// Records before that offset cannot be read again: what needs them is to be read from the store.
    pub fn lost(&mut self, before: i64) {
        for series in self.symbols.values_mut().flat_map(|symbol| &mut symbol.series) {
            series.lost(before);
        }
    }

    /// Windows whose trades are to be read from the store, for [`Candles::restore`].
    pub fn stored(&self) -> Vec<Window> {
        let restless = self.symbols.iter().filter(|(_, symbol)| symbol.restless);
        let windows = restless.flat_map(|(key, symbol)| {
            let series = symbol.series.iter();
            series.flat_map(move |series| series.stored().map(move |open_us| window(key, series, open_us)))
        });
        windows.collect()
    }

    /// Takes over what the store has of a window.
    pub fn restore(&mut self, window: &Window, read: Result<Tally, CandleError>) {
        self.overflows += u64::from(read.is_err());
        if let Some(symbol) = self.symbols.get_mut(&(window.exchange, window.symbol.clone()))
            && let Some(series) = symbol
                .series
                .iter_mut()
                .find(|series| series.interval == window.interval)
        {
            series.restore(window.open_us, read);
        }
    }

    /// The candles that are to be told now: those that became final, and others about once a second. `seen` are all ids
    /// that have come.
    pub fn due(&mut self, seen: &SeenIds, now: Instant) -> Vec<Candle> {
        let mut candles = vec![];
        let nothing = IdIntervals::new();
        for (key, symbol) in self.symbols.iter_mut().filter(|(_, symbol)| symbol.restless) {
            symbol.restless = false;
            let known = Known {
                ids: seen.of(key.0.as_str(), &key.1).unwrap_or(&nothing),
                newest_us: symbol.newest_us,
            };
            for series in &mut symbol.series {
                let interval = series.interval.clone();
                symbol.restless |= series.due(known, now, |told| match told {
                    Ok(told) => candles.push(Candle {
                        window: Window {
                            exchange: key.0,
                            symbol: key.1.clone(),
                            interval: interval.clone(),
                            open_us: told.open_us,
                        },
                        figures: told.figures,
                        is_final: told.is_final,
                    }),
                    Err(_overflow) => self.overflows += 1,
                });
            }
        }
        candles
    }

    /// The windows that are not final, for the place.
    pub fn open(&self) -> OpenWindows {
        let mut open = OpenWindows::default();
        for (key, symbol) in &self.symbols {
            for series in &symbol.series {
                for (open_us, from) in series.open() {
                    open.insert(&window(key, series, open_us), from);
                }
            }
        }
        open
    }

    /// Sums that could not be kept, since this was last asked.
    pub fn take_overflows(&mut self) -> u64 {
        std::mem::take(&mut self.overflows)
    }

    fn fold(
        &mut self,
        trade: &Trade,
        mut take: impl FnMut(&mut Series, &Fill, i64) -> Result<(), CandleError>,
    ) {
        if self.intervals.is_empty() {
            return;
        }
        let fill = Fill::from(trade);
        let symbol = self.symbol(trade.exchange, trade.symbol.clone());
        symbol.newest_us = symbol.newest_us.max(trade.trade_time_us);
        symbol.restless = true;
        let mut overflows = 0;
        for series in &mut symbol.series {
            overflows += u64::from(take(series, &fill, trade.trade_time_us).is_err());
        }
        self.overflows += overflows;
    }

    fn symbol(&mut self, exchange: Exchange, symbol: Symbol) -> &mut SymbolCandles {
        let Self {
            intervals,
            symbols,
            before,
            before_us,
            ..
        } = self;
        symbols
            .entry((exchange, symbol))
            .or_insert_with_key(|(exchange, symbol)| {
                let known_before = before.of(exchange.as_str(), symbol).is_some();
                let settled_until_us = known_before.then_some(*before_us);
                let series = intervals
                    .iter()
                    .map(|interval| Series::new(interval.clone(), settled_until_us));
                SymbolCandles {
                    newest_us: 0,
                    series: series.collect(),
                    restless: false,
                }
            })
    }
}

fn window(key: &(Exchange, Symbol), series: &Series, open_us: i64) -> Window {
    Window {
        exchange: key.0,
        symbol: key.1.clone(),
        interval: series.interval.clone(),
        open_us,
    }
}
