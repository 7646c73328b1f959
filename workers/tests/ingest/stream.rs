//! Trades of a well-behaved exchange.

use exchange_sim::{Start, SymbolSpec};

use crate::{
    kafka::{self, DEAD_LETTERS, TOPIC},
    worker::{RECORDED_FIRST, RECORDED_LAST, Worker, exchange, recorded},
};

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_trade_reaches_the_topic_byte_for_byte_and_in_order() {
    let kafka = kafka::cluster();
    let symbols = [
        SymbolSpec::new("BTCUSDT").speed(0.0),
        SymbolSpec::new("SOLUSDT").speed(0.0),
    ];
    let exchange = exchange(symbols).await;
    let worker = Worker::start(&exchange, &kafka, &["BTCUSDT", "SOLUSDT"]).await;
    let status = worker
        .until("4,002 trades", |status| status.acknowledged == 4002)
        .await;
    worker.until_readyz("").await;

    assert!(status.connected);
    assert_eq!(
        (status.connections, status.in_flight, status.rejected_frames),
        (1, 0, 0)
    );
    let bitcoin = &status.symbols["BTCUSDT"];
    assert_eq!(
        (bitcoin.first_id, bitcoin.last_id, bitcoin.trades),
        (RECORDED_FIRST, RECORDED_LAST, 2001)
    );
    assert_eq!(status.symbols["SOLUSDT"].trades, 2001);
    let metrics = worker.metrics().await;
    assert!(
        metrics.contains("cryptopipeline_ingest_trades_acknowledged_total 4002"),
        "{metrics}"
    );
    assert!(
        metrics.contains("cryptopipeline_ingest_receive_to_ack_seconds_count 4002"),
        "{metrics}"
    );

    let records = kafka::records(&kafka, TOPIC);
    let of = |symbol: &str| {
        records
            .iter()
            .filter(|record| record.key.as_deref() == Some(symbol))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("BTCUSDT")
            .iter()
            .map(|record| record.value.clone())
            .collect::<Vec<_>>(),
        recorded()
    );
    assert_eq!(
        of("SOLUSDT").iter().map(|record| record.id()).collect::<Vec<_>>(),
        (1..=2001).collect::<Vec<_>>()
    );
    // The partitions that a Java client would choose among three.
    assert!(of("BTCUSDT").iter().all(|record| record.partition == 2));
    assert!(of("SOLUSDT").iter().all(|record| record.partition == 0));
    for record in &records {
        assert_eq!(
            (
                record.headers["exchange"].as_str(),
                record.headers["src"].as_str()
            ),
            ("binance", "ws")
        );
        assert!(record.headers["recv_us"].parse::<i64>().unwrap() > 1_700_000_000_000_000);
    }
    assert!(kafka::records(&kafka, DEAD_LETTERS).is_empty());
    assert!(exchange.ledger().violations.is_empty(), "{:?}", exchange.ledger());
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_symbols_than_a_frame_holds_are_subscribed_within_the_exchanges_limits() {
    let kafka = kafka::cluster();
    let exchange = exchange([SymbolSpec::new("BTCUSDT").speed(0.0)]).await;
    let mut symbols: Vec<String> = (0..400).map(|number| format!("QUIET{number}USDT")).collect();
    symbols.push("BTCUSDT".to_owned());
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let worker = Worker::start(&exchange, &kafka, &symbols).await;
    let status = worker
        .until("connected with 2,001 trades", |status| {
            status.connected && status.acknowledged == 2001
        })
        .await;
    assert_eq!(status.symbols.keys().collect::<Vec<_>>(), ["BTCUSDT"]);
    assert!(exchange.ledger().violations.is_empty(), "{:?}", exchange.ledger());
    worker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_and_unknown_frames_are_kept_or_counted_and_nothing_stops() {
    let broken = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":16100"#;
    let absurd = r#"{"e":"trade","E":1610064000278,"s":"BTCUSDT","t":1,"p":"-1.0","q":"1.0","T":1610064000278,"m":true}"#;
    let foreign = r#"{"e":"trade","E":1610064000278,"s":"DOGEUSDT","t":1,"p":"1.0","q":"1.0","T":1610064000278,"m":true}"#;
    let unknown = r#"{"e":"somethingNew","E":1610064000278}"#;

    let kafka = kafka::cluster();
    let exchange = exchange([SymbolSpec::new("BTCUSDT").speed(0.0).start(Start::Command)]).await;
    let worker = Worker::start(&exchange, &kafka, &["BTCUSDT"]).await;
    worker.until("connected", |status| status.connected).await;
    for frame in [broken, absurd, foreign, unknown] {
        while exchange.inject("BTCUSDT", frame).unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    }
    exchange.start_symbol("BTCUSDT").unwrap();
    let status = worker
        .until("2,001 trades", |status| status.acknowledged == 2001)
        .await;
    assert_eq!((status.rejected_frames, status.connections), (4, 1));
    worker.stop().await.unwrap();

    assert_eq!(kafka::records(&kafka, TOPIC).len(), 2001);
    let letters = kafka::records(&kafka, DEAD_LETTERS);
    let mut kept: Vec<_> = letters
        .iter()
        .map(|letter| (letter.headers["reason"].as_str(), letter.value.as_str()))
        .collect();
    kept.sort_unstable();
    assert_eq!(
        kept,
        [
            ("AbsurdValue", absurd),
            ("BrokenFrame", broken),
            ("UnexpectedSymbol", foreign)
        ]
    );
    assert!(
        letters
            .iter()
            .all(|letter| letter.headers["exchange"] == "binance")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_exchange_sent_before_the_goodbye_is_still_read() {
    let kafka = kafka::cluster();
    let exchange = exchange([SymbolSpec::new("BTCUSDT").speed(0.0).repeat(20)]).await;
    let worker = Worker::start(&exchange, &kafka, &["BTCUSDT"]).await;
    worker
        .until("some trades", |status| status.acknowledged > 0)
        .await;
    worker.stop().await.unwrap();
    let ids: Vec<u64> = kafka::records(&kafka, TOPIC)
        .iter()
        .map(kafka::Record::id)
        .collect();
    let last = ids.last().copied().unwrap();
    assert_eq!(ids, (RECORDED_FIRST..=last).collect::<Vec<_>>());
    while exchange.ledger().connections > 0 {
        tokio::task::yield_now().await;
    }
    let sent = &exchange.ledger().symbols["BTCUSDT"];
    let sent_to = sent
        .unheard
        .first()
        .map_or(sent.last_id.unwrap(), |range| range.0 - 1);
    // Of a batch that was cut short the exchange does not know what went out.
    assert!(last >= sent_to, "read to {last}, sent to {sent_to}");
}
