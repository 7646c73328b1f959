//! One lane's membership in its consumer group: a task per partition that the group assigns, handed over in good order
//! when the group or the process wants it.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crds::wire::KafkaEndpoint;
use futures::future::join_all;
use rdkafka::{consumer::Consumer, error::KafkaError};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    board::Board,
    context::{PartitionContext, Pauses},
    metrics::LaneMetrics,
};
use crate::{
    clock::now_ms,
    health::{Heartbeat, Readiness},
    kafka::{
        consumer::{self, GroupConsumer},
        fetch::{Place, Wait},
        partition::{KafkaPartition, PartitionSource},
        rebalance::Rebalance,
    },
    metrics::Reason,
};

/// Time that partitions have to close what is open before they are taken away: well within Kubernetes' 30 s and the
/// group's patience (`max.poll.interval.ms`, 5 min).
const HAND_OVER: Duration = Duration::from_secs(15);
/// Time to leave the group.
const LEAVE: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_secs(1);
/// How often the ends of the partitions are asked for, in ticks.
const TICKS_PER_LOOK: u64 = 5;
const LOOK_LIMIT: Duration = Duration::from_secs(2);
const REJOIN_PAUSE: Duration = Duration::from_secs(5);
/// How many sessions a client may take to be settled in its group; then another takes its place. After all brokers were away
/// librdkafka (2.12.1 was seen to) may never connect to the coordinator again.
const SESSIONS_TO_SETTLE: u32 = 4;

/// What a lane does with a partition.
pub trait Lane: Send + Sync + 'static {
    /// How long Kafka may collect records for it.
    const WAIT: Wait = Wait::AT_ONCE;

    /// Processes the partition until its source is stopped, and returns within [`HAND_OVER`] then. Being dropped at any
    /// moment must be safe.
    fn run(
        &self,
        source: &mut impl PartitionSource,
        context: &PartitionContext,
    ) -> impl Future<Output = ()> + Send;
}

/// Why a lane had to leave its group. It joins again.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// The client.
    #[error("kafka client: {0}")]
    Kafka(#[from] KafkaError),
    /// A task that ended by itself: a defect of this program.
    #[error("the task of partition {0} ended unexpectedly")]
    TaskEnded(i32),
    /// The coordinator is away, or the client does not find the way back to it.
    #[error("no settled member of the group for {} s", .0.as_secs())]
    NotSettled(Duration),
}

impl LaneError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Kafka(_) => "KafkaUnavailable",
            Self::TaskEnded(_) => "TaskEnded",
            Self::NotSettled(_) => "GroupNotSettled",
        }
    }
}

/// A lane and all that it needs to run.
pub struct LaneRunner<L> {
    /// `archive` or `hot`.
    pub name: &'static str,
    /// What it does.
    pub lane: Arc<L>,
    /// Where its records come from.
    pub kafka: KafkaEndpoint,
    /// Its consumer group.
    pub group: String,
    /// How long the group waits for it when it is killed.
    pub session: Duration,
    /// Where it tells how far it is.
    pub board: Board,
    /// What it counts.
    pub metrics: LaneMetrics,
    /// That its loop goes round.
    pub heartbeat: Heartbeat,
    /// That it has its consumer.
    pub readiness: Readiness,
}

struct Owned {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl<L: Lane> LaneRunner<L> {
    /// Runs until `stop` is cancelled, then hands everything over and leaves the group. Fails only when the client
    /// refuses its settings.
    pub async fn run(&self, stop: &CancellationToken) -> Result<(), KafkaError> {
        while !stop.is_cancelled() {
            let (consumer, mut rebalances) =
                consumer::join(&self.kafka, &self.group, self.name, self.session)?;
            self.readiness.ready();
            let mut owned = BTreeMap::new();
            let end = self.serve(&consumer, &mut rebalances, &mut owned, stop).await;
            hand_over(std::mem::take(&mut owned)).await;
            self.confirm_rest(&consumer, &mut rebalances);
            // From now on the client confirms by itself.
            drop(rebalances);
            consumer::leave(consumer, LEAVE).await;
            if let Err(error) = end {
                let reason = error.reason();
                self.metrics.retries.get_or_create(&Reason { reason }).inc();
                tracing::error!(lane = self.name, %error, reason, "joining the group anew");
                tokio::select! {
                    () = sleep(REJOIN_PAUSE) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        Ok(())
    }

    async fn serve(
        &self,
        consumer: &Arc<GroupConsumer>,
        rebalances: &mut UnboundedReceiver<Rebalance>,
        owned: &mut BTreeMap<i32, Owned>,
        stop: &CancellationToken,
    ) -> Result<(), LaneError> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tick = 0_u64;
        let looking = Arc::new(AtomicBool::new(false));
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(rebalance) = rebalances.recv() => self.rebalance(rebalance, consumer, owned).await?,
                // Drives the client. It may have fetched a record before its partition was paused.
                message = consumer.recv() => if let Err(error) = message {
                    tracing::warn!(lane = self.name, %error, "kafka consumer");
                },
                _ = ticks.tick() => {
                    self.heartbeat.beat();
                    self.metrics.show(&self.board.status());
                    if let Some((partition, _)) = owned.iter().find(|(_, owned)| owned.task.is_finished()) {
                        return Err(LaneError::TaskEnded(*partition));
                    }
                    let unsettled = consumer.context().unsettled_for();
                    if unsettled > self.session * SESSIONS_TO_SETTLE {
                        return Err(LaneError::NotSettled(unsettled));
                    }
                    if tick.is_multiple_of(TICKS_PER_LOOK) {
                        self.look_at_ends(consumer, owned.keys().copied().collect(), &looking);
                    }
                    tick += 1;
                }
            }
        }
    }

    async fn rebalance(
        &self,
        rebalance: Rebalance,
        consumer: &Arc<GroupConsumer>,
        owned: &mut BTreeMap<i32, Owned>,
    ) -> Result<(), LaneError> {
        self.metrics.rebalances.inc();
        tracing::info!(lane = self.name, ?rebalance, "rebalance");
        match rebalance {
            Rebalance::Assigned(partitions) => {
                consumer::take(consumer, &self.kafka.topic, &partitions)?;
                for partition in partitions {
                    owned.insert(partition, self.start(consumer, partition));
                }
            }
            Rebalance::Revoked(partitions) => {
                let leaving = partitions
                    .iter()
                    .filter_map(|partition| Some((*partition, owned.remove(partition)?)));
                hand_over(leaving.collect()).await;
                consumer::give_up(consumer, &self.kafka.topic, &partitions)?;
            }
        }
        Ok(())
    }

    /// Confirms what came in while the lane was stopping; the client would not close otherwise.
    fn confirm_rest(&self, consumer: &GroupConsumer, rebalances: &mut UnboundedReceiver<Rebalance>) {
        while let Ok(rebalance) = rebalances.try_recv() {
            let confirmed = match rebalance {
                Rebalance::Assigned(partitions) => consumer::take(consumer, &self.kafka.topic, &partitions),
                Rebalance::Revoked(partitions) => consumer::give_up(consumer, &self.kafka.topic, &partitions),
            };
            if let Err(error) = confirmed {
                tracing::warn!(lane = self.name, %error, "rebalance while leaving the group");
            }
        }
    }

    fn start(&self, consumer: &Arc<GroupConsumer>, partition: i32) -> Owned {
        let stop = CancellationToken::new();
        let place = Place {
            bootstrap: self.kafka.bootstrap.clone(),
            topic: self.kafka.topic.clone(),
            partition,
            client_id: self.name.to_owned(),
        };
        let mut source = KafkaPartition::new(
            consumer,
            place,
            L::WAIT,
            self.metrics.retries.clone(),
            stop.clone(),
        );
        let context = PartitionContext {
            lane: self.name,
            board: self.board.partition(partition),
            metrics: self.metrics.clone(),
            pauses: Pauses::default(),
        };
        let lane = self.lane.clone();
        let task = tokio::spawn(async move { lane.run(&mut source, &context).await });
        Owned { stop, task }
    }

    /// Asks Kafka for the ends of the partitions, beside everything else.
    fn look_at_ends(&self, consumer: &Arc<GroupConsumer>, partitions: Vec<i32>, looking: &Arc<AtomicBool>) {
        if partitions.is_empty() || looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let (consumer, board, looking) = (consumer.clone(), self.board.clone(), looking.clone());
        let topic = self.kafka.topic.clone();
        tokio::task::spawn_blocking(move || {
            for partition in partitions {
                let asked_ms = now_ms();
                if let Ok((_, end)) = consumer.fetch_watermarks(&topic, partition, LOOK_LIMIT) {
                    board.end_offset(partition, end, asked_ms);
                }
            }
            looking.store(false, Ordering::Release);
        });
    }
}

/// Lets partitions close what is open; what takes too long is dropped and read again by the next owner.
async fn hand_over(leaving: BTreeMap<i32, Owned>) {
    let deadline = Instant::now() + HAND_OVER;
    for owned in leaving.values() {
        owned.stop.cancel();
    }
    join_all(leaving.into_iter().map(|(partition, mut owned)| async move {
        if timeout_at(deadline, &mut owned.task).await.is_err() {
            tracing::warn!(
                partition,
                "not handed over in time; the next owner reads its open records again"
            );
            owned.task.abort();
            // The end of an aborted task is what is waited for, not a result.
            let _aborted = owned.task.await;
        }
    }))
    .await;
}
