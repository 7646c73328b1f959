//! Everything goes wrong on the way from the exchange to Kafka, again and again: the exchange's connections and answers, ingest
//! and a broker.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::{names::Role, status::condition, wire::IdRange};
use e2e::{
    chaos,
    gaps::{self, Gap},
    progress::{Look, note, until},
    proof,
    readers::{DeadLetter, dead_letters},
    stream::Stream,
    testbed::Testbed,
    workers,
};
use exchange_sim::{Fault, Refusal, Service};
use serde_json::json;

/// How often ingest dies, each time after a round of faults and some further trades: eleven minutes in all.
const ROUNDS: usize = 12;
/// In these rounds a broker dies too.
const BROKER_DIES: [usize; 2] = [2, 5];
/// Trades of each symbol between a round's faults, and after its kill; the slowest symbol has 43 a second.
const TRADES: u64 = 1_000;
/// The longest until the status says what ingest has found.
const TOLD: Duration = Duration::from_mins(2);
/// Trades before their ids begin again: 46 s by their times, of which the first 10 s of the new numbering are not told apart.
const NUMBERED: u64 = 2_001;

/// Every trade issued is in all three places, every hole that there was is in `gaps` with the time that its repair took, and no
/// rule of the exchange was broken.
pub async fn every_fault_is_outlived(bed: &Testbed) -> Result<()> {
    let stream = Stream::open(&bed.pipeline, &bed.sim, "STORM").await?;
    let symbols = stream.symbols.clone();
    for round in 0..ROUNDS {
        note(format_args!("round {} of {ROUNDS}", round + 1));
        for fault in faults(round, &symbols[0], &symbols[1]) {
            bed.sim.inflict(&fault).await?;
        }
        for frame in [r#"{"e":"somethingNew"}"#, "{broken"] {
            bed.sim.inject(&symbols[0], frame).await?;
        }
        stream.flow(TRADES).await?;
        kill(bed, Role::Ingest).await?;
        if BROKER_DIES.contains(&round) {
            kill(bed, Role::KafkaBroker).await?;
        }
        stream.flow(TRADES).await?;
    }
    let ledger = bed.sim.ledger().await?;
    stream.end_repaired().await?;
    let gaps = gaps::closed(&bed.pipeline, &symbols).await?;
    for symbol in &symbols {
        let holes = gaps.get(symbol).map_or(&[][..], Vec::as_slice);
        let told: Vec<_> = holes.iter().map(|gap| IdRange(gap.from_id, gap.to_id)).collect();
        for unheard in &ledger.symbols[symbol].unheard {
            let untold = proof::untold(IdRange(unheard.0, unheard.1), &told);
            ensure!(
                untold.is_none(),
                "{symbol}: {unheard:?} was sent to nobody, and no gap tells of {untold:?}: {told:?}"
            );
        }
        tell(symbol, holes);
    }
    Ok(())
}

/// Two feeds: one dies, then the other, and no id is ever missing.
pub async fn two_replicas_have_no_gap(bed: &Testbed) -> Result<()> {
    bed.pipeline.settle(json!({"ingest": {"replicas": 2}})).await?;
    let stream = Stream::open(&bed.pipeline, &bed.sim, "TWIN").await?;
    let symbols = stream.symbols.clone();
    for _ in 0..2 {
        kill(bed, Role::Ingest).await?;
        both_follow(bed, &symbols).await?;
        stream.flow(TRADES).await?;
    }
    stream.end_unbroken().await?;
    bed.pipeline.settle(json!({"ingest": {"replicas": 1}})).await
}

/// A symbol's ids begin again: its trades are dead letters, and the status says so until the symbol is given up.
pub async fn ids_that_restart_are_told(bed: &Testbed) -> Result<()> {
    let before = bed.pipeline.get().await?.spec.ingest.symbols;
    let stream = Stream::open_at(&bed.pipeline, &bed.sim, "ANEW", 4.0).await?;
    stream.flow(NUMBERED).await?;
    let symbol = stream.symbols[0].clone();
    let first = bed.sim.symbol(&symbol).await?.first_id;
    let id = first.context("a symbol that trades has a first id")?;
    bed.sim
        .inflict(&Fault::RestartIds {
            symbol: symbol.clone(),
            id,
        })
        .await?;
    let restarted = bed
        .pipeline
        .wait_condition(condition::DATA_FLOWING, TOLD, |flowing| {
            flowing.status == "False" && flowing.reason == "IdsRestarted"
        })
        .await?;
    note(&restarted.message);
    let named = format!("{symbol} at ");
    ensure!(
        restarted.message.contains(&named),
        "the condition does not name {symbol}: {}",
        restarted.message
    );
    stream.stop_issuing().await?;
    buried(bed, &symbol).await?;

    // The other symbol has had no trouble; both go, so that the next test finds nothing of this one.
    bed.pipeline
        .change(json!({"ingest": {"symbols": before}}))
        .await?;
    bed.pipeline
        .wait_condition(condition::DATA_FLOWING, TOLD, |flowing| flowing.status == "True")
        .await?;
    bed.pipeline.wait_ready(TOLD).await?;
    Ok(())
}

/// Waits until the dead-letter topic has trades of this symbol with the reason of ids that began again.
async fn buried(bed: &Testbed, symbol: &str) -> Result<()> {
    until("dead letters", TOLD, async || {
        let letters = dead_letters(&bed.pipeline).await?;
        let of_symbol =
            |letter: &&DeadLetter| letter.header("reason") == "IdsRestarted" && letter.value.contains(symbol);
        let count = letters.iter().filter(of_symbol).count();
        Ok(Look::when(count > 0, (), format!("{count} of {}", letters.len())))
    })
    .await
}

/// What goes wrong in a round besides the kills. Every kind of fault comes at least once.
fn faults(round: usize, one: &str, other: &str) -> Vec<Fault> {
    let [one, other] = [one.to_owned(), other.to_owned()];
    match round {
        0 => vec![
            Fault::Drop {
                symbol: one.clone(),
                trades: 50,
            },
            Fault::Duplicate {
                symbol: other,
                trades: 50,
            },
            Fault::Hold {
                symbol: one,
                trades: 30,
            },
        ],
        1 => vec![Fault::Cut, Fault::SlowRest { by_ms: 500 }],
        2 => vec![Fault::HalfOpen, Fault::SlowRest { by_ms: 0 }],
        3 => vec![
            Fault::Shutdown { after_ms: 5_000 },
            Fault::Truncate {
                symbol: other,
                trades: 3,
            },
        ],
        4 => vec![
            Fault::RestBehind {
                symbol: one.clone(),
                by_ms: 5_000,
            },
            Fault::Drop {
                symbol: one,
                trades: 20,
            },
        ],
        5 => vec![
            Fault::RestBehind {
                symbol: one.clone(),
                by_ms: 0,
            },
            Fault::Burst {
                symbol: one,
                trades: 5_000,
                per_second: 50_000,
            },
        ],
        6 => vec![
            Fault::Refuse {
                service: Service::Rest,
                with: Refusal::Limited,
                for_ms: 10_000,
            },
            Fault::Drop {
                symbol: other,
                trades: 20,
            },
        ],
        _ => vec![
            Fault::Refuse {
                service: Service::Rest,
                with: Refusal::Banned,
                for_ms: 10_000,
            },
            Fault::Refuse {
                service: Service::Stream,
                with: Refusal::Limited,
                for_ms: 5_000,
            },
            Fault::Cut,
        ],
    }
}

async fn kill(bed: &Testbed, role: Role) -> Result<()> {
    let labels = bed.pipeline.role_labels(role);
    let namespace = &bed.pipeline.namespace;
    let victim = chaos::kill(&bed.cluster, namespace, &labels, None).await?;
    chaos::wait_healed(&bed.cluster, namespace, &labels, &victim).await
}

/// Waits until both workers hear every symbol: what the next kill leaves alone must be a feed.
async fn both_follow(bed: &Testbed, symbols: &[String]) -> Result<()> {
    until("two feeds", Duration::from_mins(2), async || {
        let statuses = workers::ingests(&bed.pipeline).await?;
        let newest = |symbol: &String| -> Vec<u64> {
            let known = statuses.iter().filter_map(|status| status.symbols.get(symbol));
            known.map(|page| page.last_id).collect()
        };
        let connected = statuses.iter().filter(|status| status.connected).count();
        let heard: Vec<_> = symbols.iter().map(newest).collect();
        let both = connected == 2
            && heard
                .iter()
                .all(|ids| ids.len() == 2 && ids.iter().all(|id| *id > 0));
        Ok(Look::when(
            both,
            (),
            format!("{connected} connected, newest ids {heard:?}"),
        ))
    })
    .await
}

fn tell(symbol: &str, gaps: &[Gap]) {
    for gap in gaps {
        let ids = IdRange(gap.from_id, gap.to_id).count();
        let seconds = Duration::from_millis(gap.duration_ms.unwrap_or_default()).as_secs_f64();
        note(format_args!(
            "{symbol}: {ids} ids from {} on, {}, repaired after {seconds:.1} s",
            gap.from_id, gap.cause
        ));
    }
}
