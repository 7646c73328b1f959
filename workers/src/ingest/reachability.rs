//! Asks Kafka now and then whether it is there and has the topic, for `/readyz`. Acknowledgements alone would not
//! tell: a quiet market has none.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{
    health::Health,
    kafka::producer::{Probe, Receipt},
};

/// Time between two questions.
const INTERVAL: Duration = Duration::from_secs(5);
/// The loop asks at least this often unless the process hangs.
const ALIVE: Duration = Duration::from_mins(1);

/// Keeps the readiness of part `kafka` true until `stop`.
pub fn watch<R: Receipt>(
    probe: Probe<R>,
    topic: String,
    health: &Health,
    stop: CancellationToken,
) -> impl Future<Output = ()> + Send + use<R> {
    let readiness = health.readiness("kafka");
    let heartbeat = health.heartbeat("kafka-probe", ALIVE);
    async move {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return readiness.waiting("shutting down"),
                _ = ticks.tick() => {}
            }
            match probe.topic(&topic).await {
                Ok(()) => readiness.ready(),
                Err(error) => readiness.waiting(format!("topic {topic} cannot be reached: {error}")),
            }
            heartbeat.beat();
        }
    }
}
