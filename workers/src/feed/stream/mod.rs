//! Live trades over a WebSocket, of any exchange that can be talked to in the way of [`Talk`].
//!
//! [`assignment`] decides which line carries which symbol, [`link`] lives one connection, and [`super::handover`] replaces
//! connections without a gap. What is said and heard is the exchange's own.

mod assignment;
pub mod error;
mod link;
pub mod talk;

use std::{
    collections::{BTreeSet, HashMap},
    marker::PhantomData,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use self::talk::{Talk, Told};
use self::{assignment::Assignment, link::Dialer};
use super::{
    Feed, Intake, Monitor,
    handover::{Carrier, Expectation, Policy, Wanted},
    tls::install_crypto_provider,
};
use crate::{model::Symbol, recording::Recorder};

/// Binance pings every 20 s, Coinbase sends a heartbeat each second: a silent minute is a dead connection.
const SILENCE_LIMIT: Duration = Duration::from_mins(1);

/// How connections are kept.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// When connections are replaced.
    pub policy: Policy,
    /// A connection without a frame or ping for this long is dead.
    pub silence_limit: Duration,
    /// How long a symbol may be silent.
    pub expectation: Expectation,
    /// How long a trade that exists by REST may be under way on the stream.
    pub delivery_grace: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            policy: Policy {
                // Binance ends a connection after 24 hours. Others are as old then as one should be.
                rotate_after: Duration::from_hours(24) - Duration::from_mins(5),
                rotate_spread: Duration::from_mins(10),
                // A trade that was under way for a minute was on a connection that is dead.
                patience: SILENCE_LIMIT,
                // With this and the longest wait a line makes at most 30 attempts in any 5 minutes, far below Binance's
                // limit of 300, which an address may share with others.
                stable_after: Duration::from_secs(10),
                longest_wait: Duration::from_mins(1),
            },
            silence_limit: SILENCE_LIMIT,
            expectation: Expectation::default(),
            delivery_grace: Duration::from_secs(10),
        }
    }
}

/// The live trades of a changing set of symbols.
#[derive(Debug)]
pub struct StreamFeed<T> {
    origin: String,
    timing: Timing,
    recorder: Option<Recorder>,
    talk: PhantomData<fn() -> T>,
}

impl<T: Talk> StreamFeed<T> {
    /// `origin` is `wss://host` or `ws://host[:port]`, without a path.
    pub fn new(origin: &str) -> Self {
        install_crypto_provider();
        Self {
            origin: origin.to_owned(),
            timing: T::timing(),
            recorder: None,
            talk: PhantomData,
        }
    }

    /// Keeps connections in another way.
    #[must_use]
    pub fn timing(self, timing: Timing) -> Self {
        Self { timing, ..self }
    }

    /// Keeps every frame there.
    #[must_use]
    pub fn recorder(self, recorder: Option<Recorder>) -> Self {
        Self { recorder, ..self }
    }
}

/// The feed's end of a line.
struct LineHandle {
    wanted: watch::Sender<Arc<BTreeSet<Symbol>>>,
    stop: CancellationToken,
}

impl<T: Talk> Feed for StreamFeed<T> {
    async fn run(self, mut symbols: Wanted, intake: Intake, monitor: Arc<Monitor>, stop: CancellationToken) {
        let stop = stop.child_token();
        let dialer = Dialer {
            origin: self.origin,
            silence_limit: self.timing.silence_limit,
            expectation: self.timing.expectation,
            delivery_grace: self.timing.delivery_grace,
            intake,
            monitor: monitor.clone(),
            recorder: self.recorder,
            connections: AtomicU64::new(0),
            talk: self.talk,
        };
        let mut assignment = Assignment::new(T::SYMBOLS);
        let mut lines: HashMap<usize, LineHandle> = HashMap::new();
        let mut carriers = FuturesUnordered::new();
        let start = |number, wanted: BTreeSet<Symbol>| {
            let (wanted, receiver) = watch::channel(Arc::new(wanted));
            let carrier = Carrier {
                dial: &dialer,
                policy: self.timing.policy,
                number,
                wanted: receiver,
                monitor: monitor.clone(),
            };
            let stop = stop.child_token();
            let life = carrier.run(stop.clone());
            (LineHandle { wanted, stop }, async move {
                life.await;
                number
            })
        };
        loop {
            let wanted = askable::<T>(&symbols.borrow_and_update());
            let assigned = assignment.assign(&wanted);
            for (_, line) in lines.extract_if(|number, _| !assigned.contains_key(number)) {
                line.stop.cancel();
            }
            for (number, wanted) in assigned {
                if let Some(line) = lines.get(number) {
                    line.wanted.send_if_modified(|current| {
                        let modified = **current != *wanted;
                        if modified {
                            *current = Arc::new(wanted.clone());
                        }
                        modified
                    });
                } else {
                    let (line, running) = start(*number, wanted.clone());
                    lines.insert(*number, line);
                    carriers.push(running);
                }
            }
            // Until the symbols change. A line that ends by itself has nobody left to pass trades on to.
            loop {
                tokio::select! {
                    () = stop.cancelled() => break,
                    Ok(()) = symbols.changed() => break,
                    Some(number) = carriers.next() => if lines.contains_key(&number) {
                        stop.cancel();
                    }
                }
            }
            if stop.is_cancelled() {
                break;
            }
        }
        while carriers.next().await.is_some() {}
    }
}

/// The symbols that the exchange can be asked for.
fn askable<T: Talk>(symbols: &BTreeSet<Symbol>) -> BTreeSet<Symbol> {
    let askable = |symbol: &&Symbol| T::can_be_asked_for(symbol);
    symbols.iter().filter(askable).cloned().collect()
}
