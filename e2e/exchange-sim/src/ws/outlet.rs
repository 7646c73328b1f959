//! The bounded buffer between the market and one connection.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use crate::market::{numbering::Numbered, symbol::Symbol};

/// Orders that may wait to be carried out.
const ORDERS: usize = 4;

/// Names a connection; never used twice.
pub type ConnectionId = u64;

/// What waits to be written to a connection.
#[derive(Debug)]
pub enum Frame {
    /// A trade, rendered only when it is written, since connections differ in form.
    Trade {
        /// Whose trade.
        symbol: Arc<Symbol>,
        /// Which of its series.
        trade: Numbered,
    },
    /// The first half of a trade's frame.
    Truncated {
        /// Whose trade.
        symbol: Arc<Symbol>,
        /// Which of its series.
        trade: Numbered,
    },
    /// A frame sent as it is.
    Text(String),
}

/// What the exchange tells a connection to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// To end, since its buffer is full.
    EndSlowReader,
    /// To end without a closing frame.
    Cut,
    /// To stay open without reading or writing anything more.
    FallSilent,
    /// To announce its end, and to end after this time.
    ShutDown(Duration),
}

/// The market's end of the buffer.
#[derive(Debug, Clone)]
pub struct Outlet {
    frames: mpsc::Sender<Frame>,
    orders: mpsc::Sender<Order>,
}

/// The connection's end of the buffer.
#[derive(Debug)]
pub struct Inlet {
    /// Frames in the order in which they were issued.
    pub frames: mpsc::Receiver<Frame>,
    /// What it is told to do.
    pub orders: mpsc::Receiver<Order>,
}

impl Outlet {
    /// A buffer for `capacity` frames, at least 1.
    pub fn new(capacity: usize) -> (Self, Inlet) {
        let (frames, frames_in) = mpsc::channel(capacity.max(1));
        let (orders, orders_in) = mpsc::channel(ORDERS);
        (
            Self { frames, orders },
            Inlet {
                frames: frames_in,
                orders: orders_in,
            },
        )
    }

    /// Adds a frame without waiting; a connection whose buffer is full is ended.
    pub fn offer(&self, frame: Frame) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.frames.try_send(frame) {
            self.order(Order::EndSlowReader);
        }
    }

    /// Adds a frame as soon as there is room; drops it when the connection has ended.
    pub async fn send(&self, frame: Frame) {
        // An error means that nobody reads any more: the frame then counts as unheard.
        let _ = self.frames.send(frame).await;
    }

    /// Tells the connection to do something.
    pub fn order(&self, order: Order) {
        // An error means that it is ending already, or has more orders than it needs to end.
        let _ = self.orders.try_send(order);
    }
}
