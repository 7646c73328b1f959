//! A client of the simulated exchange as tests need it.

use std::{io::Read, time::Duration};

use exchange_sim::{IdRange, Limits, Sim, SimConfig, SymbolSpec};
use flate2::read::GzDecoder;
use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, protocol::CloseFrame},
};

pub async fn sim(symbols: impl IntoIterator<Item = SymbolSpec>) -> Sim {
    Sim::start(SimConfig::new(symbols)).await.unwrap()
}

pub async fn strict(limits: Limits, symbols: impl IntoIterator<Item = SymbolSpec>) -> Sim {
    Sim::start(SimConfig::new(symbols).limits(limits)).await.unwrap()
}

/// Unpaced.
pub fn fast(name: &str) -> SymbolSpec {
    SymbolSpec::new(name).speed(0.0)
}

pub fn recorded_lines() -> Vec<String> {
    let gzip = std::fs::File::open(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/data/BTCUSDT-trades-2021-01-08.jsonl.gz"
    ));
    let mut text = String::new();
    GzDecoder::new(gzip.unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Waits until the condition holds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(20), wait)
        .await
        .unwrap_or_else(|_| panic!("in vain: {what}"));
}

pub struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub async fn connect(sim: &Sim, path: &str) -> Self {
        Self(
            connect_async(format!("{}{path}", sim.stream_url()))
                .await
                .unwrap()
                .0,
        )
    }

    pub async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    pub async fn request(&mut self, text: &str) -> String {
        self.send(Message::text(text)).await;
        self.text().await
    }

    async fn next(&mut self) -> Option<Message> {
        loop {
            match timeout(Duration::from_secs(20), self.0.next())
                .await
                .expect("nothing arrives")
            {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    }

    pub async fn text(&mut self) -> String {
        match self.next().await {
            Some(Message::Text(text)) => text.as_str().to_owned(),
            other => panic!("no text but {other:?}"),
        }
    }

    pub async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::with_capacity(count);
        while texts.len() < count {
            texts.push(self.text().await);
        }
        texts
    }

    /// Reads to the end: the texts, and the closing frame if there was one.
    pub async fn rest(&mut self) -> (Vec<String>, Option<CloseFrame>) {
        let mut texts = Vec::new();
        loop {
            match self.next().await {
                Some(Message::Text(text)) => texts.push(text.as_str().to_owned()),
                Some(Message::Close(frame)) => return (texts, frame),
                Some(other) => panic!("unexpected {other:?}"),
                None => return (texts, None),
            }
        }
    }

    /// Says goodbye and returns what was under way.
    pub async fn leave(mut self) -> Vec<String> {
        self.0.close(None).await.unwrap();
        self.rest().await.0
    }
}

/// The trade ids of events without an envelope.
pub fn ids(events: &[String]) -> Vec<u64> {
    events
        .iter()
        .map(|event| {
            serde_json::from_str::<Value>(event).unwrap()["t"]
                .as_u64()
                .unwrap()
        })
        .collect()
}

pub fn spread(ranges: &[IdRange]) -> Vec<u64> {
    ranges.iter().flat_map(|range| range.0..=range.1).collect()
}
