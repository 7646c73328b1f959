//! Files are played instead of an exchange: recordings, and dumps in the form of Binance's.

use std::{fs, io::Write, path::Path, time::Duration};

use crds::{
    gap::GapState,
    spec::{Exchange, ReplayFormat},
    wire::{IngestConfig, IngestStatus, RecordingConfig, ReplayConfig},
};
use exchange_sim::SymbolSpec;
use flate2::{Compression, write::GzEncoder};
use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    kafka::{self, Cluster, DEAD_LETTERS, Record, TOPIC},
    worker::{RECORDED_FIRST, RECORDED_LAST, Worker, config, exchange, recorded},
};

const FLUSH: Duration = Duration::from_secs(20);

async fn replaying(
    folder: &Path,
    format: ReplayFormat,
    speed: &str,
    kafka: &Cluster,
    symbols: &[&str],
) -> IngestConfig {
    // Nobody is asked: the exchange is gone when the worker starts.
    let gone = exchange([]).await;
    IngestConfig {
        replay: Some(ReplayConfig {
            folder: folder.to_str().unwrap().to_owned(),
            format,
            speed: speed.parse().unwrap(),
        }),
        ..config(&gone, kafka, symbols)
    }
}

async fn dumps(folder: &Path, speed: &str, kafka: &Cluster, symbols: &[&str]) -> IngestConfig {
    replaying(folder, ReplayFormat::BinanceCsv, speed, kafka, symbols).await
}

fn finished(status: &IngestStatus) -> bool {
    status.replay.as_ref().is_some_and(|replay| replay.finished)
}

/// Lines of a dump, with times in milliseconds or microseconds.
fn dump(events: &[String], microseconds: bool) -> String {
    let truth = |value: &Value| if value.as_bool().unwrap() { "True" } else { "False" };
    let row = |event: &String| {
        let event: Value = serde_json::from_str(event).unwrap();
        let text = |field: &str| event[field].as_str().unwrap().to_owned();
        let time = event["T"].as_i64().unwrap();
        let time = if microseconds { time * 1_000 + 789 } else { time };
        format!(
            "{},{},{},1.00000000,{time},{},{}\n",
            event["t"],
            text("p"),
            text("q"),
            truth(&event["m"]),
            truth(&event["M"])
        )
    };
    events.iter().map(row).collect()
}

fn write_dump(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder).unwrap();
    if Path::new(name).extension().is_some_and(|ending| ending == "gz") {
        let mut file = GzEncoder::new(fs::File::create(folder.join(name)).unwrap(), Compression::fast());
        file.write_all(text.as_bytes()).unwrap();
        file.finish().unwrap();
    } else {
        fs::write(folder.join(name), text).unwrap();
    }
}

/// The recorded symbol in two days, as two eras of the exchange wrote them.
fn bitcoin(folder: &Path) {
    let events = recorded();
    let (first, second) = events.split_at(1_200);
    write_dump(folder, "BTCUSDT-trades-2021-01-08.csv", &dump(first, false));
    let head = "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match\n";
    let text = format!("{head}{}", dump(second, true));
    write_dump(&folder.join("later"), "BTCUSDT-trades-2021-01-09.csv.gz", &text);
}

fn values(records: &[Record], symbol: &str) -> Vec<String> {
    let of_symbol = records
        .iter()
        .filter(|record| record.key.as_deref() == Some(symbol));
    of_symbol.map(|record| record.value.clone()).collect()
}

#[rstest]
#[case(Exchange::Binance, ["BTCUSDT", "SOLUSDT"])]
#[case(Exchange::Coinbase, ["BTC-USD", "SOL-USD"])]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_of_a_live_feed_is_played_byte_for_byte(
    #[case] venue: Exchange,
    #[case] symbols: [&str; 2],
) {
    let folder = TempDir::new().unwrap();
    let live = kafka::cluster();
    let exchange = exchange(symbols.map(|symbol| SymbolSpec::new(symbol).speed(0.0))).await;
    let recording = RecordingConfig {
        folder: folder.path().to_str().unwrap().to_owned(),
        disk_bytes: 1 << 30,
        rotate_interval_ms: 3_600_000,
    };
    let config = IngestConfig {
        exchange: venue,
        recording: Some(recording),
        ..config(&exchange, &live, &symbols)
    };
    let worker = Worker::run(config, FLUSH).await;
    worker
        .until("4,002 trades", |status| status.acknowledged == 4002)
        .await;
    worker.stop().await.unwrap();

    let played = kafka::cluster();
    let config = IngestConfig {
        exchange: venue,
        ..replaying(folder.path(), ReplayFormat::Frames, "max", &played, &symbols).await
    };
    let worker = Worker::run(config, FLUSH).await;
    let status = worker.until("the end", finished).await;
    worker.until_readyz("").await;
    let replay = status.replay.unwrap();
    assert_eq!((replay.files, replay.files_done, replay.trades), (1, 1, 4002));
    worker.stop().await.unwrap();

    let (live, played) = (kafka::records(&live, TOPIC), kafka::records(&played, TOPIC));
    for symbol in symbols {
        assert_eq!(values(&played, symbol).len(), 2001);
        assert_eq!(values(&played, symbol), values(&live, symbol));
    }
    assert!(played.iter().all(|record| record.headers["src"] == "replay"));
}

#[tokio::test(flavor = "multi_thread")]
async fn dumps_become_the_bytes_of_the_live_stream_each_symbol_in_the_order_of_its_ids() {
    let folder = TempDir::new().unwrap();
    bitcoin(folder.path());
    let solana: Vec<String> = recorded()
        .iter()
        .map(|event| event.replace("BTCUSDT", "SOLUSDT"))
        .collect();
    write_dump(folder.path(), "SOLUSDT-trades-2021-01.csv", &dump(&solana, false));
    write_dump(
        folder.path(),
        "DOGEUSDT-trades-2021-01.csv",
        "nobody reads this\n",
    );
    let kafka = kafka::cluster();
    let config = dumps(folder.path(), "max", &kafka, &["BTCUSDT", "SOLUSDT"]).await;
    let worker = Worker::run(config, FLUSH).await;
    let status = worker.until("the end", finished).await;
    let replay = status.replay.unwrap();
    assert_eq!((replay.files, replay.files_done, replay.trades), (3, 3, 4002));
    assert_eq!((status.missing_ids, status.rejected_frames), (0, 0));
    worker.stop().await.unwrap();

    let records = kafka::records(&kafka, TOPIC);
    assert_eq!(records.len(), 4002);
    assert_eq!(values(&records, "BTCUSDT"), recorded());
    assert_eq!(values(&records, "SOLUSDT"), solana);
    assert!(kafka::records(&kafka, DEAD_LETTERS).is_empty());
}

#[test]
fn a_worker_that_is_killed_in_the_middle_leaves_the_rest_to_the_next_one_and_no_trade_is_sent_twice() {
    let folder = TempDir::new().unwrap();
    bitcoin(folder.path());
    let kafka = kafka::cluster();
    let killed = Runtime::new().unwrap();
    let sent = killed.block_on(async {
        let config = dumps(folder.path(), "20", &kafka, &["BTCUSDT"]).await;
        let worker = Worker::run(config, FLUSH).await;
        let status = worker
            .until("some trades", |status| status.acknowledged > 300)
            .await;
        std::mem::forget(worker);
        status.acknowledged
    });
    killed.shutdown_timeout(Duration::ZERO);
    assert!(
        sent < 2001,
        "the whole replay was over before it could be interrupted"
    );

    Runtime::new().unwrap().block_on(async {
        let config = dumps(folder.path(), "max", &kafka, &["BTCUSDT"]).await;
        let worker = Worker::run(config, FLUSH).await;
        let status = worker.until("the end", finished).await;
        let replay = status.replay.unwrap();
        assert_eq!(
            replay.trades, 2001,
            "all are read, and those that Kafka has passed over"
        );
        assert_eq!(status.symbols["BTCUSDT"].trades, 2001);
        worker.stop().await.unwrap();
    });
    assert_eq!(values(&kafka::records(&kafka, TOPIC), "BTCUSDT"), recorded());
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_the_files_lack_are_missing_and_given_up_at_once() {
    let folder = TempDir::new().unwrap();
    let mut events = recorded();
    events.drain(100..110);
    let text = dump(&events, false) + "1,2,3\n";
    write_dump(folder.path(), "BTCUSDT-trades-2021-01-08.csv", &text);
    let kafka = kafka::cluster();
    let worker = Worker::run(dumps(folder.path(), "max", &kafka, &["BTCUSDT"]).await, FLUSH).await;
    let status = worker
        .until("a gap given up", |status| {
            finished(status) && status.gaps.iter().any(|gap| gap.state == GapState::Unrepairable)
        })
        .await;
    let [gap] = status.gaps.as_slice() else {
        panic!("{:?}", status.gaps)
    };
    assert_eq!(
        (gap.from_id, gap.to_id, gap.missing_ids),
        (RECORDED_FIRST + 100, RECORDED_FIRST + 109, 10)
    );
    assert_eq!(gap.last_error.as_deref(), Some("NotInReplay"));
    assert_eq!((status.missing_ids, status.rejected_frames), (10, 1));
    worker.stop().await.unwrap();
    let letters = kafka::records(&kafka, DEAD_LETTERS);
    assert_eq!(
        (letters[0].value.as_str(), letters[0].headers["reason"].as_str()),
        ("1,2,3", "InvalidRow")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_waits_for_its_files_and_says_so() {
    let folder = TempDir::new().unwrap();
    let kafka = kafka::cluster();
    let worker = Worker::run(dumps(folder.path(), "max", &kafka, &["BTCUSDT"]).await, FLUSH).await;
    worker.until_readyz("no file to play in").await;
    let replay = worker.status().await.replay.unwrap();
    assert!(replay.waiting.is_some() && !replay.finished);
    bitcoin(folder.path());
    let status = worker.until("the end", finished).await;
    assert_eq!(status.symbols["BTCUSDT"].last_id, RECORDED_LAST);
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_faster_than_kafka_waits_and_leaves_the_disk_alone() {
    let folder = TempDir::new().unwrap();
    bitcoin(folder.path());
    let event = recorded().pop().unwrap();
    // Far more than what the queue and both buffers hold.
    let more: Vec<String> = (1..=60_000)
        .map(|more| event.replace(&RECORDED_LAST.to_string(), &(RECORDED_LAST + more).to_string()))
        .collect();
    write_dump(
        folder.path(),
        "BTCUSDT-trades-2021-01-10.csv",
        &dump(&more, false),
    );
    let kafka = kafka::cluster();
    let mut config = dumps(folder.path(), "max", &kafka, &["BTCUSDT"]).await;
    config.buffer.memory_bytes = 1 << 20;
    let worker = Worker::run(config, FLUSH).await;
    worker
        .until("the first trades", |status| status.acknowledged > 0)
        .await;
    kafka.broker_down(1).unwrap();
    let status = worker
        .until("no more room", |status| status.in_flight > 20_000)
        .await;
    assert_eq!((status.spooled, status.held), (0, false));
    kafka.broker_up(1).unwrap();
    let status = worker.until("the end", finished).await;
    assert_eq!((status.spooled, status.missing_ids), (0, 0));
    assert_eq!(status.symbols["BTCUSDT"].trades, 62_001);
    worker.stop().await.unwrap();
}
