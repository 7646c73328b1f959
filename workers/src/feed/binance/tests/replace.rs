//! Connections that end, fall silent or go deaf.

use super::*;

#[tokio::test]
async fn a_connection_is_replaced_before_its_time_is_over_and_no_trade_is_missing() {
    let limits = Limits {
        connection_lifetime: Duration::from_secs(4),
        shutdown_notice: Duration::from_millis(1),
        ..Limits::default()
    };
    let sim = exchange(limits, [SymbolSpec::new("BTCUSDT").speed(6.0)]).await;
    let mut timing = hasty();
    timing.policy.rotate_after = Duration::from_secs(1);
    let running = run(&sim.stream_url(), timing, &["BTCUSDT"]);
    until("the last trade", || running.last_id("BTCUSDT") == *RECORDED.end()).await;
    assert!(running.monitor.connections() >= 4);
    assert_complete(&running.ids("BTCUSDT"), RECORDED);
    until("one connection", || sim.ledger().connections <= 2).await;
    running.stop().await;
    let ledger = sim.ledger();
    assert!(ledger.violations.is_empty(), "{ledger:?}");
    assert_eq!(ledger.symbols["BTCUSDT"].unheard, []);
}

#[tokio::test]
async fn an_announced_shutdown_costs_no_trade() {
    let sim = exchange(Limits::default(), [SymbolSpec::new("BTCUSDT").speed(8.0)]).await;
    let running = run(&sim.stream_url(), hasty(), &["BTCUSDT"]);
    for connections in 1..4 {
        let begun = running.last_id("BTCUSDT");
        until("more trades", || running.last_id("BTCUSDT") > begun.max(1) + 100).await;
        // It is closed as soon as its successor has everything, however much time is left.
        sim.inflict(Fault::Shutdown { after_ms: 30_000 }).unwrap();
        until("a successor", || running.monitor.connections() > connections).await;
        until("the old connection is gone", || sim.ledger().connections == 1).await;
        assert!(running.monitor.connected());
    }
    until("the last trade", || running.last_id("BTCUSDT") == *RECORDED.end()).await;
    assert_complete(&running.ids("BTCUSDT"), RECORDED);
    running.stop().await;
    assert!(sim.ledger().violations.is_empty(), "{:?}", sim.ledger());
}

#[tokio::test]
async fn a_half_open_connection_is_replaced() {
    let limits = Limits {
        ping_interval: Duration::from_millis(500),
        ..Limits::default()
    };
    let sim = exchange(limits, [SymbolSpec::new("BTCUSDT").repeat(10).speed(5.0)]).await;
    let timing = Timing {
        silence_limit: Duration::from_millis(1500),
        ..hasty()
    };
    let running = run(&sim.stream_url(), timing, &["BTCUSDT"]);
    until("trades", || running.ids("BTCUSDT").len() > 10).await;
    sim.inflict(Fault::HalfOpen).unwrap();
    until("the exchange has forgotten it", || sim.ledger().connections == 0).await;
    let last = running.last_id("BTCUSDT");
    until("trades again", || running.last_id("BTCUSDT") > last + 10).await;
    assert_eq!(running.monitor.connections(), 2);
    assert!(running.monitor.connected());
    running.stop().await;
    assert!(sim.ledger().violations.is_empty(), "{:?}", sim.ledger());
}

#[tokio::test]
async fn a_stream_that_stops_among_others_is_asked_for_anew() {
    let symbols = ["BTCUSDT", "ETHUSDT"].map(|name| SymbolSpec::new(name).repeat(100).speed(10.0));
    let sim = exchange(Limits::default(), symbols).await;
    let timing = Timing {
        expectation: Expectation {
            seconds: 1,
            least_pause: Duration::from_millis(500),
            factor: 2,
        },
        ..hasty()
    };
    let running = run(&sim.stream_url(), timing, &["BTCUSDT", "ETHUSDT"]);
    until("trades", || running.ids("ETHUSDT").len() > 10).await;
    sim.inflict(Fault::Drop {
        symbol: "ETHUSDT".to_owned(),
        trades: 1000,
    })
    .unwrap();
    until("another connection", || running.monitor.connections() >= 2).await;
    let last = running.last_id("ETHUSDT");
    until("trades again", || running.last_id("ETHUSDT") > last).await;
    until("one connection", || sim.ledger().connections == 1).await;
    let first = *running.ids("BTCUSDT").first().unwrap();
    let last = running.last_id("BTCUSDT");
    assert_complete(&running.ids("BTCUSDT"), first..=last);
    running.stop().await;
    assert!(sim.ledger().violations.is_empty(), "{:?}", sim.ledger());
}

#[tokio::test]
async fn a_stream_that_does_not_deliver_what_exists_is_asked_for_anew() {
    let symbols = ["BTCUSDT", "ETHUSDT"].map(|name| SymbolSpec::new(name).repeat(100).speed(10.0));
    let sim = exchange(Limits::default(), symbols).await;
    let mut timing = hasty();
    timing.expectation.least_pause = Duration::from_millis(300);
    timing.delivery_grace = Duration::from_millis(200);
    let running = run(&sim.stream_url(), timing, &["BTCUSDT", "ETHUSDT"]);
    let issued = || sim.ledger().symbols["ETHUSDT"].last_id.unwrap_or(0);
    let tell = || {
        let ids = BTreeMap::from([("ETHUSDT".parse().unwrap(), issued())]);
        running.monitor.newest().tell(&ids, tokio::time::Instant::now());
        issued()
    };
    // What is delivered is nothing to worry about.
    for _ in 0..3 {
        until("trades", || running.ids("ETHUSDT").len() > 10).await;
        let newest = tell();
        until("the newest one, and more", || {
            running.last_id("ETHUSDT") > newest + 100
        })
        .await;
    }
    assert_eq!(running.monitor.connections(), 1);
    sim.inflict(Fault::Drop {
        symbol: "ETHUSDT".to_owned(),
        trades: 1000,
    })
    .unwrap();
    let last = issued();
    until("trades that nobody hears", || issued() > last + 50).await;
    tell();
    until("another connection", || running.monitor.connections() == 2).await;
    running.stop().await;
    assert!(sim.ledger().violations.is_empty(), "{:?}", sim.ledger());
}

#[tokio::test]
async fn an_exchange_that_refuses_handshakes_is_left_alone_for_as_long_as_it_says() {
    let sim = exchange(
        Limits::default(),
        [SymbolSpec::new("BTCUSDT").repeat(10).speed(5.0)],
    )
    .await;
    let running = run(&sim.stream_url(), hasty(), &["BTCUSDT"]);
    until("trades", || running.ids("BTCUSDT").len() > 10).await;
    sim.inflict(Fault::Refuse {
        service: Service::Stream,
        with: Refusal::Limited,
        for_ms: 1500,
    })
    .unwrap();
    sim.inflict(Fault::Cut).unwrap();
    until("it notices", || !running.monitor.connected()).await;
    until("connected again", || running.monitor.connected()).await;
    running.stop().await;
    assert!(sim.ledger().violations.is_empty(), "{:?}", sim.ledger());
}
