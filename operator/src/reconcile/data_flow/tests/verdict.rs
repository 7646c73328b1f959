//! Whether trades flow, by what is missing and who is silent.

use super::*;

fn gap(symbol: &str, from_id: u64, state: GapState) -> GapRecord {
    GapRecord {
        exchange: Exchange::Binance,
        symbol: symbol.to_owned(),
        from_id,
        to_id: from_id + 11,
        cause: GapCause::Disconnect,
        state,
        missing_ids: 12,
        repaired_ids: 0,
        detected_ms: 0,
        closed_ms: None,
        last_error: Some("RestRefused".to_owned()),
        updated_ms: 0,
    }
}

fn with_gaps(gaps: Vec<GapRecord>) -> Answers {
    let mut answers = answers(vec![Some(processor(&[(0, partition(5, 5, 5))]))]);
    let feed = answers.ingest[0].as_mut().unwrap();
    feed.symbols.get_mut("BTCUSDT").unwrap().missing_ids = 12 * gaps.len() as u64;
    feed.gaps = gaps;
    answers
}

#[test]
fn ids_that_ingest_misses_count_before_the_archive_can_know_of_them() {
    let answers = with_gaps(vec![gap("BTCUSDT", 106, GapState::Open)]);
    assert_eq!(merge(None, &answers, frame(1)).unwrap().missing_ids, 12);
    let mut silent = answers.clone();
    silent.ingest = vec![None];
    let before = merge(None, &answers, frame(1));
    assert_eq!(merge(before.as_ref(), &silent, frame(1)).unwrap().missing_ids, 12);
}

#[test]
fn two_feeds_of_one_symbol_miss_an_id_once() {
    let mut answers = with_gaps(vec![gap("BTCUSDT", 106, GapState::Open)]);
    answers.ingest.push(answers.ingest[0].clone());
    assert_eq!(merge(None, &answers, frame(1)).unwrap().missing_ids, 12);
}

#[test]
fn a_gap_under_repair_is_named_and_one_that_cannot_be_repaired_stops_the_flow() {
    let open = with_gaps((0..7).map(|n| gap("BTCUSDT", n * 100, GapState::Open)).collect());
    let verdict = judge(merge(None, &open, frame(1)).as_ref(), &open, NOW);
    assert_eq!((verdict.flowing, verdict.reason), (true, "RepairingGaps"));
    assert!(
        verdict.message.ends_with("BTCUSDT 400-411 and 2 more"),
        "{}",
        verdict.message
    );

    let stuck = with_gaps(vec![
        gap("ETHUSDT", 7, GapState::Open),
        gap("BTCUSDT", 106, GapState::Unrepairable),
    ]);
    let verdict = judge(merge(None, &stuck, frame(1)).as_ref(), &stuck, NOW);
    assert_eq!((verdict.flowing, verdict.reason), (false, "IdsMissing"));
    assert!(
        verdict.message.ends_with("BTCUSDT 106-117"),
        "{}",
        verdict.message
    );
    assert!(verdict.message.contains("RestRefused"), "{}", verdict.message);
}

#[test]
fn what_arrived_late_may_wait_in_kafka_as_long_as_the_archive_lags() {
    let flow = DataFlow {
        ingested_trades: 9,
        missing_ids: 3,
        archive_lag_seconds: 300,
        ..DataFlow::default()
    };
    let late_since = |seconds: i64| {
        let mut answers = with_gaps(vec![]);
        answers.ingest[0].as_mut().unwrap().late_ms = (NOW.as_second() - seconds) * 1_000;
        judge(Some(&flow), &answers, NOW).reason
    };
    assert_eq!(late_since(200), "ArchivingRepairs");
    assert_eq!(late_since(600), "IdsNotArchived");
}

#[test]
fn what_ingest_has_and_the_archive_lacks_is_told_apart_from_what_nobody_has() {
    let flow = |missing_ids| DataFlow {
        ingested_trades: 9,
        missing_ids,
        ..DataFlow::default()
    };
    let mut answers = with_gaps(vec![gap("BTCUSDT", 106, GapState::Unrepairable)]);
    let feed = answers.ingest[0].as_mut().unwrap();
    feed.symbols.entry("BTCUSDT".to_owned()).or_default().missing_ids = 12;
    assert_eq!(judge(Some(&flow(12)), &answers, NOW).reason, "IdsMissing");
    let verdict = judge(Some(&flow(15)), &answers, NOW);
    assert_eq!((verdict.flowing, verdict.reason), (false, "IdsNotArchived"));
    assert!(
        verdict
            .message
            .starts_with("15 trade ids are in no archive file, 12 of them")
    );
}

/// Retention took what a lane had not stored: the condition names exactly these ids, whichever lane it was.
#[test]
fn ids_that_retention_took_are_named_per_lane() {
    let mut answers = with_gaps(vec![gap("BTCUSDT", 106, GapState::Open)]);
    let lost = |lane: &mut Option<LaneStatus>| {
        let partition = lane.as_mut().unwrap().partitions.get_mut(&0).unwrap();
        partition.missing_ids = 70;
        partition.missing = BTreeMap::from([
            ("BTCUSDT".to_owned(), vec![IdRange(100, 149)]),
            ("ETHUSDT".to_owned(), vec![IdRange(7, 26)]),
        ]);
    };
    let told = |answers: &Answers| judge(merge(None, answers, frame(1)).as_ref(), answers, NOW);
    let named = "BTCUSDT 100-105, BTCUSDT 118-149, ETHUSDT 7-26;";
    let before = answers.clone();
    lost(&mut answers.processors[0].as_mut().unwrap().archive);
    let verdict = told(&answers);
    assert_eq!((verdict.flowing, verdict.reason), (false, "IdsNotArchived"));
    assert!(verdict.message.contains(named), "{}", verdict.message);

    let mut answers = before;
    lost(&mut answers.processors[0].as_mut().unwrap().hot);
    let verdict = told(&answers);
    assert_eq!((verdict.flowing, verdict.reason), (false, "IdsNotInTable"));
    assert!(verdict.message.contains(named), "{}", verdict.message);
}

#[test]
fn nobody_knows_whether_trades_flow_while_no_worker_answers() {
    let told = |ingest: Vec<Option<IngestStatus>>, processors: Vec<Option<ProcessorStatus>>| {
        let verdict = judge(Some(&DataFlow::default()), &Answers { ingest, processors }, NOW);
        (verdict.flowing, verdict.unknown, verdict.reason)
    };
    assert_eq!(told(vec![None], vec![None, None]), (false, true, "WorkersSilent"));
    // Where none runs nothing flows, and one that answers tells something.
    assert_eq!(told(vec![], vec![]), (false, false, "IngestSilent"));
    assert_eq!(
        told(vec![None], vec![Some(processor(&[]))]),
        (false, false, "IngestSilent")
    );
    assert_eq!(
        told(vec![Some(ingest(true, 0))], vec![None]),
        (false, false, "ProcessorSilent")
    );
}

#[test]
fn missing_ids_fall_once_they_are_repaired() {
    let before = DataFlow {
        missing_ids: 3,
        ..DataFlow::default()
    };
    let repaired = answers(vec![Some(processor(&[(0, partition(5, 5, 5))]))]);
    assert_eq!(merge(Some(&before), &repaired, frame(1)).unwrap().missing_ids, 0);
}

#[test]
fn the_verdict_names_the_first_thing_that_is_wrong() {
    let flow = DataFlow {
        ingested_trades: 9,
        ..DataFlow::default()
    };
    let good = answers(vec![Some(processor(&[]))]);
    assert!(judge(Some(&flow), &good, NOW).flowing);

    let reason = |flow: &DataFlow, answers: &Answers| judge(Some(flow), answers, NOW).reason;
    let mut disconnected = good.clone();
    disconnected.ingest = vec![Some(ingest(false, 0))];
    assert_eq!(reason(&flow, &disconnected), "FeedDisconnected");
    let mut waiting = good.clone();
    waiting.ingest[0].as_mut().unwrap().spooled = 7;
    assert_eq!(reason(&flow, &waiting), "KafkaUnreachable");
    let verdict = judge(Some(&flow), &waiting, NOW);
    assert!(verdict.message.contains("; 7 wait"), "{}", verdict.message);
    // A feed that is closed on purpose is not one that cannot connect.
    let mut held = disconnected.clone();
    held.ingest[0].as_mut().unwrap().held = true;
    let verdict = judge(Some(&flow), &held, NOW);
    assert_eq!(verdict.reason, "KafkaUnreachable");
    assert!(verdict.message.contains("full"), "{}", verdict.message);
    let mut silent = good.clone();
    silent.ingest.push(None);
    assert_eq!(reason(&flow, &silent), "IngestSilent");
    let mut silent = good.clone();
    silent.processors.push(None);
    assert_eq!(reason(&flow, &silent), "ProcessorSilent");
    assert_eq!(reason(&flow, &answers(vec![])), "ProcessorSilent");
    let mut waiting = good.clone();
    let lane = waiting.processors[0].as_mut().unwrap().hot.as_mut().unwrap();
    lane.waiting = Some("CassandraUnavailable".to_owned());
    assert_eq!(reason(&flow, &waiting), "LaneWaiting");
    let mut played = good.clone();
    let feed = played.ingest[0].as_mut().unwrap();
    feed.replay = Some(ReplayStatus {
        finished: true,
        ..ReplayStatus::default()
    });
    assert_eq!(reason(&flow, &played), "ReplayFinished");
    let mut lacking = played.clone();
    lacking.ingest[0].as_mut().unwrap().gaps = vec![GapRecord {
        last_error: Some("NotInReplay".to_owned()),
        ..gap("BTCUSDT", 7, GapState::Unrepairable)
    }];
    assert_eq!(reason(&flow, &lacking), "IdsMissing");
    let verdict = judge(Some(&flow), &lacking, NOW);
    assert!(
        verdict.message.contains("files of ingest.replay"),
        "{}",
        verdict.message
    );
    let mut restarted = lacking.clone();
    let page = restarted.ingest[0].as_mut().unwrap().symbols.get_mut("BTCUSDT");
    page.unwrap().restarted = Some(RestartedIds {
        old_id: 500,
        new_id: 7,
        trades: 3,
    });
    let verdict = judge(Some(&flow), &restarted, NOW);
    assert_eq!((verdict.flowing, verdict.reason), (false, "IdsRestarted"));
    // Neither hides the other.
    for told in ["BTCUSDT at 7, after 500", "; besides, ", "files of ingest.replay"] {
        assert!(verdict.message.contains(told), "{}", verdict.message);
    }
    restarted.processors.push(None);
    assert_eq!(reason(&flow, &restarted), "ProcessorSilent");
    let mut damaged = lacking.clone();
    let replay = damaged.ingest[0].as_mut().unwrap().replay.as_mut().unwrap();
    replay.damaged_files = vec!["a.zip".to_owned()];
    assert_eq!(reason(&flow, &damaged), "ReplayDamaged");
    played.ingest[0].as_mut().unwrap().connected = false;
    assert_eq!(reason(&flow, &played), "ReplayWaiting");
    let missing = DataFlow {
        missing_ids: 1,
        ..flow
    };
    assert_eq!(reason(&missing, &good), "IdsNotArchived");
    assert_eq!(reason(&DataFlow::default(), &good), "NoTradesYet");
}
