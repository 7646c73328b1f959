//! A producer that does not lose what it was given.
//!
//! librdkafka retries, in order, whatever a broker can recover from, for as long as it takes. What it gives up on
//! (a fatal error of the idempotent producer, a topic that does not exist) comes back here through the delivery
//! report, and is sent again by a fresh client, oldest first. A record whose acknowledgement was lost with the old
//! client may then be in the topic twice; consumers drop copies by trade id. An acknowledged record is never sent again.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use rdkafka::{
    ClientConfig, ClientContext, Message,
    error::{KafkaError, RDKafkaErrorCode},
    message::{OwnedHeaders, OwnedMessage},
    producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer},
};
use tokio::{sync::watch, task::spawn_blocking, time};

/// Wait between two attempts to put a record into a full buffer.
const FULL_PAUSE: Duration = Duration::from_millis(5);
/// How long a client that is being replaced may wait for answers that are on their way.
const LAST_ANSWERS: Duration = Duration::from_secs(10);
/// Wait before the first replacement of a client; doubles up to [`LONGEST_PAUSE`].
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// Longest wait before a replacement.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Time for one question to the brokers.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

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

/// The settings of every producer of trades: idempotent, all in-sync replicas, no time limit. The buffer of 150,000
/// records of about 140 bytes is, with librdkafka's own bookkeeping, about 100 MiB of memory when full.
pub fn settings(bootstrap: &str, client_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", client_id)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", "zstd")
        .set("linger.ms", "10")
        // Below any sensible max.message.bytes of a topic, so that no batch is ever refused for its size.
        .set("batch.size", "131072")
        // 0 is for ever: a time limit would break the order of what follows.
        .set("message.timeout.ms", "0")
        // The Java client's choice of partition.
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "150000")
        .set("queue.buffering.max.kbytes", "32768")
        // A restarted broker is found again within seconds.
        .set("reconnect.backoff.max.ms", "2000")
        .set("socket.keepalive.enable", "true");
    config
}

/// Sends records in the order given. At most one is held outside the client's bounded buffer, except while a client
/// is being replaced.
pub struct Producer<R: Receipt> {
    settings: ClientConfig,
    client: ThreadedProducer<Context<R>>,
    /// The same client, for probes.
    current: watch::Sender<ThreadedProducer<Context<R>>>,
    returned: Arc<Returned<R>>,
    /// Records that are in no client's buffer, in the order given.
    waiting: BTreeMap<u64, Outgoing<R>>,
    next_number: u64,
    pause: Duration,
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
            pause: SHORTEST_PAUSE,
        })
    }

    /// Takes over a record and returns when it is in the client's buffer: at once, unless the buffer is full.
    /// If the future is dropped before, the record is kept and goes out with the next one.
    pub async fn send(&mut self, record: Outgoing<R>) {
        self.waiting.insert(self.next_number, record);
        self.next_number += 1;
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
                    time::sleep(FULL_PAUSE).await
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
            if let Err((error, record)) = enqueue(&self.client, number, record) {
                self.waiting.insert(number, record);
                return Err(error);
            }
        }
        self.pause = SHORTEST_PAUSE;
        Ok(())
    }

    /// Takes back all that the client has not delivered, and starts with a fresh one.
    async fn replace_client(&mut self) {
        tracing::warn!(
            fatal = ?self.client.client().fatal_error(),
            error = self.returned.last_error(),
            "kafka client gave up on records; sending them again with a fresh one"
        );
        time::sleep(self.pause.mul_f64(rand::random_range(0.5..1.0))).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
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

/// Asks the brokers whether they are there.
pub struct Probe<R: Receipt>(watch::Receiver<ThreadedProducer<Context<R>>>);

impl<R: Receipt> Probe<R> {
    /// Succeeds when a broker answers and the topic has partitions. Takes up to 5 s.
    pub async fn topic(&self, topic: &str) -> Result<(), KafkaError> {
        let client = self.0.borrow().clone();
        let topic = topic.to_owned();
        let answer = spawn_blocking(move || {
            let metadata = client.client().fetch_metadata(Some(&topic), PROBE_TIMEOUT)?;
            let usable = metadata.topics().iter().any(|known| {
                known.name() == topic && known.error().is_none() && !known.partitions().is_empty()
            });
            if usable {
                Ok(())
            } else {
                Err(KafkaError::MetadataFetch(
                    RDKafkaErrorCode::UnknownTopicOrPartition,
                ))
            }
        });
        answer.await.unwrap_or(Err(KafkaError::Canceled))
    }
}

/// What the client was given with a record and gives back with its report.
struct Slip<R> {
    number: u64,
    receipt: R,
}

fn enqueue<R: Receipt>(
    client: &ThreadedProducer<Context<R>>,
    number: u64,
    record: Outgoing<R>,
) -> Result<(), (KafkaError, Outgoing<R>)> {
    let Outgoing {
        topic,
        key,
        value,
        headers,
        receipt,
    } = record;
    let slip = Box::new(Slip { number, receipt });
    let mut message = BaseRecord::<[u8], [u8], _>::with_opaque_to(&topic, slip)
        .payload(&value)
        .headers(headers);
    message.key = key.as_deref();
    let (error, headers, slip) = match client.send(message) {
        Ok(()) => return Ok(()),
        Err((
            error,
            BaseRecord {
                headers,
                delivery_opaque,
                ..
            },
        )) => (error, headers, delivery_opaque),
    };
    let headers = headers.unwrap_or_default();
    Err((
        error,
        Outgoing {
            topic,
            key,
            value,
            headers,
            receipt: slip.receipt,
        },
    ))
}

fn connect<R: Receipt>(
    settings: &ClientConfig,
    returned: &Arc<Returned<R>>,
) -> Result<ThreadedProducer<Context<R>>, KafkaError> {
    settings.create_with_context(Context {
        returned: returned.clone(),
    })
}

/// Lets answers arrive that are on their way, then has everything else returned. Blocks.
fn retire<R: Receipt>(client: ThreadedProducer<Context<R>>) {
    client.purge(PurgeConfig::default().queue());
    // After a fatal error nothing is on its way.
    if client.client().fatal_error().is_some() || client.flush(LAST_ANSWERS).is_err() {
        give_up(&client);
    }
    drop(client);
}

/// Has everything returned that is not acknowledged. Blocks.
fn give_up<R: Receipt>(client: &ThreadedProducer<Context<R>>) {
    client.purge(PurgeConfig::default().queue().inflight());
    if let Err(error) = client.flush(LAST_ANSWERS) {
        tracing::error!(%error, "delivery reports are missing");
    }
}

/// Records whose delivery failed, as the client's thread found them.
struct Returned<R> {
    any: AtomicBool,
    records: Mutex<(BTreeMap<u64, Outgoing<R>>, String)>,
}

impl<R> Default for Returned<R> {
    fn default() -> Self {
        Self {
            any: AtomicBool::new(false),
            records: Mutex::default(),
        }
    }
}

impl<R> Returned<R> {
    fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    fn put(&self, error: &KafkaError, message: OwnedMessage, slip: Slip<R>) {
        let mut message = message;
        let record = Outgoing {
            topic: message.topic().into(),
            key: message.key().map(Bytes::copy_from_slice),
            value: message.payload().map(Bytes::copy_from_slice).unwrap_or_default(),
            headers: message.detach_headers().unwrap_or_default(),
            receipt: slip.receipt,
        };
        let mut records = self.lock();
        records.0.insert(slip.number, record);
        records.1 = error.to_string();
        self.any.store(true, Ordering::Release);
    }

    fn take(&self) -> BTreeMap<u64, Outgoing<R>> {
        let mut records = self.lock();
        self.any.store(false, Ordering::Release);
        mem::take(&mut records.0)
    }

    fn last_error(&self) -> String {
        self.lock().1.clone()
    }

    fn lock(&self) -> MutexGuard<'_, (BTreeMap<u64, Outgoing<R>>, String)> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears librdkafka's reports.
struct Context<R> {
    returned: Arc<Returned<R>>,
}

impl<R: Receipt> ClientContext for Context<R> {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka");
    }
}

impl<R: Receipt> ProducerContext for Context<R> {
    type DeliveryOpaque = Box<Slip<R>>;

    fn delivery(&self, result: &DeliveryResult<'_>, slip: Self::DeliveryOpaque) {
        match result {
            Ok(_) => slip.receipt.acknowledged(),
            Err((error, message)) => self.returned.put(error, message.detach(), *slip),
        }
    }
}
