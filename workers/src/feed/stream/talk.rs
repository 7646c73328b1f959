//! How one exchange is talked to on its stream: what is said for the symbols that are wanted, and what is heard.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use super::{Timing, error::LinkError};
use crate::model::{Symbol, Trade};

/// Time for the answer to a request.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// One connection's side of the talk. No I/O.
pub trait Talk: Default + Send + 'static {
    /// The path of the WebSocket.
    const PATH: &'static str;
    /// Least time between two messages that are sent, pongs included.
    const PACE: Duration;
    /// Symbols that one connection carries at most.
    const SYMBOLS: usize;

    /// How connections are kept, unless told otherwise.
    fn timing() -> Timing {
        Timing::default()
    }

    /// Whether the exchange can be asked for the symbol at all.
    fn can_be_asked_for(symbol: &Symbol) -> bool;

    /// From now on these are wanted, and no others.
    fn want(&mut self, symbols: &BTreeSet<Symbol>);

    /// When the next request is to be sent, `now` for at once; `None` when there is none.
    fn request_due(&self, now: Instant) -> Option<Instant>;

    /// The next request to send, which from now on counts as sent.
    fn next_request(&mut self, now: Instant) -> Option<String>;

    /// Whether every request was sent and answered.
    fn is_complete(&self) -> bool;

    /// When an answer is overdue.
    fn deadline(&self) -> Option<Instant>;

    /// Takes a frame in.
    fn read(&mut self, frame: &Bytes, now: Instant) -> Told;
}

/// What a frame tells.
#[derive(Debug)]
pub enum Told {
    /// A trade, with its bytes in the wire form.
    Trade(Bytes, Trade),
    /// What claims to be a trade and is none, or may have been one, and why; it is kept as a dead letter.
    Unreadable(Bytes, &'static str),
    /// Sound, and of no known kind.
    Unknown,
    /// Nothing that concerns anybody else.
    Nothing,
    /// With this every request is answered.
    Complete,
    /// The trades of the symbol exist up to this id.
    Exists(Symbol, u64),
    /// The connection is to be replaced.
    Leave(LinkError),
}
