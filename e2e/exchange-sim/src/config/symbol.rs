//! What can be chosen for a symbol.

use serde::Deserialize;

/// How fast recorded time passes: 1 as recorded, 10 ten times as fast, 0 as fast as the readers can take.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub struct Speed(f64);

impl Speed {
    /// The factor by which waiting times shrink; `None` when nothing is waited for.
    pub fn factor(self) -> Option<f64> {
        (self.0 > 0.0).then_some(self.0)
    }
}

impl TryFrom<f64> for Speed {
    type Error = String;

    fn try_from(factor: f64) -> Result<Self, Self::Error> {
        // Below a thousandth the waiting times of a long series leave the range of a clock.
        if factor == 0.0 || (factor.is_finite() && factor >= 0.001) {
            Ok(Self(factor))
        } else {
            Err("must be 0 (unpaced) or at least 0.001".to_owned())
        }
    }
}

/// When a symbol's trades begin to be issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// With the first subscription to its stream.
    Subscription,
    /// As soon as the symbol is listed.
    Now,
    /// On `POST /sim/symbols/{name}/start`.
    Command,
}

/// One listed symbol. The symbol of the recording is sent byte for byte as recorded; any other is derived
/// from the same trades, with its own ids and exactly scaled prices.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SymbolSpec {
    /// Upper case, as in `BTCUSDT`.
    pub name: String,
    /// Id of the first trade of the series; 1 when absent. Refused for the recorded symbol, which keeps its ids.
    #[serde(default)]
    pub id_base: Option<u64>,
    /// How often the recording is played; ids and times go on over the repetitions.
    #[serde(default = "once")]
    pub repeat: u32,
    /// Pace of the trades.
    #[serde(default = "as_recorded")]
    pub speed: Speed,
    /// What starts the symbol's clock.
    #[serde(default = "at_subscription")]
    pub start: Start,
    /// Number of trades at the head of the series that are left out.
    #[serde(default)]
    pub start_at: u64,
}

const fn once() -> u32 {
    1
}

const fn as_recorded() -> Speed {
    Speed(1.0)
}

const fn at_subscription() -> Start {
    Start::Subscription
}

impl SymbolSpec {
    /// The recording once, as recorded, from the first subscription on.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            id_base: None,
            repeat: once(),
            speed: as_recorded(),
            start: at_subscription(),
            start_at: 0,
        }
    }

    /// The symbols listed when none is asked for: the recorded one and two derived ones, at tenfold speed.
    pub fn defaults() -> Vec<Self> {
        vec![
            Self::new("BTCUSDT").speed(10.0),
            Self::new("ETHUSDT").id_base(400_000_000).speed(10.0),
            Self::new("SOLUSDT").id_base(20_000_000).speed(10.0),
        ]
    }

    /// Sets the id of the first trade.
    #[must_use]
    pub fn id_base(self, id: u64) -> Self {
        Self {
            id_base: Some(id),
            ..self
        }
    }

    /// Sets how often the recording is played.
    #[must_use]
    pub fn repeat(self, times: u32) -> Self {
        Self {
            repeat: times,
            ..self
        }
    }

    /// Sets the pace; a factor that is not a pace (negative, not finite, below 0.001) means unpaced.
    #[must_use]
    pub fn speed(self, factor: f64) -> Self {
        Self {
            speed: Speed::try_from(factor).unwrap_or(Speed(0.0)),
            ..self
        }
    }

    /// Sets what starts the clock.
    #[must_use]
    pub fn start(self, start: Start) -> Self {
        Self { start, ..self }
    }

    /// Leaves out the first `trades` trades of the series.
    #[must_use]
    pub fn start_at(self, trades: u64) -> Self {
        Self {
            start_at: trades,
            ..self
        }
    }
}
