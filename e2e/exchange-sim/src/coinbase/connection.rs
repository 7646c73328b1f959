//! One connection to Coinbase's feed: holds the client to the rules and answers its requests.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures::{StreamExt, stream::SplitStream};
use serde_json::json;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};

use super::{
    form::{iso, message},
    request::{self, Request},
};
use crate::{
    exchange::Exchange,
    ledger::Violation,
    market::symbol::Symbol,
    rules::window::SlidingWindow,
    ws::{
        outlet::{ConnectionId, Order, Outlet},
        writer::{Form, Writer},
    },
};

/// Time between two heartbeats of a product.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long a closing handshake may take.
const CLOSING: Duration = Duration::from_secs(1);

/// How a connection ends.
enum Ending {
    /// With a closing frame that gives the reason.
    Close(&'static str),
    /// By the client's closing frame, which the socket answers itself.
    Closed,
    /// Without a word.
    Abrupt,
    /// Not at all: for the client it stays open, and nothing comes any more.
    Silent,
}

/// Serves the connection to its end.
pub async fn serve(socket: WebSocket, exchange: Arc<Exchange>, ip: IpAddr) {
    let (sink, mut incoming) = socket.split();
    let (outlet, inlet) = Outlet::new(exchange.limits.buffered_frames);
    let (control, control_in) = mpsc::channel(1024);
    let id = exchange.open(outlet, true);
    let writer = Writer {
        id,
        sink,
        form: Form::Coinbase,
        control: control_in,
        frames: inlet.frames,
    };
    let mut writer = tokio::spawn(writer.run());
    let mut session = Session {
        id,
        ip,
        messages: SlidingWindow::new(
            exchange.limits.coinbase_messages_per_second,
            Duration::from_secs(1),
        ),
        exchange,
        asked: false,
        matches: BTreeSet::new(),
        heartbeats: BTreeSet::new(),
        control,
    };
    let ending = session.run(&mut incoming, inlet.orders, &mut writer).await;
    session.exchange.close(id);
    match ending {
        Ending::Close(reason) => session.send(Message::Close(Some(CloseFrame {
            code: close_code::POLICY,
            reason: reason.into(),
        }))),
        Ending::Silent => {
            writer.abort();
            return session.exchange.stop.cancelled().await;
        }
        Ending::Closed | Ending::Abrupt => {}
    }
    if !matches!(ending, Ending::Abrupt) {
        // What the client still sends is read, since unread bytes would reset the socket and lose the closing frame.
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
    exchange: Arc<Exchange>,
    messages: SlidingWindow,
    /// Whether it has ever subscribed.
    asked: bool,
    matches: BTreeSet<String>,
    heartbeats: BTreeSet<String>,
    control: mpsc::Sender<Message>,
}

impl Session {
    async fn run(
        &mut self,
        incoming: &mut SplitStream<WebSocket>,
        mut orders: mpsc::Receiver<Order>,
        writer: &mut JoinHandle<Result<(), axum::Error>>,
    ) -> Ending {
        let subscribe_by = Instant::now() + self.exchange.limits.coinbase_subscribe_within;
        let mut heartbeats = interval(HEARTBEAT);
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut end: Option<Instant> = None;
        loop {
            let ended = tokio::select! {
                message = incoming.next() => match message {
                    Some(Ok(message)) => self.receive(message),
                    _ => Some(Ending::Abrupt),
                },
                Some(order) = orders.recv() => match order {
                    Order::EndSlowReader => {
                        self.violation(Violation::SlowReader, "its buffer is full");
                        Some(Ending::Abrupt)
                    }
                    Order::Cut => Some(Ending::Abrupt),
                    Order::FallSilent => Some(Ending::Silent),
                    Order::ShutDown(after) => {
                        end = Some(Instant::now() + after);
                        None
                    }
                },
                () = sleep_until(subscribe_by), if !self.asked => {
                    self.violation(Violation::NoSubscription, "no subscription in time");
                    Some(Ending::Close("no subscribe message"))
                }
                () = sleep_until(end.unwrap_or(subscribe_by)), if end.is_some() => Some(Ending::Close("going away")),
                _ = heartbeats.tick() => {
                    self.beat();
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
        let text = match message {
            Message::Close(_) => return Some(Ending::Closed),
            Message::Text(text) => text,
            // The socket itself answers pings; binary frames mean nothing here.
            Message::Ping(_) | Message::Pong(_) | Message::Binary(_) => return None,
        };
        if self.messages.admit(self.exchange.now()).is_err() {
            self.violation(Violation::MessageRate, "too many messages in a second");
            return Some(Ending::Close("rate limit"));
        }
        match request::parse(&text) {
            Ok(request) => self.execute(request),
            Err(problem) => {
                self.violation(Violation::MessageForm, &problem);
                self.refuse(&problem);
            }
        }
        None
    }

    /// One product that is not listed spoils the whole request.
    fn execute(&mut self, request: Request) {
        self.asked = true;
        let named = request.matches.union(&request.heartbeats);
        let unlisted = named.into_iter().find(|name| self.product(name).is_none());
        if let Some(name) = unlisted {
            let problem = format!("{name} is not a valid product");
            return self.refuse(&problem);
        }
        if !request.subscribes {
            self.matches.retain(|name| !request.matches.contains(name));
            self.heartbeats.retain(|name| !request.heartbeats.contains(name));
            self.exchange
                .unsubscribe(self.id, &self.streams(&request.matches));
            return self.list();
        }
        let added: BTreeSet<String> = request.matches.difference(&self.matches).cloned().collect();
        self.matches.extend(added.iter().cloned());
        self.heartbeats.extend(request.heartbeats);
        // Answered first, so that the answer comes before the first match.
        self.list();
        for product in added.iter().filter_map(|name| self.product(name)) {
            let newest = product.newest(1).into_iter().next();
            if let Some(trade) = newest.and_then(|trade| product.series.trade(trade)) {
                self.send(Message::Text(message("last_match", &trade).into()));
            }
        }
        self.exchange.subscribe(self.id, self.streams(&added));
    }

    fn product(&self, name: &str) -> Option<Arc<Symbol>> {
        self.exchange.symbol(name).filter(|symbol| symbol.is_product())
    }

    fn streams(&self, names: &BTreeSet<String>) -> Vec<String> {
        let products = names.iter().filter_map(|name| self.product(name));
        products.map(|product| product.stream()).collect()
    }

    /// Says what is subscribed to now.
    fn list(&self) {
        let channels = [("matches", &self.matches), ("heartbeat", &self.heartbeats)]
            .into_iter()
            .filter(|(_, products)| !products.is_empty())
            .map(|(name, products)| json!({"name": name, "product_ids": products}))
            .collect::<Vec<_>>();
        self.tell(&json!({"type": "subscriptions", "channels": channels}));
    }

    fn beat(&self) {
        for product in self.heartbeats.iter().filter_map(|name| self.product(name)) {
            let newest = product.newest(1).first().map_or(0, |trade| trade.id);
            self.tell(&json!({
                "type": "heartbeat",
                "sequence": newest.saturating_mul(3),
                "last_trade_id": newest,
                "product_id": product.name(),
                "time": iso(self.exchange.now()),
            }));
        }
    }

    fn refuse(&self, reason: &str) {
        self.tell(&json!({"type": "error", "message": "Failed to subscribe", "reason": reason}));
    }

    fn violation(&self, violation: Violation, detail: &str) {
        self.exchange.violation(self.ip, violation, detail);
    }

    fn tell(&self, value: &serde_json::Value) {
        self.send(Message::Text(value.to_string().into()));
    }

    /// Hands a frame to the writer. When it is so far behind that even these queue up, the frame is dropped: such a
    /// connection ends by its buffer.
    fn send(&self, message: Message) {
        let _ = self.control.try_send(message);
    }
}
