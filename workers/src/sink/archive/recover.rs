//! Where a partition's archive ends: its newest batch, and whether all files of that batch are there.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    batch::Checkpoint,
    footer::Footer,
    layout::{BatchId, Hour},
    publish::{PublishError, read_footer},
    store::{ArchiveStore, StoreError},
};

/// The batches in the archive: by partition, by first offset, the hours that have a file.
#[derive(Clone, Debug, Default)]
pub struct Listing(BTreeMap<i32, BTreeMap<i64, BTreeSet<Hour>>>);

impl Listing {
    /// Looks at the whole archive.
    pub async fn of(store: &impl ArchiveStore) -> Result<Self, StoreError> {
        let mut listing = Self::default();
        for file in store.list("").await? {
            if let Some((id, hour)) = BatchId::parse(&file.path) {
                let batches = listing.0.entry(id.partition).or_default();
                batches.entry(id.first).or_default().insert(hour);
            }
        }
        Ok(listing)
    }

    /// The newest batch of a partition and the one before.
    fn newest(&self, partition: i32) -> (Option<Listed<'_>>, Option<Listed<'_>>) {
        let mut batches = self.0.get(&partition).into_iter().flatten().rev();
        let mut take = || {
            batches.next().map(|(first, hours)| {
                (
                    BatchId {
                        partition,
                        first: *first,
                    },
                    hours,
                )
            })
        };
        (take(), take())
    }
}

/// A batch and the hours that have a file of it.
type Listed<'a> = (BatchId, &'a BTreeSet<Hour>);

/// A batch that lacks files, because its writer stopped between two renames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    /// What the batch's files say.
    pub footer: Footer,
    /// The hours without a file.
    pub missing: Vec<Hour>,
}

/// Where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The end of the newest complete batch.
    pub checkpoint: Checkpoint,
    /// The batch after it, to be completed before anything else.
    pub incomplete: Option<Incomplete>,
}

/// Reads the end of a partition from the archive. No Kafka offset is asked: the files are the truth.
pub async fn recover(
    store: &impl ArchiveStore,
    listing: &Listing,
    partition: i32,
) -> Result<Recovery, PublishError> {
    let (newest, before) = listing.newest(partition);
    let Some((id, hours)) = newest else {
        return Ok(Recovery::default());
    };
    let footer = batch_footer(store, id, hours).await?;
    let missing: Vec<Hour> = footer
        .hours
        .iter()
        .copied()
        .filter(|hour| !hours.contains(hour))
        .collect();
    if missing.is_empty() {
        return Ok(Recovery {
            checkpoint: end(footer),
            incomplete: None,
        });
    }
    let checkpoint = match before {
        Some((id, hours)) => end(batch_footer(store, id, hours).await?),
        None => Checkpoint::default(),
    };
    if checkpoint.next != footer.first {
        let path = footer
            .hours
            .first()
            .map(|hour| id.path(*hour))
            .unwrap_or_default();
        return Err(PublishError::Inconsistent { path });
    }
    Ok(Recovery {
        checkpoint,
        incomplete: Some(Incomplete { footer, missing }),
    })
}

/// All files of a batch say the same; one is enough.
async fn batch_footer(
    store: &impl ArchiveStore,
    id: BatchId,
    hours: &BTreeSet<Hour>,
) -> Result<Footer, PublishError> {
    let path = hours.first().map(|hour| id.path(*hour)).unwrap_or_default();
    read_footer(store, &path).await
}

fn end(footer: Footer) -> Checkpoint {
    Checkpoint {
        next: footer.next,
        seen: footer.seen,
        last_trade_time_us: footer.last_trade_time_us,
    }
}
