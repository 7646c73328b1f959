//! Candles: what the trades of one symbol in one window of time amount to. Exact; whatever the order of the trades,
//! the same trades make the same candle.

use crds::spec::Exchange;

use super::{Decimal, IdIntervals, Interval, Product, Symbol, Trade};

/// Why a candle cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CandleError {
    /// A sum beyond 38 digits.
    #[error("a sum of the candle has too many digits to be kept exactly")]
    Overflow,
}

impl CandleError {
    /// A stable CamelCase name of the error.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Overflow => "CandleOverflow",
        }
    }
}

/// What a candle takes of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The exchange's number of the trade.
    pub trade_id: u64,
    /// Greater than 0.
    pub price: Decimal,
    /// In the base asset. Greater than 0.
    pub quantity: Decimal,
    /// Whether the seller was the aggressor.
    pub buyer_is_maker: bool,
}

impl From<&Trade> for Fill {
    fn from(trade: &Trade) -> Self {
        Self {
            trade_id: trade.trade_id,
            price: trade.price,
            quantity: trade.quantity,
            buyer_is_maker: trade.buyer_is_maker,
        }
    }
}

/// Which candle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Whose trades.
    pub exchange: Exchange,
    /// Of what.
    pub symbol: Symbol,
    /// How long.
    pub interval: Interval,
    /// Its start, microseconds since 1970.
    pub open_us: i64,
}

impl Window {
    /// Its end, which does not belong to it any more, microseconds since 1970.
    pub const fn end_us(&self) -> i64 {
        self.interval.end_us(self.open_us)
    }
}

/// The figures of one or more trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Price of the trade with the lowest id.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Price of the trade with the highest id.
    pub close: Decimal,
    /// Sum of quantities.
    pub volume: Decimal,
    /// Sum of price times quantity, exactly.
    pub quote_volume: Product,
    /// Sum of the quantities in which the buyer was the aggressor: what Binance's klines call the taker buy base asset
    /// volume (binance-spot-api-docs: rest-api.md, "Kline/Candlestick data").
    pub taker_buy_volume: Decimal,
    /// Number of trades, at least 1.
    pub trades: u64,
    /// Lowest trade id.
    pub first_id: u64,
    /// Highest trade id.
    pub last_id: u64,
    /// `quote_volume / volume` with 16 fraction digits, rounded half to even.
    pub vwap: Product,
}

/// A candle as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candle {
    /// Which one.
    pub window: Window,
    /// What it amounts to.
    pub figures: Figures,
    /// Whether no trade of it can be missing.
    pub is_final: bool,
}

impl Candle {
    /// Grows with completeness: with the number of trades, and with finality at the same number. The write timestamp of
    /// the row, so that the more complete version stays whatever the order in which versions are written. A
    /// window's trades are those of a prefix of its Kafka partition, so that versions of one number are the same.
    pub fn version(&self) -> i64 {
        i64::try_from(self.figures.trades)
            .unwrap_or(i64::MAX)
            .saturating_mul(2)
            .saturating_add(i64::from(self.is_final))
    }
}

/// Sums up the trades of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    ids: IdIntervals,
    open: Decimal,
    high: Decimal,
    low: Decimal,
    close: Decimal,
    volume: Decimal,
    quote_volume: Product,
    taker_buy_volume: Decimal,
}

impl Tally {
    /// Adds a trade; one whose id was added before changes nothing. After an error the tally is not to be used.
    pub fn add(&mut self, fill: &Fill) -> Result<(), CandleError> {
        let (first, last) = (self.ids.first(), self.ids.last());
        if !self.ids.insert(fill.trade_id) {
            return Ok(());
        }
        if first.is_none_or(|first| fill.trade_id < first) {
            self.open = fill.price;
        }
        if last.is_none_or(|last| fill.trade_id > last) {
            self.close = fill.price;
        }
        self.high = self.high.max(fill.price);
        self.low = if first.is_none() {
            fill.price
        } else {
            self.low.min(fill.price)
        };
        let overflow = CandleError::Overflow;
        let volume = self.volume.checked_add(fill.quantity).ok_or(overflow)?;
        let quote = Product::of(fill.price, fill.quantity).ok_or(overflow)?;
        self.quote_volume = self.quote_volume.checked_add(quote).ok_or(overflow)?;
        self.volume = volume;
        if !fill.buyer_is_maker {
            // Not above the volume.
            self.taker_buy_volume = self.taker_buy_volume.checked_add(fill.quantity).ok_or(overflow)?;
        }
        Ok(())
    }

    /// The ids added.
    pub const fn ids(&self) -> &IdIntervals {
        &self.ids
    }

    /// The figures; `None` without a trade.
    pub fn figures(&self) -> Result<Option<Figures>, CandleError> {
        let Some((first_id, last_id)) = self.ids.first().zip(self.ids.last()) else {
            return Ok(None);
        };
        let vwap = self.quote_volume.checked_div(self.volume);
        Ok(Some(Figures {
            open: self.open,
            high: self.high,
            low: self.low,
            close: self.close,
            volume: self.volume,
            quote_volume: self.quote_volume,
            taker_buy_volume: self.taker_buy_volume,
            trades: self.ids.count(),
            first_id,
            last_id,
            vwap: vwap.ok_or(CandleError::Overflow)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};

    use super::*;

    fn fill(trade_id: u64, price: &str, quantity: &str, buyer_is_maker: bool) -> Fill {
        Fill {
            trade_id,
            price: price.parse().unwrap(),
            quantity: quantity.parse().unwrap(),
            buyer_is_maker,
        }
    }

    fn tally(fills: &[Fill]) -> Tally {
        let mut tally = Tally::default();
        for fill in fills {
            tally.add(fill).unwrap();
        }
        tally
    }

    #[test]
    fn the_lowest_id_opens_and_the_highest_closes_whatever_comes_first() {
        let tally = tally(&[
            fill(8, "2", "1", true),
            fill(7, "3", "0.5", false),
            fill(9, "1.5", "0.00000001", false),
        ]);
        let figures = tally.figures().unwrap().unwrap();
        let prices = [figures.open, figures.high, figures.low, figures.close].map(|price| price.to_string());
        assert_eq!(prices, ["3.00000000", "3.00000000", "1.50000000", "1.50000000"]);
        assert_eq!(figures.volume.to_string(), "1.50000001");
        assert_eq!(figures.quote_volume.to_string(), "3.5000000150000000");
        assert_eq!(figures.taker_buy_volume.to_string(), "0.50000001");
        assert_eq!((figures.trades, figures.first_id, figures.last_id), (3, 7, 9));
        // 3.500000015 / 1.50000001 = 2.33333332777777781...
        assert_eq!(figures.vwap.to_string(), "2.3333333277777778");
    }

    #[test]
    fn nothing_traded_is_no_candle() {
        assert_eq!(Tally::default().figures(), Ok(None));
    }

    #[test]
    fn a_sum_that_cannot_be_kept_is_an_error() {
        let most = fill(0, "9999999999.99999999", "999999999999.99999999", false);
        let mut tally = tally(&[most]);
        assert_eq!(
            tally.add(&Fill { trade_id: 1, ..most }),
            Err(CandleError::Overflow)
        );
    }

    #[test]
    fn more_trades_and_then_finality_make_a_newer_version() {
        let candle = |trades: u64, is_final| Candle {
            window: Window {
                exchange: Exchange::Binance,
                symbol: "BTCUSDT".parse().unwrap(),
                interval: "1s".parse().unwrap(),
                open_us: 0,
            },
            figures: tally(&(0..trades).map(|id| fill(id, "1", "1", true)).collect::<Vec<_>>())
                .figures()
                .unwrap()
                .unwrap(),
            is_final,
        };
        let versions = [(1, false), (1, true), (2, false), (2, true)].map(|(n, f)| candle(n, f).version());
        assert!(versions.is_sorted_by(|a, b| a < b));
    }

    proptest! {
        #[test]
        fn order_and_copies_change_nothing(
            trades in prop::collection::btree_map(0_u64..50, (1_i128..10_i128.pow(12), 1_i128..10_i128.pow(12), any::<bool>()), 1..40),
            picks in prop::collection::vec(any::<Index>(), 0..80),
        ) {
            let fills: Vec<Fill> = trades
                .into_iter()
                .map(|(trade_id, (price, quantity, buyer_is_maker))| Fill {
                    trade_id,
                    price: Decimal::from_mantissa(price).unwrap(),
                    quantity: Decimal::from_mantissa(quantity).unwrap(),
                    buyer_is_maker,
                })
                .collect();
            let mut shuffled: Vec<Fill> = picks.iter().map(|pick| *pick.get(&fills)).collect();
            shuffled.extend(&fills);
            prop_assert_eq!(tally(&shuffled), tally(&fills));
        }
    }
}
