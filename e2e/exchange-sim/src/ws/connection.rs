//! One stream connection: holds the client to the rules and answers its control frames.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures::{StreamExt, stream::SplitStream};
use serde_json::Value;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout},
};

use super::{
    control::{self, Command, Refusal, Request},
    outlet::{ConnectionId, Order, Outlet},
    writer::{Form, Writer, envelope},
};
use crate::{
    exchange::Exchange,
    ledger::Violation,
    market::series::TimeUnit,
    rules::{heartbeat::Heartbeat, window::SlidingWindow},
};

/// How long a closing handshake may take.
const CLOSING: Duration = Duration::from_secs(1);

/// What the client asked for in its URL.
pub struct Opening {
    /// Where it comes from.
    pub ip: IpAddr,
    /// Whether it came by `/stream`.
    pub combined: bool,
    /// `timeUnit`.
    pub unit: TimeUnit,
    /// Streams named in the URL.
    pub streams: Vec<String>,
}

/// How a connection ends.
enum Ending {
    /// With a closing frame that gives the reason.
    Close(u16, &'static str),
    /// By the client's closing frame, which the socket answers itself.
    Closed,
    /// Without a word.
    Abrupt,
    /// Not at all: for the client it stays open, and nothing comes any more.
    Silent,
}

impl Ending {
    const fn policy(reason: &'static str) -> Self {
        Self::Close(close_code::POLICY, reason)
    }
}

/// Serves the connection to its end.
pub async fn serve(socket: WebSocket, exchange: Arc<Exchange>, opening: Opening) {
    let (sink, mut incoming) = socket.split();
    let (outlet, inlet) = Outlet::new(exchange.limits.buffered_frames);
    let (control, control_in) = mpsc::channel(16);
    let combined = Arc::new(AtomicBool::new(opening.combined));
    let id = exchange.open(outlet, false);
    let writer = Writer {
        id,
        sink,
        form: Form::Binance {
            combined: combined.clone(),
            unit: opening.unit,
        },
        control: control_in,
        frames: inlet.frames,
    };
    let mut writer = tokio::spawn(writer.run());
    let mut session = Session {
        id,
        ip: opening.ip,
        unit: opening.unit,
        messages: SlidingWindow::new(exchange.limits.messages_per_second, Duration::from_secs(1)),
        heartbeat: Heartbeat::new(exchange.limits.pong_timeout),
        exchange,
        combined,
        control,
    };
    let ending = match session.open(opening.streams) {
        Ok(()) => session.run(&mut incoming, inlet.orders, &mut writer).await,
        Err(ending) => ending,
    };
    session.exchange.close(id);
    if let Ending::Close(code, reason) = ending {
        session.send(Message::Close(Some(CloseFrame {
            code,
            reason: reason.into(),
        })));
    }
    if matches!(ending, Ending::Silent) {
        writer.abort();
        let lifetime = session.exchange.limits.connection_lifetime;
        // Nothing is read either, so that not even the client's closing is noticed.
        let _ = timeout(lifetime, session.exchange.stop.cancelled()).await;
        return;
    }
    if !matches!(ending, Ending::Abrupt) {
        // What the client still sends is read, since unread bytes would reset the socket and lose the closing
        // frame. An error or the time limit ends it too: then there is nobody to be polite to.
        let _ = timeout(CLOSING, async {
            while let Some(Ok(_)) = incoming.next().await {}
        })
        .await;
    }
    writer.abort();
}

struct Session {
    id: ConnectionId,
    ip: IpAddr,
    unit: TimeUnit,
    exchange: Arc<Exchange>,
    messages: SlidingWindow,
    heartbeat: Heartbeat,
    combined: Arc<AtomicBool>,
    control: mpsc::Sender<Message>,
}

impl Session {
    fn open(&mut self, streams: Vec<String>) -> Result<(), Ending> {
        if !streams.iter().all(|stream| control::is_stream_name(stream)) {
            return Err(self.refuse(&Refusal::invalid_stream()).unwrap_or(Ending::Abrupt));
        }
        if !self.exchange.has_room(self.id, &streams) {
            self.too_many_streams(None);
            return Err(Ending::policy("Too many subscriptions"));
        }
        self.exchange.subscribe(self.id, streams);
        Ok(())
    }

    async fn run(
        &mut self,
        incoming: &mut SplitStream<WebSocket>,
        mut orders: mpsc::Receiver<Order>,
        writer: &mut JoinHandle<Result<(), axum::Error>>,
    ) -> Ending {
        let opened = Instant::now();
        let limits = self.exchange.limits.clone();
        let mut end = opened + limits.connection_lifetime;
        let notice = opened + limits.connection_lifetime.saturating_sub(limits.shutdown_notice);
        let mut noticed = false;
        let mut pings = interval_at(opened + limits.ping_interval, limits.ping_interval);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let pong_due = self.heartbeat.deadline();
            let ended = tokio::select! {
                message = incoming.next() => match message {
                    Some(Ok(message)) => self.receive(message),
                    _ => Some(Ending::Abrupt),
                },
                Some(order) = orders.recv() => match order {
                    Order::EndSlowReader => Some(self.too_slow()),
                    Order::Cut => Some(Ending::Abrupt),
                    Order::FallSilent => Some(Ending::Silent),
                    Order::ShutDown(after) => {
                        noticed = true;
                        end = end.min(Instant::now() + after);
                        self.announce_shutdown();
                        None
                    }
                },
                () = sleep_until(pong_due.unwrap_or(end)), if pong_due.is_some() => {
                    self.violation(Violation::PongTimeout, "no pong with the payload of the last ping");
                    Some(Ending::policy("Pong timeout"))
                }
                () = sleep_until(notice), if !noticed => {
                    noticed = true;
                    self.announce_shutdown();
                    None
                }
                () = sleep_until(end) => Some(Ending::Close(close_code::AWAY, "connection lifetime is over")),
                _ = pings.tick() => {
                    self.ping();
                    None
                }
                () = self.exchange.stop.cancelled() => Some(Ending::Abrupt),
                _ = &mut *writer => Some(Ending::Abrupt),
            };
            if let Some(ended) = ended {
                return ended;
            }
        }
    }

    fn receive(&mut self, message: Message) -> Option<Ending> {
        if matches!(message, Message::Close(_)) {
            return Some(Ending::Closed);
        }
        if self.messages.admit(self.exchange.now()).is_err() {
            let limit = self.exchange.limits.messages_per_second;
            self.violation(
                Violation::MessageRate,
                &format!("more than {limit} messages in a second"),
            );
            return Some(Ending::policy("Too many requests"));
        }
        match message {
            Message::Pong(payload) => {
                self.heartbeat.pong(&payload);
                None
            }
            Message::Text(text) if text.len() > self.exchange.limits.max_frame_bytes => {
                self.violation(
                    Violation::FrameTooLarge,
                    &format!("a frame of {} bytes is ignored", text.len()),
                );
                None
            }
            Message::Text(text) => match control::parse(&text) {
                Ok(request) => self.execute(request),
                Err(refusal) => self.refuse(&refusal),
            },
            // The socket itself answers pings; binary frames mean nothing here.
            Message::Ping(_) | Message::Binary(_) | Message::Close(_) => None,
        }
    }

    fn execute(&mut self, Request { id, command }: Request) -> Option<Ending> {
        let result = match command {
            Command::Subscribe(streams) => {
                if !self.exchange.has_room(self.id, &streams) {
                    self.too_many_streams(Some(id));
                    return None;
                }
                // Answered first, so that the answer comes before the first trade.
                self.send(Message::Text(control::answer(&id, &Value::Null).into()));
                self.exchange.subscribe(self.id, streams);
                return None;
            }
            Command::Unsubscribe(streams) => {
                self.exchange.unsubscribe(self.id, &streams);
                Value::Null
            }
            Command::ListSubscriptions => self.exchange.subscriptions(self.id).into(),
            Command::SetCombined(combined) => {
                self.combined.store(combined, Ordering::Relaxed);
                Value::Null
            }
            Command::GetCombined => self.combined.load(Ordering::Relaxed).into(),
        };
        self.send(Message::Text(control::answer(&id, &result).into()));
        None
    }

    fn too_many_streams(&self, id: Option<Value>) {
        let limit = self.exchange.limits.streams_per_connection;
        self.violation(Violation::TooManyStreams, &format!("more than {limit} streams"));
        self.send(Message::Text(
            Refusal::too_many_subscriptions(id).to_json().into(),
        ));
    }

    fn refuse(&self, refusal: &Refusal) -> Option<Ending> {
        self.send(Message::Text(refusal.to_json().into()));
        refusal.closes.then_some(Ending::policy("Invalid request"))
    }

    fn too_slow(&self) -> Ending {
        let frames = self.exchange.limits.buffered_frames;
        self.violation(
            Violation::SlowReader,
            &format!("more than {frames} frames are waiting"),
        );
        Ending::Abrupt
    }

    fn ping(&mut self) {
        let payload = self.exchange.now().as_millis().to_string().into_bytes();
        self.heartbeat.ping(Instant::now(), payload.clone());
        self.send(Message::Ping(payload.into()));
    }

    fn announce_shutdown(&self) {
        let time = self.unit.of_millis(self.exchange.now_ms());
        let event = format!(r#"{{"e":"serverShutdown","E":{time}}}"#);
        let text = envelope(self.combined.load(Ordering::Relaxed), "!serverShutdown", event);
        self.send(Message::Text(text.into()));
    }

    fn violation(&self, violation: Violation, detail: &str) {
        self.exchange.violation(self.ip, violation, detail);
    }

    /// Hands a frame to the writer. When it is so far behind that even control frames queue up, the frame
    /// is dropped: such a connection ends by its buffer or by its pong deadline.
    fn send(&self, message: Message) {
        let _ = self.control.try_send(message);
    }
}
