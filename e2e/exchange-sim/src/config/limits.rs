//! The rules a client is held to, each an option of the command line.

use std::time::Duration;

/// Limits for market data, each with the published value as its default (binance-spot-api-docs: web-socket-streams.md,
/// rest-api.md; docs.cdp.coinbase.com/exchange: WebSocket and REST rate limits).
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
    /// Inbound messages per second and connection on Coinbase's side, without the bursts that it allows
    #[arg(long, env = "EXCHANGE_SIM_COINBASE_MESSAGES_PER_SECOND", default_value_t = 8)]
    pub coinbase_messages_per_second: usize,
    /// REST requests in one second from one IP on Coinbase's side, without the bursts that it allows
    #[arg(long, env = "EXCHANGE_SIM_COINBASE_REQUESTS_PER_SECOND", default_value_t = 10)]
    pub coinbase_requests_per_second: usize,
    /// Seconds in which a connection to Coinbase must subscribe
    #[arg(long, env = "EXCHANGE_SIM_COINBASE_SUBSCRIBE_WITHIN", default_value = "5", value_parser = seconds)]
    pub coinbase_subscribe_within: Duration,
    /// Frames kept for a slow reader before it is disconnected
    #[arg(long, env = "EXCHANGE_SIM_BUFFERED_FRAMES", default_value_t = 10_000,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub buffered_frames: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(20),
            pong_timeout: Duration::from_mins(1),
            connection_lifetime: Duration::from_hours(24),
            shutdown_notice: Duration::from_secs(30),
            messages_per_second: 5,
            max_frame_bytes: 4096,
            streams_per_connection: 1024,
            connection_attempts: 300,
            weight_per_minute: 6000,
            refusals_before_ban: 10,
            ban: Duration::from_mins(2),
            coinbase_messages_per_second: 8,
            coinbase_requests_per_second: 10,
            coinbase_subscribe_within: Duration::from_secs(5),
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
