//! What reading a record and making archive files cost without Kafka and HDFS around them, in one thread of this process:
//! the upper bound of the archive lane. Prints two tables.
//!
//! CPU seconds are the kernel's for this process, so that another process beside it matters little.

mod events;

use std::hint::black_box;

use anyhow::{Context, Result};
use crds::spec::Exchange;
use workers::{
    decode,
    kafka::Record,
    process::Usage,
    sink::archive::batch::{Checkpoint, ClosedBatch, OpenBatch},
};

use self::events::Events;

/// Each figure is of at least so many CPU seconds; the kernel counts them to a hundredth.
const MEASURED_SECONDS: f64 = 3.0;
/// Rows of a batch: the recording once, and what a quiet and a busy partition have within an hour.
const BATCHES: [usize; 3] = [2_001, 100_000, 500_000];

fn main() -> Result<()> {
    let recorded = Events::recorded()?;
    println!("{:>24} {:>14} {:>14}", "decode", "bytes/record", "rows/CPU-s");
    for (form, events) in [
        ("fields as recorded", recorded.clone()),
        ("fields in another order", recorded.in_another_order()?),
    ] {
        let speed = per_cpu_second(|| decoded(&events))?;
        println!("{form:>24} {:>14.1} {speed:>14.0}", events.mean_bytes());
    }
    println!();
    println!(
        "{:>24} {:>14} {:>14} {:>14}",
        "rows of a batch", "bytes/row", "rows/CPU-s", "with decode"
    );
    for rows in BATCHES {
        let events = recorded.repeated(rows)?;
        let closed = close(fill(&events)?)?;
        let bytes: usize = closed.files.iter().map(|file| file.bytes.len()).sum();
        // Filling is measured too, and taken off: a batch can be closed but once.
        let fill_speed = per_cpu_second(|| Ok(fill(&events)?.rows()))?;
        let whole_speed = per_cpu_second(|| Ok(close(fill(&events)?)?.rows))?;
        println!(
            "{rows:>24} {:>14.2} {:>14.0} {whole_speed:>14.0}",
            ratio(bytes, rows),
            1.0 / (1.0 / whole_speed - 1.0 / fill_speed),
        );
    }
    Ok(())
}

fn decoded(events: &Events) -> Result<usize> {
    for value in events.values() {
        black_box(decode::trade(Exchange::Binance, black_box(value))?);
    }
    Ok(events.values().len())
}

/// As the archive lane does, of records as ingest sends them.
fn fill(events: &Events) -> Result<OpenBatch> {
    let mut batch = OpenBatch::after(Checkpoint::default(), 0);
    for (offset, value) in (0..).zip(events.values()) {
        let mut record = Record {
            offset,
            key: Some(b"BTCUSDT"),
            value,
            exchange: Some("binance"),
            src: Some("ws"),
            ..Record::default()
        };
        let trade = record.trade()?;
        // Some milliseconds after the exchange, no two alike.
        let recv_us = trade.event_time_us + 20_000 + offset % 7_919;
        record.recv_us = Some(recv_us);
        record.timestamp_ms = Some(recv_us / 1_000);
        anyhow::ensure!(batch.push(&trade, &record), "a copy of {}", trade.trade_id);
    }
    Ok(batch)
}

fn close(batch: OpenBatch) -> Result<ClosedBatch> {
    Ok(batch.close("bench")?.0)
}

/// How many rows a CPU second is enough for; `work` says how many it did.
fn per_cpu_second(mut work: impl FnMut() -> Result<usize>) -> Result<f64> {
    let cpu = || Usage::of("self").context("/proc").map(|usage| usage.cpu_seconds);
    // Memory is mapped and caches are warm.
    work()?;
    let (began, mut rows) = (cpu()?, 0);
    loop {
        rows += work()?;
        let seconds = cpu()? - began;
        if seconds >= MEASURED_SECONDS {
            return Ok(ratio(rows, 1) / seconds);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn ratio(number: usize, of: usize) -> f64 {
    number as f64 / of as f64
}
