//! A symbol's ledger, case by case.

mod any_order;

use crds::{
    gap::{GapCause, GapRecord},
    spec::Exchange,
};

use super::{
    gap::GRACE_MS,
    symbol::{Hearing, Memory, SymbolLedger, WINDOW},
};
use crate::{
    feed::Source,
    model::{IdInterval, IdIntervals},
};

const BEGIN: i64 = 1_610_064_000_000;

fn empty() -> SymbolLedger {
    SymbolLedger::new(Exchange::Binance, "BTCUSDT".parse().unwrap())
}

/// Of a first-ever start.
fn fresh() -> SymbolLedger {
    let mut ledger = empty();
    ledger.recall(None, &IdIntervals::new(), None, BEGIN);
    ledger
}

const fn live(at_ms: i64) -> Hearing {
    Hearing {
        at_ms,
        source: Source::Live,
        lost_ms: 0,
    }
}

fn hear_all(ledger: &mut SymbolLedger, ids: impl IntoIterator<Item = u64>, at_ms: i64) {
    for id in ids {
        assert!(ledger.hear(id, live(at_ms)));
        ledger.acknowledge(id, 0, at_ms);
    }
}

fn ids(ids: impl IntoIterator<Item = u64>) -> IdIntervals {
    ids.into_iter().collect()
}

fn ranges(records: &[GapRecord]) -> Vec<(u64, u64, GapCause)> {
    records
        .iter()
        .map(|gap| (gap.from_id, gap.to_id, gap.cause))
        .collect()
}

/// The gaps that are there once every suspicion has lasted and Kafka has been looked into.
fn settle(ledger: &mut SymbolLedger, now_ms: i64) -> Vec<(u64, u64, GapCause)> {
    let late = now_ms + GRACE_MS;
    ledger.review(late, late);
    ranges(&ledger.gaps(late))
}

#[test]
fn a_first_start_counts_from_the_first_id_heard() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [100, 101, 99, 102], BEGIN);
    assert_eq!(settle(&mut ledger, BEGIN), []);
    assert_eq!(ledger.memory(BEGIN).unwrap().start, 100);
}

#[test]
fn a_start_that_is_asked_for_moves_back_only() {
    let backfill = |configured: u64, memory: Option<&Memory>| {
        let mut ledger = empty();
        ledger.recall(memory, &IdIntervals::new(), Some(configured), BEGIN);
        hear_all(&mut ledger, [200], BEGIN);
        settle(&mut ledger, BEGIN)
    };
    assert_eq!(backfill(150, None), [(150, 199, GapCause::Backfill)]);
    let memory = Memory {
        start: 180,
        ids: ids(180..200),
        gaps: vec![],
        late_ms: 0,
        last_trade_us: 0,
        mark: None,
    };
    assert_eq!(backfill(150, Some(&memory)), [(150, 179, GapCause::Backfill)]);
    assert_eq!(backfill(190, Some(&memory)), []);
}

#[test]
fn causes_are_told_apart() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [10], BEGIN);
    hear_all(&mut ledger, [12], BEGIN + 1_000);
    let after_a_loss = Hearing {
        lost_ms: BEGIN + 5_000,
        ..live(BEGIN + 9_000)
    };
    assert!(ledger.hear(14, after_a_loss));
    let memory = {
        ledger.acknowledge(14, 0, BEGIN);
        ledger.memory(BEGIN).unwrap()
    };
    let mut next_life = empty();
    next_life.recall(Some(&memory), &IdIntervals::new(), None, BEGIN);
    hear_all(&mut next_life, [16], BEGIN + 60_000);

    assert_eq!(
        settle(&mut ledger, BEGIN + 9_000),
        [(11, 11, GapCause::NotDelivered), (13, 13, GapCause::Disconnect)]
    );
    assert_eq!(
        settle(&mut next_life, BEGIN + 60_000)[2],
        (15, 15, GapCause::Downtime)
    );
}

#[test]
fn what_was_heard_before_the_recall_is_joined_with_it() {
    let mut ledger = empty();
    hear_all(&mut ledger, [50, 53], BEGIN);
    assert_eq!(
        settle(&mut ledger, BEGIN),
        [],
        "nothing is a gap before the recall"
    );
    let memory = Memory {
        start: 10,
        ids: ids(10..=20),
        gaps: vec![],
        late_ms: 0,
        last_trade_us: 0,
        mark: None,
    };
    ledger.recall(Some(&memory), &ids([21, 22, 51]), None, BEGIN);
    assert_eq!(
        settle(&mut ledger, BEGIN),
        [(23, 49, GapCause::Downtime), (52, 52, GapCause::NotDelivered)]
    );
}

#[test]
fn an_id_that_the_exchange_tells_of_and_nobody_hears_is_a_gap() {
    let mut ledger = fresh();
    ledger.exists(5, BEGIN, 0);
    assert_eq!(settle(&mut ledger, BEGIN), [], "nothing to count from");
    hear_all(&mut ledger, [10], BEGIN);
    ledger.exists(12, BEGIN, 0);
    hear_all(&mut ledger, [11], BEGIN);
    assert_eq!(settle(&mut ledger, BEGIN), [(12, 12, GapCause::NotDelivered)]);
}

#[test]
fn what_another_worker_brought_into_kafka_is_no_gap_and_its_copies_are_dropped() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [10, 15], BEGIN);
    assert!(ledger.is_overdue(BEGIN + GRACE_MS));
    ledger.find(&ids(11..=20), BEGIN + GRACE_MS);
    assert_eq!(settle(&mut ledger, BEGIN), []);
    assert!(!ledger.hear(16, live(BEGIN)));
}

#[test]
fn a_gap_above_everything_heard_is_not_found_twice() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [10], BEGIN);
    ledger.exists(15, BEGIN, 0);
    assert_eq!(settle(&mut ledger, BEGIN), [(11, 15, GapCause::NotDelivered)]);
    let memory = ledger.memory(BEGIN).unwrap();
    let mut next_life = empty();
    next_life.recall(Some(&memory), &IdIntervals::new(), None, BEGIN);
    hear_all(&mut next_life, [18], BEGIN);
    assert_eq!(
        settle(&mut next_life, BEGIN),
        [(11, 15, GapCause::NotDelivered), (16, 17, GapCause::Downtime)]
    );
}

#[test]
fn newest_first_and_never_more_than_one_request_may_bring() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [10, 5_011, 6_011], BEGIN);
    settle(&mut ledger, BEGIN);
    let now = BEGIN + GRACE_MS;
    let mut asked = vec![];
    while let Some((_, window)) = ledger.wanted(now) {
        let brought: Vec<u64> = (window.first()..=window.last())
            .filter(|id| ledger.lacks(*id))
            .collect();
        ledger.answered(window, Ok(&brought), now);
        asked.push((window.first(), window.last()));
    }
    assert_eq!(asked[..3], [(5_012, 6_010), (4_011, 5_010), (3_011, 4_010)]);
    assert_eq!(asked.len(), 6);
    assert!(asked.iter().all(|(first, last)| last - first < WINDOW));
}

#[test]
fn a_window_takes_small_holes_nearby_along() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [100, 103, 105, 107], BEGIN);
    settle(&mut ledger, BEGIN);
    let (_, window) = ledger.wanted(BEGIN + GRACE_MS).unwrap();
    assert_eq!(window, IdInterval::new(101, 106).unwrap());
}

#[test]
fn while_the_newest_gap_waits_an_older_one_is_asked_for() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [10, 20, 5_000], BEGIN);
    settle(&mut ledger, BEGIN);
    let now = BEGIN + GRACE_MS;
    let (_, newest) = ledger.wanted(now).unwrap();
    assert_eq!(newest.last(), 4_999);
    ledger.answered(newest, Ok(&[]), now);
    assert_eq!(ledger.wanted(now).unwrap().1, IdInterval::new(11, 19).unwrap());
}

#[test]
fn ids_that_never_come_keep_no_other_from_coming() {
    let mut ledger = fresh();
    hear_all(&mut ledger, [10, 5_011], BEGIN);
    settle(&mut ledger, BEGIN);
    let holes = [700, 2_900, 2_901, 4_500];
    let mut now = BEGIN + GRACE_MS;
    for _ in 0..20 {
        // Longer than any pause.
        now += 3_600_000;
        let Some((_, window)) = ledger.wanted(now) else {
            break;
        };
        let brought: Vec<u64> = (window.first()..=window.last())
            .filter(|id| ledger.lacks(*id) && !holes.contains(id))
            .collect();
        ledger.answered(window, Ok(&brought), now);
        hear_all(&mut ledger, brought, now);
    }
    let lacking: Vec<u64> = (11..5_011).filter(|id| ledger.lacks(*id)).collect();
    assert_eq!(lacking, holes);
    assert!(ledger.wanted(now + 3_600_000).is_some(), "they are asked for on");
}

#[test]
fn without_a_look_for_gaps_there_is_none_and_copies_are_told_apart_all_the_same() {
    let mut earlier = fresh();
    hear_all(&mut earlier, (90..100).chain([105]), BEGIN);
    assert_eq!(settle(&mut earlier, BEGIN), [(100, 104, GapCause::NotDelivered)]);
    let memory = earlier.memory(BEGIN).unwrap();
    let mut ledger = empty().looks(false);
    ledger.recall(Some(&memory), &ids([107]), None, BEGIN);
    hear_all(&mut ledger, [110], BEGIN);
    ledger.exists(120, BEGIN, 0);
    assert_eq!(settle(&mut ledger, BEGIN), []);
    assert_eq!((ledger.missing(), ledger.wanted(BEGIN + GRACE_MS)), (0, None));
    assert!(!ledger.hear(110, live(BEGIN)) && !ledger.hear(95, live(BEGIN)));
}
