//! What a trade costs: a backlog is made while no processor runs; then one takes it, with one lane, in a process of its own.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::{
    progress::{Look, note, until},
    stream::Stream,
    testbed::Testbed,
    workers::{self, Cost},
};
use serde_json::{Value, json};

use crate::{LIMIT, processors, speed};

/// Trades of each of two symbols.
const BACKLOG: u64 = 1_000_000;
/// Trades in a second over both symbols: no more than ingest takes while the engines are still warming up, or the exchange would
/// close the connection of so slow a reader.
const RATE: f64 = 20_000.0;

/// A lane alone, and the spec of a processor that has no other.
struct Lane {
    name: &'static str,
    processor: Value,
}

/// The table's lines.
pub async fn measure(bed: &Testbed) -> Result<Vec<String>> {
    processors(bed, json!({"replicas": 0})).await?;
    let stream = Stream::open_at(&bed.pipeline, &bed.sim, "BENCH", speed(RATE)).await?;
    until("trades in the topic", LIMIT, async || {
        let issued = bed.sim.symbol(&stream.symbols[0]).await?.issued;
        Ok(Look::when(
            issued >= BACKLOG,
            (),
            format!("{issued} of {BACKLOG} of each symbol"),
        ))
    })
    .await?;
    stream.stop_issuing().await?;

    let lanes = [
        Lane {
            name: "archive",
            processor: json!({"replicas": 1, "archive": {"enabled": true, "rollInterval": "15s"}, "hot": {"enabled": false}}),
        },
        Lane {
            name: "hot",
            processor: json!({"replicas": 1, "archive": {"enabled": false}, "hot": {"enabled": true}}),
        },
    ];
    let mut table = vec![format!(
        "{:<8} {:>10} {:>10} {:>10} {:>14} {:>10} {:>8} {:>10}",
        "lane", "trades", "seconds", "trades/s", "per CPU-second", "peak MiB", "files", "bytes/row"
    )];
    for lane in lanes {
        processors(bed, json!({"replicas": 0})).await?;
        quiet().await?;
        table.push(take(bed, &lane).await?);
    }
    Ok(table)
}

/// Waits until the machine has less to do, or for three minutes: the caches are the processor's then.
async fn quiet() -> Result<()> {
    const LOAD: f64 = 2.0;
    let began = Instant::now();
    until("a quiet machine", LIMIT, async || {
        let load = std::fs::read_to_string("/proc/loadavg")?;
        let load = load.split(' ').next().unwrap_or_default();
        let is_quiet = load.parse::<f64>()? < LOAD || began.elapsed() > Duration::from_mins(3);
        Ok(Look::when(is_quiet, (), format!("load {load}")))
    })
    .await
}

/// From the processor's start until it has taken everything.
async fn take(bed: &Testbed, lane: &Lane) -> Result<String> {
    processors(bed, lane.processor.clone()).await?;
    let began = Instant::now();
    let cost = until(&format!("the {} lane", lane.name), LIMIT, async || {
        let cost = workers::cost(&bed.pipeline, lane.name).await?;
        let left = left(bed, lane.name).await?;
        Ok(Look::when(
            // A processor that has not looked into the topic yet sees nothing left.
            left == Some(0) && cost.rows > 0.0,
            cost,
            format!("{} trades, {left:?} records left", cost.rows),
        ))
    })
    .await?;
    let seconds = began.elapsed().as_secs_f64();
    note(format_args!("{}: {cost:?}", lane.name));
    Ok(line(lane.name, &cost, seconds))
}

/// Records that are not durable; `None` while the processor does not have every partition.
async fn left(bed: &Testbed, lane: &str) -> Result<Option<i64>> {
    let partitions = usize::try_from(bed.pipeline.get().await?.spec.kafka.topics.trades.partitions)?;
    let statuses = workers::processors(&bed.pipeline).await?;
    let lanes = statuses.iter().filter_map(|status| match lane {
        "hot" => status.hot.as_ref(),
        _ => status.archive.as_ref(),
    });
    let left: Vec<i64> = lanes
        .flat_map(|lane| lane.partitions.values())
        .map(|partition| partition.end_offset - partition.next_offset)
        .collect();
    Ok((left.len() == partitions).then(|| left.iter().sum()))
}

fn line(lane: &str, cost: &Cost, seconds: f64) -> String {
    let bytes_per_row = if cost.files > 0.0 {
        format!("{:.1}", cost.file_bytes / cost.rows)
    } else {
        "-".to_owned()
    };
    format!(
        "{lane:<8} {:>10} {seconds:>10.0} {:>10.0} {:>14.0} {:>10.0} {:>8} {bytes_per_row:>10}",
        cost.rows,
        cost.rows / seconds,
        cost.rows / cost.cpu_seconds,
        cost.peak_bytes / f64::from(1 << 20),
        cost.files,
    )
}
