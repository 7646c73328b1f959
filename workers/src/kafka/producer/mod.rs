//! A producer that does not lose what it was given, and keeps its order.
//!
//! librdkafka retries, in order, whatever a broker can recover from, for as long as it takes. What it gives up on
//! (a fatal error of the idempotent producer, a topic that does not exist) comes back here through the delivery
//! report, and is sent again by a fresh client, oldest first. A record whose acknowledgement was lost with the old
//! client may then be in the topic twice; consumers drop copies by trade id. An acknowledged record is never sent again.

mod client;
mod probe;
mod settings;

use std::{
    collections::BTreeMap,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    message::OwnedHeaders,
    producer::Producer as _,
};
use tokio::{sync::watch, task::spawn_blocking, time};

use self::client::{Client, Returned, connect, enqueue, give_up, retire};
pub use self::{probe::Probe, settings::settings};
use crate::backoff::Backoff;

/// Wait between two attempts to put a record into a full buffer.
const FULL_PAUSE: Duration = Duration::from_millis(5);
/// Longest wait before a client is replaced.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a producer does with the news that a record is in the topic.
pub trait Receipt: Send + Sync + 'static {
    /// All in-sync replicas have the record. Runs on the client's own thread: must be quick.
    fn acknowledged(&self);
}

/// A record on its way.
pub struct Outgoing<R> {
    /// Where to.
    pub topic: Arc<str>,
    /// Chooses the partition, as a Java client would; a random one without it.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Bytes,
    /// The headers.
    pub headers: OwnedHeaders,
    /// Told when the record is safe.
    pub receipt: R,
}

/// Sends records in the order given. At most one is held outside the client's bounded buffer, except while a client
/// is being replaced.
pub struct Producer<R: Receipt> {
    settings: ClientConfig,
    client: Client<R>,
    /// The same client, for probes.
    current: watch::Sender<Client<R>>,
    returned: Arc<Returned<R>>,
    /// Records that are in no client's buffer, in the order given.
    waiting: BTreeMap<u64, Outgoing<R>>,
    next_number: u64,
    backoff: Backoff,
    connected_at: Instant,
}

impl<R: Receipt> Producer<R> {
    /// Fails only on settings that librdkafka refuses; connects in the background.
    pub fn new(settings: ClientConfig) -> Result<Self, KafkaError> {
        let returned = Arc::new(Returned::default());
        let client = connect(&settings, &returned)?;
        Ok(Self {
            settings,
            current: watch::Sender::new(client.clone()),
            client,
            returned,
            waiting: BTreeMap::new(),
            next_number: 0,
            backoff: Backoff::new(LONGEST_PAUSE),
            connected_at: Instant::now(),
        })
    }

    /// Takes over a record and returns when it is in the client's buffer: at once, unless the buffer is full.
    /// If the future is dropped before, the record is kept and goes out with the next one.
    pub async fn send(&mut self, record: Outgoing<R>) {
        self.waiting.insert(self.next_number, record);
        self.next_number += 1;
        self.hand_over().await;
    }

    /// Waits until the client gives something up, and sends it again. To be awaited where no new record comes; the
    /// future may be dropped.
    pub async fn resend(&mut self) {
        self.returned.wait().await;
        self.hand_over().await;
    }

    /// Waits until everything is acknowledged. The future may be dropped.
    pub async fn settle(&mut self) {
        loop {
            self.hand_over().await;
            if self.client.in_flight_count() == 0 && !self.returned.any() {
                return;
            }
            time::sleep(FULL_PAUSE).await;
        }
    }

    /// Gives up, and returns the receipts of what is not acknowledged.
    pub async fn close(self) -> Vec<R> {
        let Self {
            client,
            current,
            returned,
            mut waiting,
            ..
        } = self;
        let end = spawn_blocking(move || {
            give_up(&client);
            drop((client, current));
        });
        if let Err(error) = end.await {
            tracing::error!(%error, "the last delivery reports could not be read");
        }
        waiting.append(&mut returned.take());
        waiting.into_values().map(|record| record.receipt).collect()
    }

    /// A handle for asking the brokers whether they are there.
    pub fn probe(&self) -> Probe<R> {
        Probe(self.current.subscribe())
    }

    async fn hand_over(&mut self) {
        loop {
            if self.returned.any() {
                self.replace_client().await;
            }
            match self.fill_buffer() {
                Ok(()) => return,
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => {
                    time::sleep(FULL_PAUSE).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "kafka client takes no records");
                    self.replace_client().await;
                }
            }
        }
    }

    fn fill_buffer(&mut self) -> Result<(), KafkaError> {
        while let Some((number, record)) = self.waiting.pop_first() {
            if let Err(refused) = enqueue(&self.client, number, record) {
                let (error, record) = *refused;
                self.waiting.insert(number, record);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes back all that the client has not delivered, and starts with a fresh one.
    async fn replace_client(&mut self) {
        tracing::warn!(
            fatal = ?self.client.client().fatal_error(),
            error = self.returned.last_error(),
            "kafka client gave up on records; sending them again with a fresh one"
        );
        let pause = self.backoff.next(self.connected_at.elapsed(), rand::random());
        self.connected_at = Instant::now();
        time::sleep(pause).await;
        let fresh = match connect(&self.settings, &self.returned) {
            Ok(client) => client,
            Err(error) => return tracing::error!(%error, "no fresh kafka client"),
        };
        drop(self.current.send_replace(fresh.clone()));
        let old = mem::replace(&mut self.client, fresh);
        if let Err(error) = spawn_blocking(move || retire(old)).await {
            tracing::error!(%error, "the old kafka client did not end well");
        }
        self.waiting.append(&mut self.returned.take());
    }
}
