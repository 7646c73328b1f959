//! The one place where frames leave a connection. Control frames overtake buffered trades.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::extract::ws::{Message, WebSocket};
use futures::{SinkExt, stream::SplitSink};
use tokio::sync::mpsc;

use super::outlet::{ConnectionId, Frame};
use crate::{
    coinbase,
    market::{numbering::Numbered, series::TimeUnit, symbol::Symbol},
};

/// Frames written between two flushes.
const BATCH: usize = 64;

/// How a connection writes trades.
pub enum Form {
    /// As Binance does.
    Binance {
        /// Whether data frames get the `{"stream":…,"data":…}` envelope.
        combined: Arc<AtomicBool>,
        /// Unit of the times in events.
        unit: TimeUnit,
    },
    /// As Coinbase does.
    Coinbase,
}

/// Writes to one socket until told to close or until the socket fails.
pub struct Writer {
    /// The connection this is.
    pub id: ConnectionId,
    /// The socket's write half.
    pub sink: SplitSink<WebSocket, Message>,
    /// How trades are written.
    pub form: Form,
    /// Answers, pings and the closing frame.
    pub control: mpsc::Receiver<Message>,
    /// Trades and injected frames.
    pub frames: mpsc::Receiver<Frame>,
}

impl Writer {
    /// Returns after a closing frame, or when the socket or the session is gone.
    pub async fn run(mut self) -> Result<(), axum::Error> {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                message = self.control.recv() => {
                    let Some(message) = message else { return Ok(()) };
                    let closing = matches!(message, Message::Close(_));
                    self.sink.send(message).await?;
                    if closing {
                        return Ok(());
                    }
                }
                received = self.frames.recv_many(&mut batch, BATCH), if !self.frames.is_closed() || !self.frames.is_empty() => {
                    if received > 0 {
                        self.write(&mut batch).await?;
                    }
                }
            }
        }
    }

    async fn write(&mut self, batch: &mut Vec<Frame>) -> Result<(), axum::Error> {
        for frame in &*batch {
            if let Some(text) = self.render(frame) {
                self.sink.feed(Message::Text(text.into())).await?;
            }
        }
        self.sink.flush().await?;
        for frame in batch.drain(..) {
            if let Frame::Trade { symbol, trade } = frame {
                symbol.written(self.id, trade.index);
            }
        }
        Ok(())
    }

    fn render(&self, frame: &Frame) -> Option<String> {
        match frame {
            Frame::Text(text) => Some(text.clone()),
            Frame::Trade { symbol, trade } => self.trade(symbol, *trade),
            Frame::Truncated { symbol, trade } => {
                let mut text = self.trade(symbol, *trade)?;
                text.truncate(text.len() / 2);
                Some(text)
            }
        }
    }

    fn trade(&self, symbol: &Symbol, trade: Numbered) -> Option<String> {
        let trade = symbol.series.trade(trade)?;
        Some(match &self.form {
            Form::Binance { combined, unit } => {
                let combined = combined.load(Ordering::Relaxed);
                envelope(combined, &symbol.stream(), trade.event(*unit))
            }
            Form::Coinbase => coinbase::form::message("match", &trade),
        })
    }
}

/// An event in the form of the connection.
pub fn envelope(combined: bool, stream: &str, event: String) -> String {
    if combined {
        format!(r#"{{"stream":"{stream}","data":{event}}}"#)
    } else {
        event
    }
}
