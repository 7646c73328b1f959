//! The symbols change.

use super::*;

#[tokio::test]
async fn symbols_come_and_go_on_one_connection() {
    let spec = |name| SymbolSpec::new(name).repeat(100).speed(10.0).start(Start::Now);
    let sim = exchange(Limits::default(), ["BTCUSDT", "ETHUSDT", "SOLUSDT"].map(spec)).await;
    let running = run(&sim.stream_url(), hasty(), &["BTCUSDT", "ETHUSDT"]);
    until("trades of both", || {
        !running.ids("BTCUSDT").is_empty() && !running.ids("ETHUSDT").is_empty()
    })
    .await;
    running.symbols.send_replace(set(&["BTCUSDT", "SOLUSDT"]));
    until("trades of the new one", || !running.ids("SOLUSDT").is_empty()).await;
    let listeners = |symbol: &str| sim.ledger().symbols[symbol].connections;
    assert_eq!(["BTCUSDT", "ETHUSDT", "SOLUSDT"].map(listeners), [1, 0, 1]);

    // Nothing was lost of the one that stayed, and nothing that was under way is taken for broken.
    let ids = running.ids("BTCUSDT");
    assert_complete(&ids, ids[0]..=*ids.last().unwrap());
    assert_eq!(running.monitor.rejected_frames(), 0);
    running.symbols.send_replace(set(&[]));
    until("no connection", || sim.ledger().connections == 0).await;
    until("it says why", || {
        running
            .health
            .ready()
            .failing
            .values()
            .any(|why| why.contains("no symbol"))
    })
    .await;
    running.symbols.send_replace(set(&["ETHUSDT"]));
    until("connected again", || running.monitor.connected()).await;
    assert_eq!(running.monitor.connections(), 2);
    running.stop().await;
    assert!(sim.ledger().violations.is_empty(), "{:?}", sim.ledger());
}

#[tokio::test]
async fn many_changes_at_once_keep_to_the_exchanges_limits() {
    let sim = exchange(
        Limits {
            // Pongs count too.
            ping_interval: Duration::from_millis(500),
            ..Limits::default()
        },
        [SymbolSpec::new("BTCUSDT").repeat(100).start(Start::Now)],
    )
    .await;
    let running = run(&sim.stream_url(), hasty(), &["BTCUSDT"]);
    until("connected", || running.monitor.connected()).await;
    // By name the last, so that it stands in the last frame.
    sim.add_symbol(SymbolSpec::new("ZUSDT").repeat(100).start(Start::Now))
        .unwrap();
    let mut many: BTreeSet<Symbol> = (0..900)
        .map(|n| format!("QUIET{n}USDT").parse().unwrap())
        .collect();
    many.extend(set(&["BTCUSDT", "ZUSDT"]).iter().cloned());
    running.symbols.send_replace(Arc::new(many));
    until("trades of the last one", || !running.ids("ZUSDT").is_empty()).await;
    running.symbols.send_replace(set(&["BTCUSDT"]));
    until("it is given up", || {
        sim.ledger().symbols["ZUSDT"].connections == 0
    })
    .await;
    assert_eq!(running.monitor.connections(), 1);
    running.stop().await;
    assert!(sim.ledger().violations.is_empty(), "{:?}", sim.ledger());
}

#[tokio::test]
async fn a_name_that_would_end_the_connection_is_not_asked_for() {
    let sim = exchange(Limits::default(), [SymbolSpec::new("BTCUSDT").repeat(100)]).await;
    let running = run(&sim.stream_url(), hasty(), &["BTCUSDT", "Ä#USDT"]);
    until("trades", || !running.ids("BTCUSDT").is_empty()).await;
    assert!(running.monitor.connected());
    running.stop().await;
}
