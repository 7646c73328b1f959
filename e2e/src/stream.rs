//! Streams of trades that a test orders for itself: new symbols at the exchange, added to the pipeline while it runs, open
//! until the test ends them, and proven afterwards.

use std::{iter, time::Duration};

use anyhow::{Result, ensure};
use crds::{spec::Exchange, wire::AuditReport};
use exchange_sim::Ledger;
use serde_json::json;

use crate::{
    audit, gaps,
    pipeline::Pipeline,
    progress::{Look, note, until},
    proof::{self, Copies},
    readers::read,
    sim::{NewSymbol, Sim},
    spread,
};

/// Trades of a symbol that must have been issued before a test begins its work.
const WARM_UP: u64 = 50;
/// The longest that ingest may take to follow a changed list of symbols.
const ROLLOUT: Duration = Duration::from_mins(2);
/// So many repetitions of the recording's 2,001 trades end 44 s before the hour.
const LAST_MINUTE: u64 = 77 * 2_001;

/// Some symbols of one test.
pub struct Stream {
    pipeline: Pipeline,
    sim: Sim,
    /// Upper case.
    pub symbols: Vec<String>,
}

impl Stream {
    /// Lists symbols that begin with `prefix` and were never used before, adds them to the pipeline's spec, and waits until
    /// they trade. They would go on for hours.
    pub async fn open(pipeline: &Pipeline, sim: &Sim, prefix: &str) -> Result<Self> {
        Self::open_at(pipeline, sim, prefix, 1.0).await
    }

    /// The same at another speed: 1 is 43 trades a second of each of the two symbols.
    pub async fn open_at(pipeline: &Pipeline, sim: &Sim, prefix: &str, speed: f64) -> Result<Self> {
        let names = unused(sim, prefix, "USDT").await?.take(2);
        let listed = names.map(|name| endless(name, speed)).collect();
        Self::open_these(pipeline, sim, listed).await
    }

    /// The same, of trades whose times begin in the last minute of an hour.
    pub async fn open_late(pipeline: &Pipeline, sim: &Sim, prefix: &str, speed: f64) -> Result<Self> {
        let names = unused(sim, prefix, "USDT").await?.take(2);
        let late = |name| NewSymbol {
            start_at: LAST_MINUTE,
            ..endless(name, speed)
        };
        Self::open_these(pipeline, sim, names.map(late).collect()).await
    }

    /// The same of so many symbols in every partition of the topic, the first of them at a speed of its own.
    pub async fn open_everywhere(
        pipeline: &Pipeline,
        sim: &Sim,
        prefix: &str,
        each: usize,
        speeds: (f64, f64),
    ) -> Result<Self> {
        let partitions = pipeline.get().await?.spec.kafka.topics.trades.partitions;
        let names = unused(sim, prefix, "USDT").await?;
        let names = spread::over_partitions(names, partitions.try_into()?, each);
        let speeds = iter::once(speeds.0).chain(iter::repeat(speeds.1));
        let listed = names.into_iter().zip(speeds);
        let listed = listed.map(|(name, speed)| endless(name, speed)).collect();
        Self::open_these(pipeline, sim, listed).await
    }

    async fn open_these(pipeline: &Pipeline, sim: &Sim, listed: Vec<NewSymbol>) -> Result<Self> {
        let symbols = list(sim, listed).await?;
        pipeline.add_symbols(&symbols).await?;
        Self::of(pipeline, sim, symbols).await
    }

    /// Two products of Coinbase, and nothing else: an exchange's feed has no other exchange's symbols.
    pub async fn open_at_coinbase(pipeline: &Pipeline, sim: &Sim, prefix: &str) -> Result<Self> {
        let names = unused(sim, prefix, "-USD").await?.take(2);
        let symbols = list(sim, names.map(|name| endless(name, 1.0)).collect()).await?;
        pipeline
            .change(json!({"ingest": {"exchange": Exchange::Coinbase, "symbols": symbols}}))
            .await?;
        Self::of(pipeline, sim, symbols).await
    }

    async fn of(pipeline: &Pipeline, sim: &Sim, symbols: Vec<String>) -> Result<Self> {
        pipeline.wait_ready(ROLLOUT).await?;
        sim.wait_issued(&symbols, WARM_UP).await?;
        Ok(Self {
            pipeline: pipeline.clone(),
            sim: sim.clone(),
            symbols,
        })
    }

    /// Lets the exchange issue so many further trades of each symbol.
    pub async fn flow(&self, trades: u64) -> Result<()> {
        let mut issued = u64::MAX;
        for symbol in &self.symbols {
            issued = issued.min(self.sim.symbol(symbol).await?.issued);
        }
        self.sim.wait_issued(&self.symbols, issued + trades).await
    }

    /// Waits until the exchange has issued so many trades of all symbols together.
    pub async fn reach(&self, trades: u64) -> Result<()> {
        until("trades at the exchange", Duration::from_mins(5), async || {
            let ledger = self.sim.ledger().await?;
            let pages = self.symbols.iter().filter_map(|name| ledger.symbols.get(name));
            let issued: u64 = pages.map(|page| page.issued).sum();
            Ok(Look::when(issued >= trades, (), format!("{issued} of {trades}")))
        })
        .await
    }

    /// Ends the streams and proves that every trade issued is in Kafka, in Cassandra and in the archive exactly once.
    pub async fn end_complete(self) -> Result<()> {
        let ledger = self.end().await?;
        self.prove(&ledger, Copies::None).await
    }

    /// The same, of streams that somebody heard all the time; and in the topic the trades of a symbol are in the order in which
    /// they were read.
    pub async fn end_in_order(self) -> Result<()> {
        let ledger = self.end().await?;
        proof::always_heard(&ledger, &self.symbols)?;
        self.prove(&ledger, Copies::None).await?;
        for symbol in &self.symbols {
            let late = read(&self.pipeline, &["late", symbol]).await?;
            ensure!(
                late.is_empty(),
                "{symbol}: these trades come after some that were read later: {late:?}"
            );
        }
        Ok(())
    }

    /// As [`Self::end_complete`], of streams that nobody heard for a while and two workers for a moment.
    pub async fn end_repaired(self) -> Result<()> {
        let ledger = self.end().await?;
        let unheard = proof::unheard(&ledger, &self.symbols)?;
        note(format_args!("{unheard} trades were sent to nobody"));
        self.prove(&ledger, Copies::InKafka).await
    }

    /// As [`Self::end_complete`], of streams that two workers read, one of which was listening at any time: there never was a
    /// gap.
    pub async fn end_unbroken(self) -> Result<()> {
        let ledger = self.end().await?;
        proof::always_heard(&ledger, &self.symbols)?;
        self.prove(&ledger, Copies::InKafka).await?;
        let gaps = gaps::closed(&self.pipeline, &self.symbols).await?;
        ensure!(gaps.is_empty(), "there were gaps: {gaps:?}");
        Ok(())
    }

    /// Ends the streams, and leaves what comes of them to the caller.
    pub async fn stop_issuing(&self) -> Result<()> {
        self.end().await?;
        Ok(())
    }

    async fn prove(&self, ledger: &Ledger, copies: Copies) -> Result<()> {
        let judge = |report: &AuditReport| proof::complete(report, ledger, &self.symbols, copies);
        let trades = audit::prove(&self.pipeline, &self.symbols, judge).await?;
        let symbols = self.symbols.join(", ");
        note(format_args!(
            "{trades} trades of {symbols}: in all three places exactly once"
        ));
        Ok(())
    }

    async fn end(&self) -> Result<Ledger> {
        for symbol in &self.symbols {
            self.sim.stop(symbol).await?;
        }
        self.sim.wait_finished(&self.symbols).await
    }
}

/// Lists these symbols, each with ids of its own, and returns their names.
async fn list(sim: &Sim, listed: Vec<NewSymbol>) -> Result<Vec<String>> {
    let id_bases = [1_000_001, 7_000_000_001].into_iter().cycle();
    let mut symbols = Vec::new();
    for (symbol, id_base) in listed.into_iter().zip(id_bases) {
        sim.list(&NewSymbol {
            id_base,
            ..symbol.clone()
        })
        .await?;
        symbols.push(symbol.name);
    }
    Ok(symbols)
}

/// A symbol that trades for hours, if need be.
const fn endless(name: String, speed: f64) -> NewSymbol {
    NewSymbol {
        name,
        id_base: 1,
        repeat: 1_000,
        speed,
        start_at: 0,
    }
}

/// Names with this beginning and end that the exchange does not list.
async fn unused(sim: &Sim, prefix: &str, suffix: &str) -> Result<impl Iterator<Item = String>> {
    let listed = sim.ledger().await?.symbols;
    let names = (1..).map(move |number| format!("{prefix}{number}{suffix}"));
    Ok(names.filter(move |name| !listed.contains_key(name)))
}
