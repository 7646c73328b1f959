//! What the exchange itself says of the newest ids, by its record of the past or beside the stream's trades. A stream that does not deliver a trade which exists is deaf,
//! whatever the exchange has confirmed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use crate::model::Symbol;

/// The newest id of a symbol, as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The id.
    pub id: u64,
    /// When this id was told first.
    pub since: Instant,
    /// When it was told last.
    pub until: Instant,
}

/// The newest id of every symbol, shared by who asks and who must deliver.
#[derive(Debug, Default)]
pub struct Newest(Mutex<HashMap<Symbol, Sighting>>);

impl Newest {
    /// The exchange says now that these are the newest ids.
    pub fn tell(&self, ids: &BTreeMap<Symbol, u64>, now: Instant) {
        let mut sightings = self.lock();
        for (symbol, id) in ids {
            let fresh = Sighting {
                id: *id,
                since: now,
                until: now,
            };
            let known = sightings.entry(symbol.clone()).or_insert(fresh);
            if known.id == *id {
                known.until = now;
            } else {
                *known = fresh;
            }
        }
    }

    /// The newest id of each symbol, as it was told last.
    pub fn ids(&self) -> BTreeMap<Symbol, u64> {
        let sightings = self.lock();
        sightings
            .iter()
            .map(|(symbol, sighting)| (symbol.clone(), sighting.id))
            .collect()
    }

    /// By symbol, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, HashMap<Symbol, Sighting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
