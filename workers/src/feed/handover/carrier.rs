//! Keeps the connections of a line: carries out what [`Line`] decides, and tells it what happens. The I/O shell of the
//! module; how a connection is made is the exchange's own ([`Dial`]).

use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    heard::Heard,
    line::{Action, Line, Policy},
};
use crate::{feed::Monitor, model::Symbol};

/// Time between two comparisons of a lead with its standby.
const LOOK: Duration = Duration::from_millis(100);

/// Reason of a replacement that nothing but the age of a connection asks for.
const ROTATION: &str = "RotationDue";

/// The symbols that a line carries, as they are wanted now.
pub type Wanted = watch::Receiver<Arc<BTreeSet<Symbol>>>;

/// A way to connect to an exchange.
pub trait Dial: Sync {
    /// Lives one connection: connects, asks for the wanted symbols and for every change of them, passes on what it reads,
    /// and says goodbye when it is stopped. Everything that was read has been passed on when it returns.
    fn live(&self, wire: Wire) -> impl Future<Output = End> + Send;
}

/// What a connection is given.
#[derive(Debug)]
pub struct Wire {
    /// What it is to ask for.
    pub wanted: Wanted,
    /// Where it notes what it has delivered.
    pub heard: SharedHeard,
    /// Whom it tells how it fares.
    pub news: News,
    /// Ends it.
    pub stop: CancellationToken,
}

/// How a connection ended.
#[derive(Debug)]
pub enum End {
    /// It was stopped, or nobody takes trades any more.
    Finished,
    /// It broke, or was not made.
    Lost(Cause, Duration),
}

/// Why a connection ended or is to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Stable CamelCase name.
    pub reason: &'static str,
    /// For a person.
    pub detail: String,
}

impl Cause {
    /// What a line waits for when no other connection carries it.
    fn waiting(&self) -> String {
        format!("connecting again after {}: {}", self.reason, self.detail)
    }
}

/// What one connection has delivered, shared with the line that compares it.
#[derive(Clone, Debug, Default)]
pub struct SharedHeard(Arc<Mutex<Heard>>);

impl SharedHeard {
    /// For a moment.
    pub fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's way to tell how it fares.
#[derive(Debug)]
pub struct News {
    number: u64,
    sender: mpsc::UnboundedSender<(u64, Report)>,
}

#[derive(Debug)]
enum Report {
    Opened,
    Confirmed,
    Leaving(Cause, bool),
}

impl News {
    /// The connection is made.
    pub fn opened(&self) {
        self.tell(Report::Opened);
    }

    /// Every subscription asked for is confirmed.
    pub fn confirmed(&self) {
        self.tell(Report::Confirmed);
    }

    /// There is a reason to replace the connection, which goes on meanwhile.
    pub fn leaving(&self, cause: Cause) {
        self.tell(Report::Leaving(cause, true));
    }

    /// Nothing comes any more, not even a ping: the connection is to be replaced, and carries nothing.
    pub fn silent(&self, cause: Cause) {
        self.tell(Report::Leaving(cause, false));
    }

    fn tell(&self, report: Report) {
        // An error means that the line has ended: then nobody wants to know.
        let _ = self.sender.send((self.number, report));
    }
}

/// A line and its connections.
pub struct Carrier<'a, D> {
    /// How to connect.
    pub dial: &'a D,
    /// When connections are replaced.
    pub policy: Policy,
    /// Its number in the monitor.
    pub number: usize,
    /// What it carries.
    pub wanted: Wanted,
    /// Whom it tells how it fares.
    pub monitor: Arc<Monitor>,
}

/// A connection that is not closed.
struct Link {
    stop: CancellationToken,
    heard: SharedHeard,
    /// Its first subscriptions are confirmed, and it has not fallen silent since.
    delivers: bool,
    /// Why it is to be replaced.
    reason: Option<&'static str>,
}

impl<D: Dial> Carrier<'_, D> {
    /// Runs until `stop` is cancelled or nobody takes trades any more.
    pub async fn run(self, stop: CancellationToken) {
        let mut state = Line::new(self.policy, Instant::now());
        let mut links: HashMap<u64, Link> = HashMap::new();
        let mut lives = FuturesUnordered::new();
        let (sender, mut news) = mpsc::unbounded_channel();
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting = "connecting".to_owned();
        loop {
            let up = links.values().any(|link| link.delivers);
            self.monitor.line(self.number, (!up).then_some(waiting.as_str()));
            let wake = state.wake_at();
            // What a connection told comes before its end.
            let action = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some((number, report)) = news.recv() => match report {
                    Report::Opened => {
                        self.monitor.opened();
                        "subscribing".clone_into(&mut waiting);
                        None
                    }
                    Report::Confirmed => {
                        tracing::info!(line = self.number, connection = number, "subscribed to the exchange");
                        if let Some(link) = links.get_mut(&number) {
                            link.delivers = true;
                        }
                        None
                    }
                    Report::Leaving(cause, alive) => {
                        let Some(link) = links.get_mut(&number) else { continue };
                        link.delivers &= alive;
                        link.reason = Some(cause.reason);
                        waiting = cause.waiting();
                        tracing::info!(line = self.number, connection = number, waiting, "to be replaced");
                        state.leave(Instant::now(), number, rand::random())
                    }
                },
                Some((number, end)) = lives.next() => {
                    if links.remove(&number).is_some() {
                        let End::Lost(cause, least_wait) = end else { break };
                        waiting = self.lost(number, &cause);
                        state.ended(Instant::now(), number, least_wait, rand::random());
                    }
                    None
                }
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                    state.tick(Instant::now(), rand::random())
                }
                _ = looks.tick(), if state.pair().is_some() => look(&mut state, &links),
            };
            match action {
                Some(Action::Open(number)) => {
                    if let Some((lead, _)) = state.pair() {
                        let told = links.get(&lead).and_then(|lead| lead.reason);
                        self.monitor.replaced(told.unwrap_or(ROTATION));
                    }
                    let link = Link {
                        stop: stop.child_token(),
                        heard: SharedHeard::default(),
                        delivers: false,
                        reason: None,
                    };
                    let wire = Wire {
                        wanted: self.wanted.clone(),
                        heard: link.heard.clone(),
                        news: News {
                            number,
                            sender: sender.clone(),
                        },
                        stop: link.stop.clone(),
                    };
                    let connection = self.dial.live(wire);
                    lives.push(async move { (number, connection.await) });
                    links.insert(number, link);
                }
                Some(Action::Close(number)) => {
                    if let Some(link) = links.remove(&number) {
                        tracing::info!(
                            line = self.number,
                            connection = number,
                            "closing a replaced connection"
                        );
                        link.stop.cancel();
                    }
                }
                None => {}
            }
        }
        // What the exchange has sent before the goodbye is still read.
        stop.cancel();
        while lives.next().await.is_some() {}
        self.monitor.line_ended(self.number);
    }

    fn lost(&self, connection: u64, cause: &Cause) -> String {
        self.monitor.lost(cause.reason);
        tracing::warn!(
            line = self.number,
            connection,
            reason = cause.reason,
            detail = cause.detail,
            "a connection to the exchange ended"
        );
        cause.waiting()
    }
}

fn look(line: &mut Line, links: &HashMap<u64, Link>) -> Option<Action> {
    let (lead, standby) = line.pair()?;
    let (lead, standby) = (links.get(&lead)?, links.get(&standby)?);
    let (lead, standby) = (lead.heard.lock(), standby.heard.lock());
    line.compare(Instant::now(), &lead, &standby, rand::random())
}
