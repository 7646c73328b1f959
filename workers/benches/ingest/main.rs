//! What ingest costs and how long a trade is under way in it, from the socket to Kafka's acknowledgement. Prints a table.
//!
//! The real program runs as a process of its own, so that its CPU time and memory are its own. The exchange and Kafka are
//! simulated in this process and take CPU beside it; figures of one run compare with each other, and with nothing else.

mod child;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use crds::{
    scrape::{self, Histogram},
    spec::{Exchange, GapPolicy},
    wire::{BufferConfig, Endpoints, IngestConfig, KafkaEndpoint, StartFrom},
};
use exchange_sim::{Sim, SimConfig, SymbolSpec};
use rdkafka::mocking::MockCluster;
use workers::process::Usage;

use self::child::Child;

/// Trades that the recording has in a second at its own pace.
const RECORDED_RATE: f64 = 43.5;
/// The recording played often enough for hours.
const REPEAT: u32 = 10_000;
const WARM_UP: Duration = Duration::from_secs(5);
const MEASURED: Duration = Duration::from_secs(20);
const TOPICS: [&str; 4] = ["trades", "dead-letters", "gaps", "ledger"];

/// A load: trades in a second over all symbols, or as many as are taken.
struct Load {
    symbols: usize,
    rate: Option<f64>,
}

const LOADS: [Load; 6] = [
    Load {
        symbols: 10,
        rate: Some(1_000.0),
    },
    Load {
        symbols: 10,
        rate: Some(5_000.0),
    },
    Load {
        symbols: 100,
        rate: Some(5_000.0),
    },
    Load {
        symbols: 1_000,
        rate: Some(5_000.0),
    },
    Load {
        symbols: 500,
        rate: Some(20_000.0),
    },
    Load {
        symbols: 10,
        rate: None,
    },
];

#[tokio::main]
async fn main() -> Result<()> {
    println!(
        "{:>8} {:>10} {:>10} {:>14} {:>12} {:>12} {:>10}",
        "symbols", "asked/s", "acked/s", "CPU-s/million", "p50 ack ms", "p99 ack ms", "peak MiB"
    );
    for load in LOADS {
        measure(&load).await?;
    }
    Ok(())
}

async fn measure(load: &Load) -> Result<()> {
    let kafka = MockCluster::new(1)?;
    for topic in TOPICS {
        kafka.create_topic(topic, 6, 1)?;
    }
    let names: Vec<String> = (0..load.symbols).map(|number| format!("S{number}USDT")).collect();
    #[expect(clippy::cast_precision_loss, reason = "at most thousands")]
    let speed = load
        .rate
        .map_or(0.0, |rate| rate / load.symbols as f64 / RECORDED_RATE);
    let listed = names
        .iter()
        .map(|name| SymbolSpec::new(name).id_base(1).repeat(REPEAT).speed(speed));
    let exchange = Sim::start(SimConfig::new(listed)).await?;
    let child = Child::start(config(&exchange, &kafka.bootstrap_servers(), names)).await?;
    tokio::time::sleep(WARM_UP).await;

    let (began, before) = (Instant::now(), look(&child).await?);
    tokio::time::sleep(MEASURED).await;
    let (seconds, after) = (began.elapsed().as_secs_f64(), look(&child).await?);
    let acked = after.acked - before.acked;
    let delays = after.delays.since(&before.delays);
    println!(
        "{:>8} {:>10} {:>10.0} {:>14.2} {:>12} {:>12} {:>10}",
        load.symbols,
        load.rate
            .map_or_else(|| "all".to_owned(), |rate| format!("{rate:.0}")),
        acked / seconds,
        (after.usage.cpu_seconds - before.usage.cpu_seconds) / acked * 1e6,
        millis(delays.quantile(0.5)),
        millis(delays.quantile(0.99)),
        after.usage.peak_resident_bytes >> 20,
    );
    Ok(())
}

/// The child's own figures at one time.
struct Look {
    usage: Usage,
    acked: f64,
    delays: Histogram,
}

async fn look(child: &Child) -> Result<Look> {
    let page = child.metrics().await?;
    let acked = scrape::value(&page, "cryptopipeline_ingest_trades_acknowledged_total");
    let delays = Histogram::parse(&page, "cryptopipeline_ingest_receive_to_ack_seconds");
    Ok(Look {
        usage: child.usage()?,
        acked: acked.context("no count of acknowledged trades")?,
        delays: delays.context("no histogram of delays")?,
    })
}

fn millis(seconds: f64) -> String {
    format!("{:.1}", seconds * 1e3)
}

/// As the operator writes it, but for the spool's folder, which [`Child`] chooses.
fn config(exchange: &Sim, bootstrap: &str, symbols: Vec<String>) -> IngestConfig {
    let [topic, dead_letter_topic, gap_topic, ledger_topic] = TOPICS.map(str::to_owned);
    IngestConfig {
        exchange: Exchange::Binance,
        endpoints: Endpoints {
            stream: exchange.stream_url(),
            rest: exchange.rest_url(),
        },
        symbols,
        symbols_version: String::new(),
        start_from: StartFrom::default(),
        gap_policy: GapPolicy::Strict,
        request_weight_per_minute: 3_000,
        kafka: KafkaEndpoint {
            bootstrap: bootstrap.to_owned(),
            topic,
            dead_letter_topic,
            gap_topic,
        },
        ledger_topic,
        buffer: BufferConfig {
            memory_bytes: 32 << 20,
            disk_bytes: 1 << 30,
            folder: String::new(),
        },
        recording: None,
        replay: None,
    }
}
