//! What a simulated exchange is made of: its symbols, its limits and its address. No I/O.

use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use serde::Deserialize;

/// Everything [`Sim::start`](crate::Sim::start) needs.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// The one address of WebSocket, REST and admin API; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Gzipped JSON lines of Binance trade events; the recording inside the program when absent.
    pub recording: Option<PathBuf>,
    /// The symbols listed at the start; more can be added while it runs.
    pub symbols: Vec<SymbolSpec>,
    /// The rules a client is held to.
    pub limits: Limits,
}

impl SimConfig {
    /// A simulated exchange on a free local port, with Binance's own limits.
    pub fn new(symbols: impl IntoIterator<Item = SymbolSpec>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            recording: None,
            symbols: symbols.into_iter().collect(),
            limits: Limits::default(),
        }
    }

    /// Replaces the limits.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }
}

impl Default for SimConfig {
    fn default() -> Self {
        Self::new(SymbolSpec::defaults())
    }
}

/// Binance's limits for market data, each with the published value as its default
/// (binance-spot-api-docs: web-socket-streams.md, rest-api.md).
#[derive(Debug, Clone, clap::Args)]
pub struct Limits {
    /// Seconds between the server's pings
    #[arg(long, env = "EXCHANGE_SIM_PING_INTERVAL", default_value = "20", value_parser = seconds)]
    pub ping_interval: Duration,
    /// Seconds in which a pong with a copy of the ping's payload must arrive
    #[arg(long, env = "EXCHANGE_SIM_PONG_TIMEOUT", default_value = "60", value_parser = seconds)]
    pub pong_timeout: Duration,
    /// Seconds a WebSocket connection may live
    #[arg(long, env = "EXCHANGE_SIM_CONNECTION_LIFETIME", default_value = "86400", value_parser = seconds)]
    pub connection_lifetime: Duration,
    /// Seconds between the `serverShutdown` event and the end of the connection
    #[arg(long, env = "EXCHANGE_SIM_SHUTDOWN_NOTICE", default_value = "30", value_parser = seconds)]
    pub shutdown_notice: Duration,
    /// Inbound messages (ping, pong, JSON) per second and connection
    #[arg(long, env = "EXCHANGE_SIM_MESSAGES_PER_SECOND", default_value_t = 5)]
    pub messages_per_second: usize,
    /// Bytes above which an inbound frame is silently ignored
    #[arg(long, env = "EXCHANGE_SIM_MAX_FRAME_BYTES", default_value_t = 4096)]
    pub max_frame_bytes: usize,
    /// Streams one connection may subscribe to
    #[arg(long, env = "EXCHANGE_SIM_STREAMS_PER_CONNECTION", default_value_t = 1024)]
    pub streams_per_connection: usize,
    /// Connection attempts in 5 minutes from one IP
    #[arg(long, env = "EXCHANGE_SIM_CONNECTION_ATTEMPTS", default_value_t = 300)]
    pub connection_attempts: usize,
    /// REST request weight in one minute from one IP
    #[arg(long, env = "EXCHANGE_SIM_WEIGHT_PER_MINUTE", default_value_t = 6000)]
    pub weight_per_minute: u32,
    /// Refusals (429) in a row after which the IP is banned (418)
    #[arg(long, env = "EXCHANGE_SIM_REFUSALS_BEFORE_BAN", default_value_t = 10)]
    pub refusals_before_ban: u32,
    /// Seconds of the first ban; every further one is twice as long, up to 3 days
    #[arg(long, env = "EXCHANGE_SIM_BAN", default_value = "120", value_parser = seconds)]
    pub ban: Duration,
    /// Frames kept for a slow reader before it is disconnected
    #[arg(long, env = "EXCHANGE_SIM_BUFFERED_FRAMES", default_value_t = 10_000,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub buffered_frames: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(60),
            connection_lifetime: Duration::from_secs(24 * 3600),
            shutdown_notice: Duration::from_secs(30),
            messages_per_second: 5,
            max_frame_bytes: 4096,
            streams_per_connection: 1024,
            connection_attempts: 300,
            weight_per_minute: 6000,
            refusals_before_ban: 10,
            ban: Duration::from_secs(120),
            buffered_frames: 10_000,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse::<f64>().map_err(|error| error.to_string())?;
    let duration = Duration::try_from_secs_f64(number).map_err(|error| error.to_string())?;
    if duration.is_zero() {
        Err("must be greater than 0".to_owned())
    } else {
        Ok(duration)
    }
}

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

/// A symbol description that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum SymbolSpecError {
    /// A part is not of the form `key=value`, or its key is none of the known ones.
    #[error(
        "`{0}` is not one of id-base=ID, repeat=TIMES, speed=FACTOR, start=subscription|now|command, start-at=TRADES"
    )]
    UnknownSetting(String),
    /// The value of a known key does not fit it.
    #[error("{key}={value}: {problem}")]
    BadValue {
        /// The setting.
        key: String,
        /// The value given.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl SymbolSpecError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::UnknownSetting(_) => "UnknownSymbolSetting",
            Self::BadValue { .. } => "BadSymbolSetting",
        }
    }
}

/// Reads `NAME[:key=value]…`, for instance `ETHUSDT:id-base=1000000:repeat=10:speed=0:start=now:start-at=500`.
impl FromStr for SymbolSpec {
    type Err = SymbolSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':');
        let mut spec = Self::new(parts.next().unwrap_or_default());
        for part in parts {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| SymbolSpecError::UnknownSetting(part.to_owned()))?;
            match key {
                "id-base" => spec.id_base = Some(parse(key, value)?),
                "repeat" => spec.repeat = parse(key, value)?,
                "start-at" => spec.start_at = parse(key, value)?,
                "speed" => {
                    spec.speed = Speed::try_from(parse::<f64>(key, value)?)
                        .map_err(|problem| bad(key, value, problem))?;
                }
                "start" => {
                    spec.start = match value {
                        "subscription" => Start::Subscription,
                        "now" => Start::Now,
                        "command" => Start::Command,
                        _ => return Err(bad(key, value, "use subscription, now or command")),
                    };
                }
                _ => return Err(SymbolSpecError::UnknownSetting(part.to_owned())),
            }
        }
        Ok(spec)
    }
}

fn parse<T: FromStr<Err: ToString>>(key: &str, value: &str) -> Result<T, SymbolSpecError> {
    value
        .parse::<T>()
        .map_err(|error| bad(key, value, error.to_string()))
}

fn bad(key: &str, value: &str, problem: impl Into<String>) -> SymbolSpecError {
    SymbolSpecError::BadValue {
        key: key.to_owned(),
        value: value.to_owned(),
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_description_is_read() {
        let spec: SymbolSpec = "ETHUSDT:id-base=7:repeat=3:speed=0:start=now:start-at=5"
            .parse()
            .unwrap();
        let expected = SymbolSpec::new("ETHUSDT")
            .id_base(7)
            .repeat(3)
            .speed(0.0)
            .start(Start::Now)
            .start_at(5);
        assert_eq!(spec, expected);
    }

    #[test]
    fn a_bare_name_plays_the_recording_once_as_recorded() {
        let spec: SymbolSpec = "BTCUSDT".parse().unwrap();
        assert_eq!(
            (spec.repeat, spec.speed.factor(), spec.start),
            (1, Some(1.0), Start::Subscription)
        );
    }

    #[rstest::rstest]
    #[case("ETHUSDT:pace=3", "UnknownSymbolSetting")]
    #[case("ETHUSDT:repeat", "UnknownSymbolSetting")]
    #[case("ETHUSDT:repeat=x", "BadSymbolSetting")]
    #[case("ETHUSDT:speed=-1", "BadSymbolSetting")]
    #[case("ETHUSDT:speed=NaN", "BadSymbolSetting")]
    #[case("ETHUSDT:start=later", "BadSymbolSetting")]
    fn what_cannot_be_understood_is_refused(#[case] text: &str, #[case] reason: &str) {
        assert_eq!(text.parse::<SymbolSpec>().unwrap_err().reason(), reason);
    }
}
