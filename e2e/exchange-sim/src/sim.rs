//! Starting and stopping a simulated exchange: the listener, the routes and the handle to it.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{Router, serve::ListenerExt};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    admin, coinbase,
    config::{Fault, SimConfig, SymbolSpec},
    exchange::{Exchange, ExchangeError},
    ledger::Ledger,
    market::recording::{Recording, RecordingError},
    rest, ws,
};

/// Why a simulated exchange does not start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The recorded trades.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The listed symbols.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The address.
    #[error("cannot listen on {address}: {source}; choose a free address")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl SimError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Recording(error) => error.reason(),
            Self::Exchange(error) => error.reason(),
            Self::Listen { .. } => "ListenFailed",
        }
    }
}

/// A running exchange. Dropping it ends all its connections and frees its address.
#[derive(Debug)]
pub struct Sim {
    address: SocketAddr,
    exchange: Arc<Exchange>,
    server: JoinHandle<io::Result<()>>,
}

impl Sim {
    /// Loads the recording, lists the symbols and serves from then on.
    pub async fn start(config: SimConfig) -> Result<Self, SimError> {
        let recording = Recording::load(config.recording.as_deref())?;
        let listen_error = |source| SimError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let exchange = Arc::new(Exchange::new(config.limits, recording));
        for spec in config.symbols {
            exchange.list(spec)?;
        }
        let routes = Router::new()
            .merge(ws::routes())
            .merge(rest::routes(&exchange))
            .merge(coinbase::routes(&exchange))
            .merge(admin::routes())
            .with_state(exchange.clone())
            .into_make_service_with_connect_info::<SocketAddr>();
        // A trade is sent when it happens, not when a segment is full. A socket that refuses the option still works.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let stopped = exchange.stop.clone().cancelled_owned();
        let server = axum::serve(listener, routes).with_graceful_shutdown(stopped);
        let server = tokio::spawn(server.into_future());
        Ok(Self {
            address,
            exchange,
            server,
        })
    }

    /// The address it listens on.
    pub const fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Base URL of the WebSocket streams, as in `wss://data-stream.binance.vision`.
    pub fn stream_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Base URL of the REST API, as in `https://data-api.binance.vision`.
    pub fn rest_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was issued, what nobody heard, and which rules were broken.
    pub fn ledger(&self) -> Ledger {
        self.exchange.ledger()
    }

    /// Lists one more symbol.
    pub fn add_symbol(&self, spec: SymbolSpec) -> Result<(), ExchangeError> {
        self.exchange.list(spec)
    }

    /// Starts the clock of a symbol whose start is [`Start::Command`](crate::Start::Command).
    pub fn start_symbol(&self, name: &str) -> Result<(), ExchangeError> {
        self.exchange.start(name)
    }

    /// Ends the series of a symbol with the trades issued so far.
    pub fn stop_symbol(&self, name: &str) -> Result<(), ExchangeError> {
        self.exchange.stop(name)
    }

    /// Sends `text` as one frame, as it is, to all connections of a symbol and returns their number.
    pub fn inject(&self, symbol: &str, text: &str) -> Result<usize, ExchangeError> {
        self.exchange.inject(symbol, text)
    }

    /// Lets a fault happen.
    pub fn inflict(&self, fault: Fault) -> Result<(), ExchangeError> {
        self.exchange.inflict(fault)
    }

    /// Ends all connections and waits until the listener is closed.
    pub async fn stop(mut self) {
        self.exchange.stop.cancel();
        if let Ok(Err(error)) = (&mut self.server).await {
            tracing::warn!(%error, "the listener ended with an error");
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.exchange.stop.cancel();
    }
}
