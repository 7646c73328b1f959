//! The queue between sockets and Kafka, bounded by memory. When it is full the reader waits, the socket's buffers
//! fill, and the exchange sees a slow reader: nothing that was read is dropped.
//!
//! It is full for moments only. Before what lies behind it has no room left, its gate is shut: then feeds close their
//! connections, and make new ones when it opens.

use std::{future::pending, sync::Arc};

use tokio::sync::{Semaphore, mpsc, watch};

use super::Received;

/// Memory of one entry beside its bytes, rounded up.
const ENTRY_BYTES: usize = 256;

/// A queue of about `capacity` bytes.
pub fn queue(capacity: u32) -> (Intake, Outlet) {
    let budget = Arc::new(Semaphore::new(capacity as usize));
    let (sender, receiver) = mpsc::unbounded_channel();
    let (shut, gate) = watch::channel(false);
    let intake = Intake {
        sender,
        budget: budget.clone(),
        capacity,
        gate: Gate(gate),
    };
    let outlet = Outlet {
        receiver,
        budget,
        shut,
    };
    (intake, outlet)
}

/// The end that feeds push into. The queue ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Intake {
    sender: mpsc::UnboundedSender<(Received, u32)>,
    budget: Arc<Semaphore>,
    capacity: u32,
    gate: Gate,
}

/// Whether feeds may read. Cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub struct Gate(watch::Receiver<bool>);

impl Gate {
    /// Returns while feeds are not to read.
    pub async fn shut(&mut self) {
        if self.0.wait_for(|shut| *shut).await.is_err() {
            // Nobody takes any more: the next push tells.
            pending::<()>().await;
        }
    }

    /// Returns while feeds may read, or when nobody takes any more.
    pub async fn opened(&mut self) {
        let _ = self.0.wait_for(|shut| !shut).await;
    }
}

/// Nobody takes from the queue any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue to Kafka is closed, because the process ends")]
pub struct Closed;

impl Intake {
    /// Tells whether to read.
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Waits for room, then adds. An entry larger than the queue waits until it is alone. Dropping the future drops
    /// the entry: await it to the end.
    pub async fn push(&self, received: Received) -> Result<(), Closed> {
        let bytes = received.bytes.len().saturating_add(ENTRY_BYTES);
        let cost = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.capacity);
        let room = self.budget.acquire_many(cost).await.map_err(|_| Closed)?;
        self.sender.send((received, cost)).map_err(|_| Closed)?;
        room.forget();
        Ok(())
    }
}

/// The end that is taken from.
#[derive(Debug)]
pub struct Outlet {
    receiver: mpsc::UnboundedReceiver<(Received, u32)>,
    budget: Arc<Semaphore>,
    shut: watch::Sender<bool>,
}

impl Outlet {
    /// Shuts or opens the gate.
    pub fn shut(&self, shut: bool) {
        self.shut
            .send_if_modified(|now| std::mem::replace(now, shut) != shut);
    }

    /// The oldest entry; `None` when all feeds have ended and all is taken.
    pub async fn take(&mut self) -> Option<Received> {
        let (received, cost) = self.receiver.recv().await?;
        self.budget.add_permits(cost as usize);
        Some(received)
    }

    /// The oldest entry that is there now.
    pub fn take_now(&mut self) -> Option<Received> {
        let (received, cost) = self.receiver.try_recv().ok()?;
        self.budget.add_permits(cost as usize);
        Some(received)
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.budget.close();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::poll;

    use super::*;

    fn entry(text: &'static str) -> Received {
        Received::now(Bytes::from_static(text.as_bytes()), Err("Test".into()))
    }

    #[tokio::test]
    async fn a_full_queue_makes_the_reader_wait_and_keeps_the_order() {
        let (intake, mut outlet) = queue(600);
        intake.push(entry("first")).await.unwrap();
        intake.push(entry("second")).await.unwrap();
        let mut third = Box::pin(intake.push(entry("third")));
        assert!(poll!(&mut third).is_pending());
        assert_eq!(outlet.take().await.unwrap().bytes, "first");
        third.await.unwrap();
        assert_eq!(outlet.take().await.unwrap().bytes, "second");
        assert_eq!(outlet.take().await.unwrap().bytes, "third");
    }

    #[tokio::test]
    async fn an_entry_larger_than_the_queue_passes_alone() {
        let (intake, mut outlet) = queue(10);
        intake.push(entry("larger than ten bytes")).await.unwrap();
        drop(intake);
        assert!(outlet.take().await.is_some());
        assert!(outlet.take().await.is_none());
    }

    #[tokio::test]
    async fn feeds_are_told_whether_to_read() {
        let (intake, outlet) = queue(10);
        let mut gate = intake.gate();
        gate.opened().await;
        assert!(poll!(Box::pin(gate.shut())).is_pending());
        outlet.shut(true);
        gate.shut().await;
        let mut opened = Box::pin(gate.opened());
        assert!(poll!(&mut opened).is_pending());
        outlet.shut(false);
        opened.await;
        outlet.shut(true);
        drop(outlet);
        intake.gate().opened().await;
    }

    #[tokio::test]
    async fn readers_are_told_when_nobody_takes_any_more() {
        let (intake, outlet) = queue(10);
        drop(outlet);
        assert_eq!(intake.push(entry("late")).await, Err(Closed));
    }
}
