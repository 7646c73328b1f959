//! Which trades a partition has delivered. Pure.

use std::collections::BTreeMap;

use crds::wire::IdRange;
use serde::{Deserialize, Serialize};

use crate::model::{IdIntervals, Trade};

/// Trade ids by exchange and symbol. In JSON `{"binance":{"BTCUSDT":[[5,9]]}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeenIds(BTreeMap<String, BTreeMap<String, IdIntervals>>);

impl SeenIds {
    /// Notes the trade; returns `false` when it was seen before.
    pub fn insert(&mut self, trade: &Trade) -> bool {
        let (exchange, symbol) = (trade.exchange.as_str(), trade.symbol.as_str());
        if let Some(ids) = self
            .0
            .get_mut(exchange)
            .and_then(|symbols| symbols.get_mut(symbol))
        {
            return ids.insert(trade.trade_id);
        }
        let symbols = self.0.entry(exchange.to_owned()).or_default();
        symbols
            .entry(symbol.to_owned())
            .or_default()
            .insert(trade.trade_id)
    }

    /// The ids of one symbol.
    pub fn of(&self, exchange: &str, symbol: &str) -> Option<&IdIntervals> {
        self.0.get(exchange)?.get(symbol)
    }

    /// Number of different trades.
    pub fn trades(&self) -> u64 {
        self.sets().map(IdIntervals::count).sum()
    }

    /// Ids between the first and the last one of each symbol that were not seen.
    pub fn missing(&self) -> u64 {
        self.sets().map(IdIntervals::missing).sum()
    }

    /// The first `limit` ranges of these ids, by symbol.
    pub fn missing_ranges(&self, limit: usize) -> BTreeMap<String, Vec<IdRange>> {
        let symbols = self.0.values().flatten();
        let ranges = symbols.flat_map(|(symbol, ids)| {
            ids.gaps()
                .map(move |gap| (symbol, IdRange(gap.first(), gap.last())))
        });
        let mut missing: BTreeMap<String, Vec<IdRange>> = BTreeMap::new();
        for (symbol, range) in ranges.take(limit) {
            missing.entry(symbol.clone()).or_default().push(range);
        }
        missing
    }

    fn sets(&self) -> impl Iterator<Item = &IdIntervals> {
        self.0.values().flat_map(BTreeMap::values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::testing::trade;

    #[test]
    fn missing_ids_are_named_up_to_a_limit() {
        let mut seen = SeenIds::default();
        for id in [5, 8, 10] {
            seen.insert(&trade("BTCUSDT", id, 0));
            seen.insert(&trade("ETHUSDT", id, 0));
        }
        let named = |limit| serde_json::to_string(&seen.missing_ranges(limit)).unwrap();
        assert_eq!(named(9), r#"{"BTCUSDT":[[6,7],[9,9]],"ETHUSDT":[[6,7],[9,9]]}"#);
        assert_eq!(named(3), r#"{"BTCUSDT":[[6,7],[9,9]],"ETHUSDT":[[6,7]]}"#);
    }

    #[test]
    fn symbols_are_counted_apart_and_copies_are_known() {
        let mut seen = SeenIds::default();
        assert!(seen.insert(&trade("BTCUSDT", 5, 0)));
        assert!(seen.insert(&trade("ETHUSDT", 5, 0)));
        assert!(seen.insert(&trade("BTCUSDT", 8, 0)));
        assert!(!seen.insert(&trade("BTCUSDT", 5, 1)));
        assert_eq!((seen.trades(), seen.missing()), (3, 2));
        let json = serde_json::to_string(&seen).unwrap();
        assert_eq!(json, r#"{"binance":{"BTCUSDT":[[5,5],[8,8]],"ETHUSDT":[[5,5]]}}"#);
        assert_eq!(serde_json::from_str::<SeenIds>(&json).unwrap(), seen);
    }
}
