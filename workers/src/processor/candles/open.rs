//! The windows that a place in the topic leaves open. Pure.

use std::collections::BTreeMap;

use crds::spec::Exchange;
use serde::{Deserialize, Serialize};

use crate::model::Window;

/// By symbol, interval and start (microseconds since 1970), the offset of a window's first trade. Without an offset its
/// trades are to be read from the store. In JSON `{"binance":{"BTCUSDT":{"1m":{"1610064000000000":42}}}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpenWindows(BTreeMap<Exchange, BTreeMap<String, BTreeMap<String, Starts>>>);

type Starts = BTreeMap<i64, Option<i64>>;

impl OpenWindows {
    /// Adds one.
    pub fn insert(&mut self, window: &Window, from: Option<i64>) {
        let symbols = self.0.entry(window.exchange).or_default();
        let intervals = symbols.entry(window.symbol.to_string()).or_default();
        let starts = intervals.entry(window.interval.name().to_owned()).or_default();
        starts.insert(window.open_us, from);
    }

    /// Exchange, symbol, interval, start and offset of each.
    pub fn iter(&self) -> impl Iterator<Item = (Exchange, &str, &str, i64, Option<i64>)> {
        self.0.iter().flat_map(|(exchange, symbols)| {
            symbols.iter().flat_map(|(symbol, intervals)| {
                intervals.iter().flat_map(|(interval, starts)| {
                    starts.iter().map(|(open_us, from)| {
                        (*exchange, symbol.as_str(), interval.as_str(), *open_us, *from)
                    })
                })
            })
        })
    }
}
