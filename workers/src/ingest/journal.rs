//! What is told to others and to the next life: gaps, and the ledgers themselves, each in a compacted topic.

use std::collections::BTreeMap;

use crds::{gap::GapRecord, wire::IngestConfig};
use rdkafka::error::KafkaError;
use serde::Serialize;

use super::{
    ledger::{Ledger, Memory},
    look::ledger_key,
};
use crate::{kafka::table::TableWriter, model::Symbol};

/// Writes both topics.
pub struct Journal {
    writer: TableWriter,
    gaps: String,
    ledgers: String,
    /// What is still to be told of gaps, by key.
    untold: BTreeMap<String, GapRecord>,
    /// What was kept last.
    kept: BTreeMap<Symbol, Memory>,
}

impl Journal {
    /// Connects with the first record.
    pub fn new(config: &IngestConfig) -> Result<Self, KafkaError> {
        let client_id = format!("ingest-{}-journal", config.exchange.as_str());
        Ok(Self {
            writer: TableWriter::new(&config.kafka.bootstrap, &client_id)?,
            gaps: config.kafka.gap_topic.clone(),
            ledgers: config.ledger_topic.clone(),
            untold: BTreeMap::new(),
            kept: BTreeMap::new(),
        })
    }

    /// Tells of gaps. What cannot be told is told the next time, unless there is news of the same gap.
    pub async fn tell(&mut self, gaps: Vec<GapRecord>) -> Result<(), KafkaError> {
        self.untold.extend(gaps.into_iter().map(|gap| (gap.key(), gap)));
        let rows = rows(self.untold.iter().map(|(key, gap)| (key.clone(), gap)));
        self.writer.write(&self.gaps, &rows).await?;
        self.untold.clear();
        Ok(())
    }

    /// Keeps the ledgers that have changed.
    pub async fn keep(&mut self, ledger: &Ledger) -> Result<(), KafkaError> {
        let mut memories = ledger.memories();
        memories.retain(|symbol, memory| self.kept.get(symbol) != Some(memory));
        let key = |symbol| ledger_key(ledger.exchange(), symbol);
        let rows = rows(memories.iter().map(|(symbol, memory)| (key(symbol), memory)));
        self.writer.write(&self.ledgers, &rows).await?;
        self.kept.extend(memories);
        Ok(())
    }
}

fn rows<'a, T: Serialize + 'a>(rows: impl Iterator<Item = (String, &'a T)>) -> Vec<(String, Vec<u8>)> {
    rows.filter_map(|(key, row)| {
        let value = serde_json::to_vec(row)
            .inspect_err(|error| tracing::error!(key, %error, "a record cannot be written as JSON"));
        Some((key, value.ok()?))
    })
    .collect()
}
