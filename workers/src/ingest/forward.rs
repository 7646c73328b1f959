//! Takes what a feed read and gives it to Kafka: trades to the topic, what cannot be read to the dead-letter topic.
//!
//! Two loops, so that the first never waits for Kafka. One takes from the queue and decides; what the other is not ready
//! for goes to the spool, and then everything that follows goes behind it. The other gives it to the producer, whose bounded
//! buffer is the queue's first part. A feed that plays files can wait: then nothing goes to the spool.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{
    ledger::Entry,
    records::Records,
    spool::{Spool, SpoolError},
};
use crate::{
    feed::{Outlet, Received},
    kafka::producer::{Outgoing, Producer},
};

/// Records between the two loops.
const AHEAD: usize = 4096;
/// Pause after a write to the disk that failed.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// The way from the queue to Kafka.
pub struct Forward {
    admission: Admission,
    producer: Producer<Entry>,
}

impl Forward {
    /// Nothing is taken before [`Forward::run`].
    /// `patient`: the feed may wait for Kafka as long as it takes.
    pub const fn new(
        records: Arc<Records>,
        producer: Producer<Entry>,
        outlet: Outlet,
        spool: Spool,
        patient: bool,
    ) -> Self {
        Self {
            admission: Admission {
                records,
                outlet,
                spool,
                patient,
            },
            producer,
        }
    }

    /// Runs until the feed has ended and all is acknowledged, but no longer than `limit` after `stop` was cancelled.
    /// Returns how many records were not acknowledged by then, and whether the spool was the reason.
    pub async fn run(mut self, stop: CancellationToken, limit: Duration) -> (u64, Result<(), SpoolError>) {
        let (sender, mut ready) = channel(AHEAD);
        let expired = pin!(async {
            stop.cancelled().await;
            sleep(limit).await;
        });
        let ended = tokio::select! {
            () = expired => Ok(()),
            ended = async {
                tokio::try_join!(self.admission.run(sender), deliver(&mut self.producer, &mut ready)).map(|_| ())
            } => ended,
        };
        let mut unacknowledged = self.producer.close().await.len() as u64 + self.admission.rest();
        while ready.try_recv().is_ok() {
            unacknowledged += 1;
        }
        (unacknowledged, ended)
    }
}

/// From the queue, by way of the spool where that is needed.
struct Admission {
    records: Arc<Records>,
    outlet: Outlet,
    spool: Spool,
    patient: bool,
}

impl Admission {
    /// Runs until the feed has ended and nothing waits.
    async fn run(&mut self, ahead: Sender<Outgoing<Entry>>) -> Result<(), SpoolError> {
        if self.patient {
            self.run_patiently(&ahead).await;
            return Ok(());
        }
        let mut open = true;
        while open || !self.spool.is_empty() {
            tokio::select! {
                received = self.outlet.take(), if open && self.spool.has_room() => match received {
                    Some(received) => self.admit(received, &ahead).await,
                    None => open = false,
                },
                place = ahead.reserve(), if !self.spool.is_empty() => {
                    let Ok(place) = place else { return Ok(()) };
                    if let Some(received) = self.spool.pop().await? {
                        place.send(self.records.make(received));
                    }
                }
                () = sleep(WRITE_AGAIN), if self.spool.has_failed() => self.spool.write().await,
            }
            self.outlet.shut(self.spool.holds());
        }
        Ok(())
    }

    /// Takes nothing that there is no place for.
    async fn run_patiently(&mut self, ahead: &Sender<Outgoing<Entry>>) {
        while let Ok(place) = ahead.reserve().await
            && let Some(received) = self.outlet.take().await
        {
            if let Some(received) = self.records.hear(received) {
                place.send(self.records.make(received));
            }
        }
    }

    async fn admit(&mut self, received: Received, ahead: &Sender<Outgoing<Entry>>) {
        let Some(received) = self.records.hear(received) else {
            return;
        };
        if self.spool.is_empty()
            && let Ok(place) = ahead.try_reserve()
        {
            place.send(self.records.make(received));
        } else {
            self.spool.push(&received).await;
        }
    }

    /// How many records are left.
    fn rest(&mut self) -> u64 {
        let mut rest = self.spool.len();
        while let Some(received) = self.outlet.take_now() {
            rest += u64::from(self.records.hear(received).is_some());
        }
        rest
    }
}

/// To Kafka, until nothing more comes and all is acknowledged.
async fn deliver(
    producer: &mut Producer<Entry>,
    ready: &mut Receiver<Outgoing<Entry>>,
) -> Result<(), SpoolError> {
    loop {
        let record = tokio::select! {
            record = ready.recv() => record,
            () = producer.resend() => continue,
        };
        let Some(record) = record else { break };
        producer.send(record).await;
    }
    producer.settle().await;
    Ok(())
}
