//! What is added up of the workers' answers.

use super::*;

#[test]
fn partitions_of_all_processors_are_added() {
    let flow = merge(
        None,
        &answers(vec![
            Some(processor(&[(0, partition(5, 6, 5))])),
            Some(processor(&[(1, partition(7, 7, 7))])),
        ]),
        frame(2),
    )
    .unwrap();
    assert_eq!(
        (flow.archived_trades, flow.hot_trades, flow.ingested_trades),
        (12, 12, 13)
    );
    assert_eq!(flow.last_trade_time.as_deref(), Some("2021-01-08T00:00:00.278Z"));
}

#[test]
fn a_partition_that_changes_hands_counts_once_as_its_new_owner_says() {
    let flow = merge(
        None,
        &answers(vec![
            Some(processor(&[(0, partition(5, 9, 5))])),
            Some(processor(&[(0, partition(9, 9, 9))])),
        ]),
        frame(1),
    )
    .unwrap();
    assert_eq!(flow.archived_trades, 9);
}

#[test]
fn totals_do_not_fall_when_a_worker_is_silent() {
    let mut missing = partition(5, 5, 5);
    missing.missing_ids = 3;
    let full = answers(vec![
        Some(processor(&[(0, missing)])),
        Some(processor(&[(1, partition(7, 7, 7))])),
    ]);
    let before = merge(None, &full, frame(2)).unwrap();
    assert_eq!(before.missing_ids, 3);
    let half = answers(vec![None, Some(processor(&[(1, partition(7, 7, 7))]))]);
    let after = merge(Some(&before), &half, frame(2)).unwrap();
    assert_eq!(after, before);
}

#[test]
fn figures_stay_when_no_worker_runs() {
    let before = DataFlow {
        archived_trades: 5,
        ..DataFlow::default()
    };
    assert_eq!(merge(Some(&before), &Answers::default(), frame(1)), Some(before));
    assert_eq!(merge(None, &Answers::default(), frame(1)), None);
}

#[test]
fn lag_grows_while_nobody_speaks_for_a_partition() {
    let lagging = |seconds: u64| {
        let mut partition = partition(5, 6, 5);
        partition.lag_seconds = seconds;
        partition
    };
    let full = answers(vec![
        Some(processor(&[(0, lagging(3))])),
        Some(processor(&[(1, lagging(4))])),
    ]);
    let lags = |flow: &DataFlow| (flow.archive_lag_seconds, flow.hot_lag_seconds);
    let later = Frame {
        seconds: 15,
        ..frame(2)
    };
    let told = merge(None, &full, later).unwrap();
    assert_eq!(lags(&told), (4, 4));
    let half = answers(vec![None, Some(processor(&[(1, lagging(5))]))]);
    let aged = merge(Some(&told), &half, later).unwrap();
    assert_eq!(lags(&aged), (19, 19));
    for silence in [answers(vec![None, None]), answers(vec![]), Answers::default()] {
        assert_eq!(lags(&merge(Some(&aged), &silence, later).unwrap()), (34, 34));
    }
    // What is told counts again as soon as all is told, and a lane that is not asked for trails nothing.
    assert_eq!(lags(&merge(Some(&aged), &full, later).unwrap()), (4, 4));
    let archive_only = Frame { hot: false, ..later };
    assert_eq!(lags(&merge(Some(&aged), &half, archive_only).unwrap()), (34, 0));
}

#[test]
fn reading_is_behind_by_the_slowest_partition_and_unknown_while_one_has_no_owner() {
    let reading = |archive: u64, hot: u64| {
        let mut told = processor(&[(0, partition(5, 6, 5))]);
        let set = |lane: &mut Option<LaneStatus>, seconds| {
            let lane = lane.as_mut().unwrap();
            lane.partitions.get_mut(&0).unwrap().behind_seconds = seconds;
        };
        set(&mut told.archive, archive);
        set(&mut told.hot, hot);
        answers(vec![Some(told)])
    };
    assert_eq!(behind(&reading(7, 3), frame(1)), Some(7));
    assert_eq!(behind(&reading(7, 9), frame(1)), Some(9));
    let archive_only = Frame {
        hot: false,
        ..frame(1)
    };
    assert_eq!(behind(&reading(7, 9), archive_only), Some(7));
    assert_eq!(behind(&reading(7, 9), frame(2)), None);
    assert_eq!(behind(&answers(vec![None]), frame(1)), None);
    let flow = merge(None, &reading(7, 9), frame(1)).unwrap();
    assert_eq!((flow.archive_behind_seconds, flow.hot_behind_seconds), (7, 9));
}
