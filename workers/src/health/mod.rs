//! Whether a worker is alive and ready. The parts of a worker report; [`server`] tells Kubernetes.

pub mod server;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;

/// The health of one process. Cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub struct Health(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    started: Instant,
    /// By part: `None` when ready, else what it waits for.
    waiting: Mutex<BTreeMap<&'static str, Option<String>>>,
    pulses: Mutex<BTreeMap<&'static str, Pulse>>,
}

#[derive(Clone, Debug)]
struct Pulse {
    /// Milliseconds after the start of the process.
    last: Arc<AtomicU64>,
    limit: Duration,
}

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(Shared {
            started: Instant::now(),
            waiting: Mutex::default(),
            pulses: Mutex::default(),
        }))
    }
}

/// The answer of a probe: sound when no part is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// By part, what is wrong or awaited.
    pub failing: BTreeMap<&'static str, String>,
}

impl Report {
    /// Whether no part is failing.
    pub fn is_ok(&self) -> bool {
        self.failing.is_empty()
    }
}

impl Health {
    /// A process without parts: alive and ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part that must be ready for the process to be. It is not until it says so.
    pub fn readiness(&self, part: &'static str) -> Readiness {
        let readiness = Readiness {
            health: self.clone(),
            part,
        };
        readiness.waiting("starting");
        readiness
    }

    /// Adds a loop that must come around at least every `limit` for the process to count as alive.
    pub fn heartbeat(&self, part: &'static str, limit: Duration) -> Heartbeat {
        let last = Arc::new(AtomicU64::new(0));
        let heartbeat = Heartbeat {
            last: last.clone(),
            started: self.0.started,
        };
        heartbeat.beat();
        lock(&self.0.pulses).insert(part, Pulse { last, limit });
        heartbeat
    }

    /// Which parts are not ready, and what they wait for.
    pub fn ready(&self) -> Report {
        let waiting = lock(&self.0.waiting);
        let failing = waiting
            .iter()
            .filter_map(|(part, reason)| reason.clone().map(|reason| (*part, reason)))
            .collect();
        Report { failing }
    }

    /// Which loops have stopped coming around.
    pub fn live(&self) -> Report {
        let now = self.0.started.elapsed();
        let pulses = lock(&self.0.pulses);
        let failing = pulses
            .iter()
            .filter_map(|(part, pulse)| {
                let silent = now.saturating_sub(Duration::from_millis(pulse.last.load(Ordering::Relaxed)));
                (silent > pulse.limit).then(|| (*part, format!("no sign of life for {} s", silent.as_secs())))
            })
            .collect();
        Report { failing }
    }
}

/// One part's say in whether the process is ready.
#[derive(Clone, Debug)]
pub struct Readiness {
    health: Health,
    part: &'static str,
}

impl Readiness {
    /// The part is ready.
    pub fn ready(&self) {
        self.set(None);
    }

    /// The part is not ready, because it waits for this.
    pub fn waiting(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    fn set(&self, reason: Option<String>) {
        lock(&self.health.0.waiting).insert(self.part, reason);
    }
}

/// One loop's sign of life. Cheap: a store to an atomic.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    last: Arc<AtomicU64>,
    started: Instant,
}

impl Heartbeat {
    /// The loop came around.
    pub fn beat(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_when_every_part_is() {
        let health = Health::new();
        let feed = health.readiness("feed");
        let kafka = health.readiness("kafka");
        feed.ready();
        assert_eq!(
            health.ready().failing,
            BTreeMap::from([("kafka", "starting".to_owned())])
        );
        kafka.ready();
        assert!(health.ready().is_ok());
        feed.waiting("reconnecting");
        assert_eq!(health.ready().failing["feed"], "reconnecting");
    }

    #[test]
    fn dead_when_a_loop_no_longer_comes_around() {
        let health = Health::new();
        let heartbeat = health.heartbeat("poll", Duration::from_millis(1));
        while health.live().is_ok() {
            std::thread::yield_now();
        }
        assert!(health.live().failing["poll"].starts_with("no sign of life"));
        heartbeat.beat();
        let patient = Health::new();
        patient.heartbeat("poll", Duration::from_hours(1));
        assert!(patient.live().is_ok());
    }
}
