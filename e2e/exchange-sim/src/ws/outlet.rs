//! The bounded buffer between the market and one connection.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::market::symbol::Symbol;

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
        index: u64,
    },
    /// A frame sent as it is.
    Text(String),
}

/// Why the exchange itself ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// The buffer is full.
    SlowReader,
    /// The admin API cuts all connections.
    Cut,
}

/// The market's end of the buffer.
#[derive(Debug, Clone)]
pub struct Outlet {
    frames: mpsc::Sender<Frame>,
    kill: mpsc::Sender<Kill>,
}

/// The connection's end of the buffer.
#[derive(Debug)]
pub struct Inlet {
    /// Frames in the order in which they were issued.
    pub frames: mpsc::Receiver<Frame>,
    /// At most one.
    pub kill: mpsc::Receiver<Kill>,
}

impl Outlet {
    /// A buffer for `capacity` frames, at least 1.
    pub fn new(capacity: usize) -> (Self, Inlet) {
        let (frames, frames_in) = mpsc::channel(capacity.max(1));
        let (kill, kill_in) = mpsc::channel(1);
        (
            Self { frames, kill },
            Inlet {
                frames: frames_in,
                kill: kill_in,
            },
        )
    }

    /// Adds a frame without waiting; a connection whose buffer is full is ended.
    pub fn offer(&self, frame: Frame) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.frames.try_send(frame) {
            self.kill(Kill::SlowReader);
        }
    }

    /// Adds a frame as soon as there is room; drops it when the connection has ended.
    pub async fn send(&self, frame: Frame) {
        // An error means that nobody reads any more: the frame then counts as unheard.
        let _ = self.frames.send(frame).await;
    }

    /// Ends the connection.
    pub fn kill(&self, kill: Kill) {
        // An error means that it is ending already.
        let _ = self.kill.try_send(kill);
    }
}
