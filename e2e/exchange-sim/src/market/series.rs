//! The series of trades of one symbol, computed from the recording trade by trade. No I/O, no state.

use std::{fmt, sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    decimal::Decimal,
    numbering::{Numbered, Numbering},
    recording::{RecordedTrade, Recording},
};

/// Milliseconds between the last trade of one repetition and the first of the next.
const PAUSE_MS: u64 = 100;

/// Unit of the times on the wire: `timeUnit` in a stream's URL, `X-MBX-TIME-UNIT` in REST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// The default.
    Millisecond,
    /// On request.
    Microsecond,
}

impl TimeUnit {
    /// Reads the value of the parameter; Binance takes it in upper or in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "MILLISECOND" | "millisecond" => Some(Self::Millisecond),
            "MICROSECOND" | "microsecond" => Some(Self::Microsecond),
            _ => None,
        }
    }

    /// Milliseconds in this unit.
    pub const fn of_millis(self, millis: u64) -> u64 {
        match self {
            Self::Millisecond => millis,
            Self::Microsecond => millis * 1000,
        }
    }
}

/// All trades a symbol will ever issue, numbered from 0 by `index`.
#[derive(Debug)]
pub struct Series {
    recording: Arc<Recording>,
    symbol: String,
    first_id: u64,
    repeat: u64,
    /// Factor of the prices of a derived symbol; `None` for the recorded one.
    permille: Option<u32>,
}

impl Series {
    /// The recorded symbol's own series, `repeat` times.
    pub fn recorded(recording: Arc<Recording>, repeat: u32) -> Self {
        let first_id = recording.trades.first().map_or(0, |trade| trade.id);
        let symbol = recording.symbol.clone();
        Self {
            recording,
            symbol,
            first_id,
            repeat: repeat.into(),
            permille: None,
        }
    }

    /// Another symbol's series: the same trades with ids from `first_id` on, and prices times a factor
    /// between 0.001 and 0.999 that follows from the name.
    pub fn derived(recording: Arc<Recording>, symbol: &str, first_id: u64, repeat: u32) -> Self {
        let permille = symbol
            .bytes()
            .fold(7, |hash, byte| (hash * 31 + u32::from(byte)) % 999)
            + 1;
        Self {
            recording,
            symbol: symbol.to_owned(),
            first_id,
            repeat: repeat.into(),
            permille: Some(permille),
        }
    }

    /// Number of trades.
    pub fn len(&self) -> u64 {
        self.recording.trades.len() as u64 * self.repeat
    }

    /// The ids that its trades have from the one at `index` on, unless they begin again: without a hole over all
    /// repetitions.
    pub const fn numbering(&self, index: u64) -> Numbering {
        Numbering {
            first_index: index,
            first_id: self.first_id + index,
        }
    }

    /// Recorded time between the events at `from` and `to`.
    pub fn elapsed(&self, from: u64, to: u64) -> Duration {
        let event_time = |index| {
            self.recorded_at(index)
                .map_or(0, |(recorded, delay)| recorded.event_time + delay)
        };
        Duration::from_millis(event_time(to).saturating_sub(event_time(from)))
    }

    /// The recorded trade that is played at `index`, and by how many milliseconds later than it was recorded; `None`
    /// behind the end.
    fn recorded_at(&self, index: u64) -> Option<(&RecordedTrade, u64)> {
        let trades = &self.recording.trades;
        let count = trades.len() as u64;
        let round = index / count;
        let recorded = trades
            .get(usize::try_from(index % count).ok()?)
            .filter(|_| round < self.repeat)?;
        let period = trades.last()?.event_time - trades.first()?.event_time + PAUSE_MS;
        Some((recorded, round * period))
    }

    /// A trade with its id, `None` behind the end.
    pub fn trade(&self, Numbered { index, id }: Numbered) -> Option<Trade<'_>> {
        let (recorded, delay) = self.recorded_at(index)?;
        let verbatim = self.permille.is_none() && delay == 0 && id == recorded.id;
        Some(Trade {
            symbol: &self.symbol,
            id,
            price: self
                .permille
                .map_or(recorded.price, |permille| recorded.price.scaled(permille)),
            event_time: recorded.event_time + delay,
            time: recorded.trade_time + delay,
            verbatim: verbatim.then_some(recorded.text.as_str()),
            recorded,
        })
    }
}

/// One trade of a series, ready to be written in either of Binance's forms.
#[derive(Debug)]
pub struct Trade<'a> {
    symbol: &'a str,
    id: u64,
    price: Decimal,
    event_time: u64,
    time: u64,
    verbatim: Option<&'a str>,
    recorded: &'a RecordedTrade,
}

impl Trade<'_> {
    /// The event of the `@trade` stream; the recorded bytes themselves where there are any.
    pub fn event(&self, unit: TimeUnit) -> String {
        match (self.verbatim, unit) {
            (Some(text), TimeUnit::Millisecond) => text.to_owned(),
            _ => Event { trade: self, unit }.to_string(),
        }
    }

    /// Its id.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Whose trade.
    pub const fn symbol(&self) -> &str {
        self.symbol
    }

    /// Its quantity in the base asset.
    pub fn quantity(&self) -> String {
        self.recorded.quantity.to_string()
    }

    /// Whether the buyer's order was in the book first.
    pub const fn buyer_is_maker(&self) -> bool {
        self.recorded.buyer_is_maker
    }

    /// Its price in the quote asset.
    pub fn price(&self) -> String {
        self.price.to_string()
    }

    /// When it happened, milliseconds since the Unix epoch.
    pub const fn time_ms(&self) -> u64 {
        self.time
    }

    /// The row of `/api/v3/aggTrades`. The exchange would merge trades of one order at one price; one trade is the least.
    pub fn aggregate(&self, unit: TimeUnit) -> Aggregate {
        Aggregate {
            a: self.id,
            p: self.price.to_string(),
            q: self.recorded.quantity.to_string(),
            f: self.id,
            l: self.id,
            time: unit.of_millis(self.time),
            m: self.recorded.buyer_is_maker,
            best_match: self.recorded.best_match,
        }
    }

    /// The row of `/api/v3/trades` and `/api/v3/historicalTrades`.
    pub fn row(&self, unit: TimeUnit) -> Row {
        Row {
            id: self.id,
            price: self.price.to_string(),
            qty: self.recorded.quantity.to_string(),
            quote_qty: self.price.times(self.recorded.quantity).to_string(),
            time: unit.of_millis(self.time),
            is_buyer_maker: self.recorded.buyer_is_maker,
            is_best_match: self.recorded.best_match,
        }
    }
}

/// A trade as an aggregate of its own, with Binance's field names.
#[derive(Debug, Serialize)]
pub struct Aggregate {
    a: u64,
    p: String,
    q: String,
    f: u64,
    l: u64,
    #[serde(rename = "T")]
    time: u64,
    m: bool,
    #[serde(rename = "M")]
    best_match: bool,
}

struct Event<'a> {
    trade: &'a Trade<'a>,
    unit: TimeUnit,
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trade {
            symbol,
            id,
            price,
            event_time,
            time,
            verbatim: _,
            recorded,
        } = self.trade;
        write!(
            f,
            r#"{{"e":"trade","E":{},"s":"{symbol}","t":{id},"p":"{price}","q":"{}","T":{},"m":{},"M":{}}}"#,
            self.unit.of_millis(*event_time),
            recorded.quantity,
            self.unit.of_millis(*time),
            recorded.buyer_is_maker,
            recorded.best_match,
        )
    }
}

/// A trade in REST, with Binance's field names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    id: u64,
    price: String,
    qty: String,
    quote_qty: String,
    time: u64,
    is_buyer_maker: bool,
    is_best_match: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording() -> Arc<Recording> {
        Arc::new(Recording::load(None).unwrap())
    }

    /// The trade at `index` with the id it has unless ids begin again.
    fn trade(series: &Series, index: u64) -> Option<Trade<'_>> {
        let id = series.numbering(0).id(index);
        series.trade(Numbered { index, id })
    }

    #[test]
    fn the_recorded_symbol_is_byte_for_byte_the_recording() {
        let recording = recording();
        let series = Series::recorded(recording.clone(), 1);
        assert_eq!(series.len(), 2001);
        for (index, recorded) in (0..).zip(&recording.trades) {
            let trade = trade(&series, index).unwrap();
            assert_eq!(trade.event(TimeUnit::Millisecond), recorded.text);
            let rendered = Event {
                trade: &trade,
                unit: TimeUnit::Millisecond,
            }
            .to_string();
            assert_eq!(
                rendered, recorded.text,
                "the form of derived trades equals the recorded form"
            );
        }
        assert!(trade(&series, 2001).is_none());
    }

    #[test]
    fn ids_and_times_go_on_over_repetitions() {
        for series in [
            Series::recorded(recording(), 3),
            Series::derived(recording(), "ETHUSDT", 10, 3),
        ] {
            let trades: Vec<_> = (0..series.len())
                .map(|index| trade(&series, index).unwrap())
                .collect();
            assert_eq!(trades.len(), 6003);
            assert!(trades.windows(2).all(|pair| pair[1].id == pair[0].id + 1));
            assert!(
                trades
                    .windows(2)
                    .all(|pair| pair[1].event_time >= pair[0].event_time)
            );
            assert!(trades[2001].event_time > trades[2000].event_time);
        }
    }

    #[test]
    fn a_derived_symbol_has_its_own_name_ids_and_prices() {
        let series = Series::derived(recording(), "ETHUSDT", 10, 1);
        let permille = series.permille.unwrap();
        let event = trade(&series, 0).unwrap().event(TimeUnit::Millisecond);
        let price = 3_943_248_000_000_u64 * u64::from(permille) / 1000;
        let price = format!("{}.{:08}", price / 100_000_000, price % 100_000_000);
        assert_eq!(
            event,
            format!(
                r#"{{"e":"trade","E":1610064000278,"s":"ETHUSDT","t":10,"p":"{price}","q":"0.00026300","T":1610064000278,"m":true,"M":true}}"#
            )
        );
        assert_ne!(
            series.permille,
            Series::derived(recording(), "SOLUSDT", 10, 1).permille
        );
    }

    #[test]
    fn microseconds_change_the_times_and_nothing_else() {
        let series = Series::recorded(recording(), 1);
        let trade = trade(&series, 0).unwrap();
        let expected = trade
            .event(TimeUnit::Millisecond)
            .replace("1610064000278", "1610064000278000");
        assert_eq!(trade.event(TimeUnit::Microsecond), expected);
        assert_eq!(trade.row(TimeUnit::Microsecond).time, 1_610_064_000_278_000);
    }
}
