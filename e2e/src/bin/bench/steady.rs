//! How old a trade is when it can be read: one processor with both lanes at a steady load, from the time of the record in
//! Kafka to Cassandra's acknowledgement, and to the file's own name in the archive.

use std::time::{Duration, Instant};

use anyhow::Result;
use crds::scrape::Histogram;
use e2e::{progress::hold, stream::Stream, testbed::Testbed, workers};
use serde_json::json;

use crate::{processors, speed};

/// Trades in a second over both symbols.
const RATES: [f64; 2] = [1_000.0, 5_000.0];
const ROLL: Duration = Duration::from_mins(1);
/// Until a whole file was filled at this rate.
const WARM_UP: Duration = Duration::from_mins(2);
/// Several files.
const MEASURED: Duration = Duration::from_mins(4);
/// Lanes, and the age, seconds, that nearly all of their trades are to be below.
const LANES: [(&str, f64); 2] = [("hot", 1.0), ("archive", ROLL.as_secs_f64() + 2.0)];

/// The table's lines.
pub async fn measure(bed: &Testbed) -> Result<Vec<String>> {
    let archive = json!({"enabled": true, "rollInterval": format!("{}s", ROLL.as_secs())});
    processors(
        bed,
        json!({"replicas": 1, "archive": archive, "hot": {"enabled": true}}),
    )
    .await?;
    let mut table = vec![format!(
        "{:<8} {:>8} {:>10} {:>8} {:>8} {:>8} {:>14}",
        "lane", "asked/s", "durable/s", "p50 s", "p99 s", "limit s", "% within limit"
    )];
    for rate in RATES {
        let stream = Stream::open_at(&bed.pipeline, &bed.sim, "AGE", speed(rate)).await?;
        hold("warming up", WARM_UP).await;
        let (began, before) = (Instant::now(), look(bed).await?);
        hold(&format!("measuring {rate} trades/s"), MEASURED).await;
        let (seconds, after) = (began.elapsed().as_secs_f64(), look(bed).await?);
        stream.stop_issuing().await?;
        for ((lane, limit), (before, after)) in LANES.iter().zip(before.iter().zip(&after)) {
            let ages = after.since(before);
            table.push(format!(
                "{lane:<8} {rate:>8.0} {:>10.0} {:>8.2} {:>8.2} {limit:>8.0} {:>14.2}",
                ages.count() / seconds,
                ages.quantile(0.5),
                ages.quantile(0.99),
                ages.share_within(*limit) * 100.0,
            ));
        }
    }
    Ok(table)
}

/// By lane.
async fn look(bed: &Testbed) -> Result<Vec<Histogram>> {
    let mut ages = Vec::new();
    for (lane, _) in LANES {
        ages.push(workers::ages(&bed.pipeline, lane).await?);
    }
    Ok(ages)
}
