//! The life of one connection: connect, subscribe, read until it ends.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::{
    net::TcpStream,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};
use tokio_util::sync::CancellationToken;

use super::{
    error::LinkError,
    talk::{ANSWER_TIMEOUT, Talk, Told},
};
use crate::{
    feed::{
        Gate, Intake, Monitor, Received,
        handover::{Dial, End, Expectation, Hearing, Wire},
    },
    model::{Symbol, Trade},
    recording::Recorder,
};

/// TCP, TLS and handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for one write: control frames are small, so that a blocked write is a dead connection.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the exchange to answer the closing of a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the monitor is told which trades the stream itself says exist: as seldom as REST is asked, so that an id has
/// time to be delivered before the next one is told.
const TELL_EXISTING: Duration = Duration::from_secs(15);
/// Looks for a symbol that is silent, in the shortest pause that counts.
const CHECKS: u32 = 6;
/// A trade has 200 bytes. What passes is certain to fit a Kafka record.
const MAX_MESSAGE: usize = 512 * 1024;
/// 128 KiB are the library's default; a busy connection reads some 100 trades at a time with this.
const READ_BUFFER: usize = 32 * 1024;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How connections are made, and what is expected of them.
pub struct Dialer<T> {
    /// `wss://host` or `ws://host[:port]`, without a path.
    pub origin: String,
    /// A connection without a frame or ping for this long is dead.
    pub silence_limit: Duration,
    /// How long a symbol may be silent.
    pub expectation: Expectation,
    /// How long a trade that exists may be under way.
    pub delivery_grace: Duration,
    /// Where trades go.
    pub intake: Intake,
    /// Whom they tell what was read.
    pub monitor: Arc<Monitor>,
    /// Where frames are kept.
    pub recorder: Option<Recorder>,
    /// Connections made so far.
    pub connections: AtomicU64,
    /// How they talk.
    pub talk: PhantomData<fn() -> T>,
}

impl<T: Talk> Dial for Dialer<T> {
    async fn live(&self, wire: Wire) -> End {
        match self.read_to_the_end(wire).await {
            Ok(never) => match never {},
            Err(error) => error.into(),
        }
    }
}

impl<T: Talk> Dialer<T> {
    async fn read_to_the_end(&self, wire: Wire) -> Result<Infallible, LinkError> {
        let mut gate = self.intake.gate();
        tokio::select! {
            () = wire.stop.cancelled() => return Err(LinkError::Stopped),
            () = gate.opened() => {}
        }
        let socket = self.connect(&wire.stop).await?;
        wire.news.opened();
        let now = Instant::now();
        let session = Session {
            dialer: self,
            number: self.connections.fetch_add(1, Ordering::Relaxed),
            wire,
            gate,
            socket,
            talk: T::default(),
            next_request: now,
            existing: BTreeMap::new(),
            silent_since: now,
            told: false,
            told_silent: false,
        };
        session.run().await
    }

    async fn connect(&self, stop: &CancellationToken) -> Result<Socket, LinkError> {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let url = format!("{}{}", self.origin.trim_end_matches('/'), T::PATH);
        let connecting = connect_async_tls_with_config(url, Some(config), true, None);
        tokio::select! {
            () = stop.cancelled() => Err(LinkError::Stopped),
            connected = timeout(CONNECT_TIMEOUT, connecting) => {
                Ok(connected.map_err(|_| LinkError::timeout("connecting", CONNECT_TIMEOUT))??.0)
            }
        }
    }
}

/// A connection that is made.
struct Session<'a, T> {
    dialer: &'a Dialer<T>,
    /// In the recording.
    number: u64,
    wire: Wire,
    gate: Gate,
    socket: Socket,
    talk: T,
    /// When the next request may be sent.
    next_request: Instant,
    /// The newest ids that the stream itself says exist, not yet told.
    existing: BTreeMap<Symbol, u64>,
    silent_since: Instant,
    /// Whether the line knows that this connection is to be replaced.
    told: bool,
    /// Whether the line knows that nothing comes any more.
    told_silent: bool,
}

impl<T: Talk> Session<'_, T> {
    async fn run(mut self) -> Result<Infallible, LinkError> {
        let stop = self.wire.stop.clone();
        let mut checks = interval(self.dialer.expectation.least_pause / CHECKS);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut existing = interval(TELL_EXISTING);
        existing.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.want();
        loop {
            let request_due = self.talk.request_due(Instant::now());
            let answer_due = self.talk.deadline();
            let silence_due = self.silent_since + self.dialer.silence_limit;
            // Nothing read is lost here: the branches do no more than wait. The socket comes before the checks, so that what
            // has arrived counts before its absence does.
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(self.take_leave().await),
                () = self.gate.shut() => return Err(self.walk_out().await),
                Ok(()) = self.wire.wanted.changed() => self.want(),
                () = sleep_until(request_due.unwrap_or(silence_due).max(self.next_request)), if request_due.is_some() => {
                    self.request().await?;
                }
                message = self.socket.next() => {
                    let message = message.ok_or_else(|| LinkError::Closed("no reason given".to_owned()))??;
                    self.handle(message).await?;
                    self.silent_since = Instant::now();
                    self.told_silent = false;
                }
                () = sleep_until(answer_due.unwrap_or(silence_due)), if answer_due.is_some() && !self.told => {
                    self.tell(&LinkError::timeout("the answer to a subscription", ANSWER_TIMEOUT));
                }
                () = sleep_until(silence_due), if !self.told_silent => {
                    self.told_silent = true;
                    let error = LinkError::timeout("the next frame or ping", self.dialer.silence_limit);
                    self.wire.news.silent(error.cause());
                }
                _ = checks.tick() => self.check(),
                _ = existing.tick() => {
                    let existing = std::mem::take(&mut self.existing);
                    self.dialer.monitor.newest().tell(&existing, Instant::now());
                }
            }
        }
    }

    /// Takes over what is wanted now.
    fn want(&mut self) {
        let symbols = self.wire.wanted.borrow_and_update().clone();
        self.talk.want(&symbols);
        let mut heard = self.wire.heard.lock();
        heard.want(&symbols);
        heard.confirm(self.talk.is_complete(), Instant::now());
    }

    async fn request(&mut self) -> Result<(), LinkError> {
        if let Some(request) = self.talk.next_request(Instant::now()) {
            let written = timeout(WRITE_TIMEOUT, self.socket.send(Message::text(request))).await;
            written.map_err(|_| LinkError::timeout("a write", WRITE_TIMEOUT))??;
        }
        self.next_request = Instant::now() + T::PACE;
        Ok(())
    }

    /// Tells the line, once, that this connection is to be replaced. It goes on meanwhile.
    fn tell(&mut self, error: &LinkError) {
        if !self.told {
            self.told = true;
            self.wire.news.leaving(error.cause());
        }
    }

    fn check(&mut self) {
        let now = Instant::now();
        let (deaf, overdue) = {
            let mut heard = self.wire.heard.lock();
            let newest = self.dialer.monitor.newest().lock();
            let deaf = heard.deaf(now, &newest, self.dialer.delivery_grace);
            (deaf, heard.overdue(now, &self.dialer.expectation).cloned())
        };
        if let Some(symbol) = deaf {
            self.tell(&LinkError::NotDelivered(symbol));
        } else if let Some(symbol) = overdue {
            self.tell(&LinkError::SymbolSilent(symbol));
        }
    }

    /// Closes without reading what the exchange has sent: there is no room for it.
    async fn walk_out(&mut self) -> LinkError {
        if let Ok(Err(error)) = timeout(CLOSE_TIMEOUT, self.socket.close(None)).await {
            tracing::debug!(%error, "connection ended before it could be closed");
        }
        LinkError::BufferFull
    }

    /// Closes in order: what the exchange sent before it heard of it is still read.
    async fn take_leave(&mut self) -> LinkError {
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        if let Ok(Err(error)) = timeout(WRITE_TIMEOUT, self.socket.close(None)).await {
            tracing::debug!(%error, "connection ended before it could be closed");
        }
        loop {
            let message = tokio::select! {
                () = sleep_until(deadline) => return LinkError::Stopped,
                message = self.socket.next() => message,
            };
            let Some(Ok(message)) = message else {
                return LinkError::Stopped;
            };
            // Never cut short, because a trade in it would be lost.
            if self.handle(message).await.is_err() {
                return LinkError::Stopped;
            }
        }
    }

    async fn handle(&mut self, message: Message) -> Result<(), LinkError> {
        match message {
            Message::Text(text) => {
                let frame = text.into();
                self.record(&frame);
                self.frame(frame).await
            }
            Message::Binary(bytes) => {
                self.record(&bytes);
                self.reject(bytes, "BinaryFrame").await
            }
            Message::Ping(_) => self.flush_pong().await,
            Message::Close(Some(close)) => Err(LinkError::Closed(close.to_string())),
            Message::Close(None) => Err(LinkError::Closed("no reason given".to_owned())),
            Message::Pong(_) | Message::Frame(_) => Ok(()),
        }
    }

    /// The library has queued the pong; without a write of ours it must be pushed out.
    async fn flush_pong(&mut self) -> Result<(), LinkError> {
        let flushed = timeout(WRITE_TIMEOUT, self.socket.flush()).await;
        flushed.map_err(|_| LinkError::timeout("a write", WRITE_TIMEOUT))??;
        self.next_request = self.next_request.max(Instant::now() + T::PACE);
        Ok(())
    }

    fn record(&self, frame: &Bytes) {
        if let Some(recorder) = &self.dialer.recorder {
            recorder.keep(self.number, frame);
        }
    }

    async fn frame(&mut self, bytes: Bytes) -> Result<(), LinkError> {
        match self.talk.read(&bytes, Instant::now()) {
            Told::Trade(event, trade) => return self.trade(event, trade).await,
            Told::Unreadable(bytes, reason) => return self.reject(bytes, reason).await,
            Told::Unknown => self.dialer.monitor.rejected("UnknownEvent"),
            Told::Nothing => {}
            Told::Complete => {
                self.wire.heard.lock().confirm(true, Instant::now());
                self.wire.news.confirmed();
            }
            Told::Exists(symbol, id) => {
                self.existing.insert(symbol, id);
            }
            Told::Leave(error) => self.tell(&error),
        }
        Ok(())
    }

    async fn trade(&mut self, event: Bytes, trade: Trade) -> Result<(), LinkError> {
        let (symbol, id) = (trade.symbol.clone(), trade.trade_id);
        let hearing = self.wire.heard.lock().trade(&symbol, id, Instant::now());
        match hearing {
            Hearing::Wanted => {}
            Hearing::GivenUp => return Ok(()),
            Hearing::Foreign => return self.reject(event, "UnexpectedSymbol").await,
        }
        let received = Received::now(event, Ok(trade));
        if let Ok(trade) = &received.content {
            self.dialer.monitor.received(received.wall_us, trade);
        }
        let pushed = self.dialer.intake.push(received).await;
        if pushed.is_err() {
            tracing::error!(%symbol, id, "read and not passed on to kafka, because the process ends");
        }
        Ok(pushed?)
    }

    /// Counts a frame and passes its bytes on, to be kept as a dead letter.
    async fn reject(&mut self, bytes: Bytes, reason: &'static str) -> Result<(), LinkError> {
        self.dialer.monitor.rejected(reason);
        let received = Received::now(bytes, Err(reason.into()));
        Ok(self.dialer.intake.push(received).await?)
    }
}
