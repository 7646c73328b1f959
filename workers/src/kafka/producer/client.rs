//! One librdkafka client, and what becomes of the records given to it.

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
    error::KafkaError,
    message::OwnedMessage,
    producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer},
};
use tokio::sync::Notify;

use super::{Outgoing, Receipt};

/// How long a client that is being replaced may wait for answers that are on their way.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// A client; clones share it.
pub type Client<R> = ThreadedProducer<Context<R>>;

/// What the client was given with a record and gives back with its report.
pub struct Slip<R> {
    number: u64,
    receipt: R,
}

/// Puts a record into the client's buffer, or gives it back with the reason.
pub fn enqueue<R: Receipt>(
    client: &Client<R>,
    number: u64,
    record: Outgoing<R>,
) -> Result<(), Box<(KafkaError, Outgoing<R>)>> {
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
    let record = Outgoing {
        topic,
        key,
        value,
        headers: headers.unwrap_or_default(),
        receipt: slip.receipt,
    };
    Err(Box::new((error, record)))
}

/// A client that connects in the background. Fails only on settings that librdkafka refuses.
pub fn connect<R: Receipt>(
    settings: &ClientConfig,
    returned: &Arc<Returned<R>>,
) -> Result<Client<R>, KafkaError> {
    settings.create_with_context(Context {
        returned: returned.clone(),
    })
}

/// Lets answers arrive that are on their way, then has everything else returned. Blocks.
pub fn retire<R: Receipt>(client: Client<R>) {
    client.purge(PurgeConfig::default().queue());
    // After a fatal error nothing is on its way.
    if client.client().fatal_error().is_some() || client.flush(LAST_ANSWERS).is_err() {
        give_up(&client);
    }
    drop(client);
}

/// Has everything returned that is not acknowledged. Blocks.
pub fn give_up<R: Receipt>(client: &Client<R>) {
    client.purge(PurgeConfig::default().queue().inflight());
    if let Err(error) = client.flush(LAST_ANSWERS) {
        tracing::error!(%error, "delivery reports are missing");
    }
}

/// Records whose delivery failed, as the client's thread found them.
pub struct Returned<R> {
    any: AtomicBool,
    notify: Notify,
    records: Mutex<(BTreeMap<u64, Outgoing<R>>, String)>,
}

impl<R> Default for Returned<R> {
    fn default() -> Self {
        Self {
            any: AtomicBool::new(false),
            notify: Notify::new(),
            records: Mutex::default(),
        }
    }
}

impl<R> Returned<R> {
    /// Whether there are any.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Waits until there may be some.
    pub async fn wait(&self) {
        self.notify.notified().await;
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
        self.notify.notify_one();
    }

    /// All of them.
    pub fn take(&self) -> BTreeMap<u64, Outgoing<R>> {
        let mut records = self.lock();
        self.any.store(false, Ordering::Release);
        mem::take(&mut records.0)
    }

    /// The reason of the newest one.
    pub fn last_error(&self) -> String {
        self.lock().1.clone()
    }

    fn lock(&self) -> MutexGuard<'_, (BTreeMap<u64, Outgoing<R>>, String)> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears librdkafka's reports.
pub struct Context<R> {
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
