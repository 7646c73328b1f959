//! Make before break: a connection is replaced before it ends, and closed only when its successor has everything.
//!
//! [`heard`] notes what a connection delivers, [`pulse`] what can be expected of a symbol, [`coverage`] compares two
//! connections, [`line`] decides when to open and close: all of them pure. [`carrier`] keeps the connections.
//! Why it is done this way is in docs/decisions/0015.

pub mod carrier;
mod coverage;
pub mod heard;
pub mod line;
#[cfg(test)]
mod line_model;
pub mod pulse;

pub use self::{
    carrier::{Carrier, Cause, Dial, End, News, SharedHeard, Wanted, Wire},
    heard::{Heard, Hearing},
    line::Policy,
    pulse::Expectation,
};
