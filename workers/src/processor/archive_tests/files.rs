//! What the files look like: names, columns, and what makes no file at all.

use std::collections::BTreeMap;

use arrow_array::{
    Array, Int64Array, RecordBatch,
    cast::AsArray,
    types::{Decimal128Type, TimestampMicrosecondType},
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::processor::testing::repaired_order;

fn rows(file: Bytes) -> RecordBatch {
    let mut batches = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    batches.next().unwrap().unwrap()
}

#[tokio::test]
async fn files_are_named_by_hour_and_first_offset_and_hold_the_fields_exactly() {
    let store = Arc::new(MemoryStore::default());
    let trades = [
        trade("ETHUSDT", 3, HOUR_US),
        trade("BTCUSDT", 9, HOUR_US),
        trade("BTCUSDT", 8, HOUR_US + 1),
        trade("BTCUSDT", 7, 0),
    ];
    let log = log(trades.iter().map(event));
    archive_all(&store, &log, 100).await;

    let files: BTreeMap<String, Bytes> = store.finished().into_iter().collect();
    let paths: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "dt=2021-01-01/hour=00/part-0-00000000000000000000.parquet",
            "dt=2021-01-01/hour=01/part-0-00000000000000000000.parquet",
        ]
    );
    let file = files[paths[1]].clone();
    let rows = rows(file);
    let texts = |name: &str| -> Vec<String> {
        let column = rows.column_by_name(name).unwrap();
        column
            .as_string::<i32>()
            .iter()
            .map(|text| text.unwrap().to_owned())
            .collect()
    };
    let numbers = |name: &str| {
        rows.column_by_name(name)
            .unwrap()
            .as_any()
            .downcast_ref::<Int64Array>()
            .unwrap()
            .values()
            .to_vec()
    };
    // Sorted by symbol and id.
    assert_eq!(texts("symbol"), ["BTCUSDT", "BTCUSDT", "ETHUSDT"]);
    assert_eq!(texts("exchange"), ["binance"; 3]);
    assert_eq!(texts("src"), ["ws"; 3]);
    assert_eq!(numbers("trade_id"), [8, 9, 3]);
    assert_eq!(numbers("kafka_offset"), [2, 1, 0]);
    let prices = rows
        .column_by_name("price")
        .unwrap()
        .as_primitive::<Decimal128Type>();
    assert_eq!(
        (prices.value_as_string(0), prices.precision()),
        ("39432.48000008".to_owned(), 18)
    );
    let times = rows
        .column_by_name("trade_time")
        .unwrap()
        .as_primitive::<TimestampMicrosecondType>();
    assert_eq!(
        times.values().to_vec(),
        [
            trades[2].trade_time_us,
            trades[1].trade_time_us,
            trades[0].trade_time_us
        ]
    );
    let received = rows
        .column_by_name("recv_time")
        .unwrap()
        .as_primitive::<TimestampMicrosecondType>();
    assert_eq!(received.values().to_vec(), [2, 1, 0]);
    assert_eq!(
        rows.schema().field_with_name("trade_time").unwrap().data_type(),
        times.data_type()
    );
}

#[rstest::rstest]
#[tokio::test]
async fn a_repaired_gap_is_archived_once_in_the_hours_of_its_trades(#[values(1, 4, 100)] rows: u64) {
    let store = Arc::new(MemoryStore::default());
    let of = |id: u64| trade("BTCUSDT", id, i64::try_from(id / 10).unwrap() * HOUR_US);
    let log = log(repaired_order().into_iter().map(|id| event(&of(id))));
    archive_all(&store, &log, rows).await;
    let counts = counts(&store);
    let ids = counts.of("BTCUSDT").unwrap();
    assert_eq!(ids.distinct, (0..40).collect());
    assert!(ids.repeated.is_empty());
    for (path, file) in store.finished() {
        let mut in_file = Counts::default();
        add_file(&mut in_file, file).unwrap();
        let ids = &in_file.of("BTCUSDT").unwrap().distinct;
        let hour = format!("hour={:02}/", ids.first().unwrap() / 10);
        assert!(
            path.contains(&hour) && ids.first().unwrap() / 10 == ids.last().unwrap() / 10,
            "{path}"
        );
    }
}

#[tokio::test]
async fn copies_alone_make_no_file() {
    let store = Arc::new(MemoryStore::default());
    let first = log([event(&trade("BTCUSDT", 1, 0))]);
    archive_all(&store, &first, 1).await;
    first
        .lock()
        .unwrap()
        .extend([event(&trade("BTCUSDT", 1, 0)), b"poison".to_vec()]);
    archive_all(&store, &first, 1).await;
    assert_eq!(store.finished().len(), 1);
    // The next batch begins where the last file ends, not after the copies.
    first.lock().unwrap().push(event(&trade("BTCUSDT", 2, 0)));
    archive_all(&store, &first, 1).await;
    let paths: Vec<String> = store.finished().into_iter().map(|(path, _)| path).collect();
    assert!(
        paths[1].ends_with("part-0-00000000000000000001.parquet"),
        "{paths:?}"
    );
}

#[tokio::test]
async fn the_same_id_of_two_exchanges_is_two_trades_and_of_an_unknown_one_none() {
    let store = Arc::new(MemoryStore::default());
    // A product of Coinbase, whose id Binance gave away too; a copy; and what nobody can place.
    let log = log([1, 1, 1, 2].map(|id| event(&trade("BTC-USD", id, 0))));
    let stop = CancellationToken::new();
    let mut source = LogSource::new(&log, stop.clone());
    source.exchange = |offset| [Some("coinbase"), None, Some("coinbase"), Some("mtgox")][offset];
    let read = async {
        for _ in 0..300 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (lane, context) = (lane(&store, "one", 100), context(0));
    tokio::join!(lane.run(&mut source, &context), read);

    let (_, file) = store.finished().into_iter().next().unwrap();
    let rows = rows(file);
    let exchanges = rows.column_by_name("exchange").unwrap().as_string::<i32>();
    assert_eq!(
        exchanges.iter().flatten().collect::<Vec<_>>(),
        ["binance", "coinbase"]
    );
}
