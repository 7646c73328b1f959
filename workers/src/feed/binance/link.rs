//! The life of one connection: connect, subscribe, read until it ends.

use std::{collections::HashSet, convert::Infallible, sync::Arc, time::Duration};

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
    end::End,
    frame::{self, Frame},
    plan::Plan,
    subscription::{ANSWER_TIMEOUT, Subscription},
};
use crate::{
    decode,
    feed::{Intake, Monitor, Received},
    model::Symbol,
};

/// TCP, TLS and handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Binance allows 5 inbound messages per second, pongs included; 220 ms were seen to fail.
const PACE: Duration = Duration::from_millis(250);
/// Time for one write: control frames are small, so that a blocked write is a dead connection.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the exchange to answer the closing of a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// A trade has 200 bytes. What passes is certain to fit a Kafka record.
const MAX_MESSAGE: usize = 512 * 1024;
/// 128 KiB are the library's default; a busy connection reads some 100 trades at a time with this.
const READ_BUFFER: usize = 32 * 1024;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// One connection to be.
pub struct Link {
    /// Its place in the monitor.
    pub number: usize,
    /// What it asks for.
    pub plan: Plan,
    /// Symbols whose trades are expected.
    pub symbols: Arc<HashSet<Symbol>>,
    /// A connection without a frame or ping for this long is dead.
    pub silence_limit: Duration,
    /// Where trades go.
    pub intake: Intake,
    /// Whom it tells how it fares.
    pub monitor: Arc<Monitor>,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Link {
    /// Connects and reads until the connection ends, and says why it did.
    pub async fn live(&self) -> End {
        match self.read_to_the_end().await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn read_to_the_end(&self) -> Result<Infallible, End> {
        let mut socket = self.connect().await?;
        self.monitor.opened(self.number);
        let mut subscription = Subscription::new(&self.plan);
        if subscription.complete() {
            self.confirmed();
        }
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent_since = Instant::now();
        loop {
            // Nothing read is lost here: the branches do no more than wait.
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(self.take_leave(socket, subscription).await),
                _ = pace.tick(), if subscription.has_request() => {
                    if let Some(request) = subscription.next_request() {
                        write(&mut socket, Message::text(request)).await?;
                    }
                }
                () = sleep_until(subscription.deadline()), if !subscription.complete() => {
                    return Err(End::timeout("the answer to a subscription", ANSWER_TIMEOUT));
                }
                () = sleep_until(silent_since + self.silence_limit) => {
                    return Err(End::timeout("the next frame or ping", self.silence_limit));
                }
                message = socket.next() => {
                    let message = message.ok_or_else(|| End::Closed("no reason given".to_owned()))??;
                    self.handle(message, &mut socket, &mut subscription).await?;
                    silent_since = Instant::now();
                }
            }
        }
    }

    /// Closes in order: what the exchange sent before it heard of it is still read.
    async fn take_leave(&self, mut socket: Socket, mut subscription: Subscription<'_>) -> End {
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        if let Ok(Err(error)) = timeout(WRITE_TIMEOUT, socket.close(None)).await {
            tracing::debug!(%error, "connection ended before it could be closed");
        }
        loop {
            let message = tokio::select! {
                () = sleep_until(deadline) => return End::Stopped,
                message = socket.next() => message,
            };
            let Some(Ok(message)) = message else {
                return End::Stopped;
            };
            // Never cut short, because a trade in it would be lost.
            if self
                .handle(message, &mut socket, &mut subscription)
                .await
                .is_err()
            {
                return End::Stopped;
            }
        }
    }

    async fn connect(&self) -> Result<Socket, End> {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let connecting = connect_async_tls_with_config(self.plan.url.as_str(), Some(config), true, None);
        tokio::select! {
            () = self.stop.cancelled() => Err(End::Stopped),
            connected = timeout(CONNECT_TIMEOUT, connecting) => {
                Ok(connected.map_err(|_| End::timeout("connecting", CONNECT_TIMEOUT))??.0)
            }
        }
    }

    async fn handle(
        &self,
        message: Message,
        socket: &mut Socket,
        subscription: &mut Subscription<'_>,
    ) -> Result<(), End> {
        match message {
            Message::Text(text) => self.frame(text.into(), subscription).await,
            Message::Binary(bytes) => self.reject(bytes, "BinaryFrame").await,
            // The library has queued the pong; without a write of ours it must be pushed out.
            Message::Ping(_) => flush(socket).await,
            Message::Close(Some(close)) => Err(End::Closed(close.to_string())),
            Message::Close(None) => Err(End::Closed("no reason given".to_owned())),
            Message::Pong(_) | Message::Frame(_) => Ok(()),
        }
    }

    async fn frame(&self, bytes: Bytes, subscription: &mut Subscription<'_>) -> Result<(), End> {
        match frame::read(&bytes) {
            Frame::Trade(event) => self.trade(event).await,
            Frame::Broken => self.reject(bytes, "BrokenFrame").await,
            Frame::Unknown => {
                self.monitor.rejected("UnknownEvent");
                Ok(())
            }
            Frame::Accepted(id) => {
                if subscription.accept(id) {
                    self.confirmed();
                }
                Ok(())
            }
            Frame::Refused { code, message } => Err(End::Refused { code, message }),
            Frame::ServerShutdown => Err(End::ServerShutdown),
        }
    }

    async fn trade(&self, event: Bytes) -> Result<(), End> {
        let trade = match decode::trade(&event) {
            Ok(trade) if self.symbols.contains(&trade.symbol) => trade,
            Ok(_) => return self.reject(event, "UnexpectedSymbol").await,
            Err(error) => {
                tracing::warn!(%error, "trade event cannot be read");
                return self.reject(event, error.reason()).await;
            }
        };
        let (symbol, id) = (trade.symbol.clone(), trade.trade_id);
        let received = Received::now(event, Ok(trade));
        if let Ok(trade) = &received.content {
            self.monitor.received(received.wall_us, trade);
        }
        let pushed = self.intake.push(received).await;
        if pushed.is_err() {
            tracing::error!(%symbol, id, "read and not passed on to kafka, because the process ends");
        }
        Ok(pushed?)
    }

    /// Counts a frame and passes its bytes on, to be kept as a dead letter.
    async fn reject(&self, bytes: Bytes, reason: &'static str) -> Result<(), End> {
        self.monitor.rejected(reason);
        Ok(self.intake.push(Received::now(bytes, Err(reason))).await?)
    }

    fn confirmed(&self) {
        self.monitor.subscribed(self.number);
        tracing::info!(connection = self.number, "subscribed to the exchange");
    }
}

async fn write(socket: &mut Socket, message: Message) -> Result<(), End> {
    let written = timeout(WRITE_TIMEOUT, socket.send(message)).await;
    Ok(written.map_err(|_| End::timeout("a write", WRITE_TIMEOUT))??)
}

async fn flush(socket: &mut Socket) -> Result<(), End> {
    let flushed = timeout(WRITE_TIMEOUT, socket.flush()).await;
    Ok(flushed.map_err(|_| End::timeout("a write", WRITE_TIMEOUT))??)
}
