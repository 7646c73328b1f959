//! Processors are killed at random, again and again, while trades stream; a reader of the archive looks all the time.

use std::time::Duration;

use anyhow::{Result, ensure};
use crds::names::Role;
use e2e::{
    candles, chaos,
    progress::{Look, note, until},
    random::Random,
    readers,
    stream::Stream,
    testbed::{self, Testbed},
};
use exchange_sim::Fault;
use kube::ResourceExt;
use serde_json::json;

/// Of kills: 50 in all.
const PAIRS: u64 = 25;
/// Trades of each of them: 1,000,000 in all.
const SHARE: u64 = 40_000;
/// The first of the two kills comes at one of the first trades of their share, the second so many trades later at most.
const EARLY: u64 = 10_000;
const SOON: u64 = 5_000;
/// Symbols of each partition.
const SYMBOLS: usize = 2;
/// Of the first symbol, whose hours pass in minutes, and of the others: 1,250 trades a second in all. Kafka gives away a dead
/// processor's partitions after 15 s; until the next two kills its successors archive for another 5 to 17 s.
const SPEEDS: (f64, f64) = (12.5, 1.5);
/// The longest that the reader may look.
const LIMIT: Duration = Duration::from_mins(25);

/// At every look the union of the visible files holds no trade twice; in the end it holds every trade once, as Kafka and
/// Cassandra do, and all candles are those of the trades.
pub async fn no_reader_ever_sees_a_trade_twice(bed: &Testbed) -> Result<()> {
    let before = bed.pipeline.get().await?.spec.processor;
    processors(bed, 2, "5s").await?;
    let stream = Stream::open_everywhere(&bed.pipeline, &bed.sim, "REAP", SYMBOLS, SPEEDS).await?;
    let harm = async {
        kill_at_random(bed, &stream).await?;
        stream.stop_issuing().await
    };
    let (looks, ()) = tokio::try_join!(look(bed, &stream.symbols), harm)?;
    looks.iter().for_each(note);
    ensure!(
        looks.len() as u64 > 2 * PAIRS,
        "the reader looked only {} times",
        looks.len()
    );
    let symbols = stream.symbols.clone();
    stream.end_repaired().await?;
    candles::compare(&bed.pipeline, &symbols).await?;
    processors(bed, before.replicas, &before.archive.roll_interval.to_string()).await
}

/// The reader's lines, once every trade is in a visible file.
async fn look(bed: &Testbed, symbols: &[String]) -> Result<Vec<String>> {
    let ledger = format!("http://exchange-sim.{}.svc:8080/sim/ledger", testbed::NAMESPACE);
    let arguments: Vec<_> = [&ledger].into_iter().chain(symbols).map(String::as_str).collect();
    readers::run(&bed.pipeline, "looks.py", &arguments, LIMIT).await
}

/// Kills two processors shortly after one another, again and again, and leaves trades that came late or twice.
async fn kill_at_random(bed: &Testbed, stream: &Stream) -> Result<()> {
    let mut random = Random::told()?;
    let labels = bed.pipeline.role_labels(Role::Processor);
    let mut faults = faults(&stream.symbols);
    for pair in 0..PAIRS {
        let first = pair * SHARE + random.below(EARLY);
        let second = first + random.below(SOON);
        for at in [first, second] {
            stream.reach(at).await?;
            if let Some(fault) = faults.next() {
                bed.sim.inflict(&fault).await?;
            }
            let name = a_running_processor(bed, &mut random).await?;
            chaos::kill(&bed.cluster, &bed.pipeline.namespace, &labels, Some(&name)).await?;
        }
        note(format_args!("{} of {} kills", 2 * (pair + 1), 2 * PAIRS));
    }
    stream.reach(PAIRS * SHARE).await
}

/// Each makes trades of a symbol come late, twice or with a delay; each symbol has all of these in turn.
fn faults(symbols: &[String]) -> impl Iterator<Item = Fault> {
    let kinds: [fn(String) -> Fault; 3] = [
        |symbol| Fault::Drop { symbol, trades: 50 },
        |symbol| Fault::Duplicate { symbol, trades: 50 },
        |symbol| Fault::Hold { symbol, trades: 30 },
    ];
    let rounds = kinds.into_iter().cycle();
    rounds.flat_map(move |kind| symbols.iter().cloned().map(kind))
}

/// Any that has a process to kill.
async fn a_running_processor(bed: &Testbed, random: &mut Random) -> Result<String> {
    until("a processor to kill", Duration::from_mins(2), async || {
        let mut pods = bed.pipeline.pods(Role::Processor).await?;
        pods.retain(chaos::is_running);
        let victim = random.one_of(&pods).map(ResourceExt::name_any);
        Ok(victim.map_or_else(|| Look::Waiting("none runs".to_owned()), Look::Found))
    })
    .await
}

async fn processors(bed: &Testbed, replicas: i32, roll_interval: &str) -> Result<()> {
    let processor = json!({"replicas": replicas, "archive": {"rollInterval": roll_interval}});
    bed.pipeline.settle(json!({ "processor": processor })).await
}
