//! What a frame holds, for the live feed and for frames of a recording alike. Pure.

use bytes::Bytes;

use super::frame::{self, Frame};
use crate::{decode, model::Trade};

/// What was found in a frame.
#[derive(Debug)]
pub enum Reading {
    /// A trade, and the bytes of its event.
    Trade(Bytes, Trade),
    /// What cannot be read, to be kept as a dead letter: the event or the whole frame, and why under a stable name.
    Unreadable(Bytes, &'static str),
    /// A word on the connection.
    Control(Control),
}

/// What the exchange says that is no trade.
#[derive(Debug, PartialEq, Eq)]
pub enum Control {
    /// It accepted the request of this id.
    Accepted(u64),
    /// It refused a request.
    Refused {
        /// Binance's error code.
        code: i64,
        /// Binance's words.
        message: String,
    },
    /// It is about to end the connection.
    ServerShutdown,
    /// Sound JSON of no known kind.
    Unknown,
}

/// Reads a frame. What it returns shares the frame's memory.
pub fn read(frame: Bytes) -> Reading {
    Reading::Control(match frame::read(&frame) {
        Frame::Trade(event) => return trade(event),
        Frame::Broken => return Reading::Unreadable(frame, "BrokenFrame"),
        Frame::Accepted(id) => Control::Accepted(id),
        Frame::Refused { code, message } => Control::Refused { code, message },
        Frame::ServerShutdown => Control::ServerShutdown,
        Frame::Unknown => Control::Unknown,
    })
}

fn trade(event: Bytes) -> Reading {
    match decode::trade(&event) {
        Ok(trade) => Reading::Trade(event, trade),
        Err(error) => {
            tracing::warn!(%error, "trade event cannot be read");
            Reading::Unreadable(event, error.reason())
        }
    }
}
