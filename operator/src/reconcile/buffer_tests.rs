//! What is said of Kafka's buffer and of stores.

use rstest::rstest;

use super::*;

const NOW: Timestamp = Timestamp::constant(1_610_064_000, 0);
const HOUR: i64 = 3_600;

fn figures(
    before: Option<&BufferStatus>,
    lags: [i64; 2],
    whole: bool,
    retention: i64,
    now: Timestamp,
) -> BufferStatus {
    let flow = DataFlow {
        archive_lag_seconds: lags[0],
        hot_lag_seconds: lags[1],
        ..DataFlow::default()
    };
    let frame = Frame {
        partitions: 1,
        archive: true,
        hot: true,
        seconds: 0,
    };
    let known = Known {
        flow: &flow,
        frame,
        whole: [whole; 2],
        retention,
        stores: BTreeMap::new(),
    };
    buffer(before, &known, now)
}

/// Lags of the archive and of the hot lane, retention, and what is named.
#[rstest]
#[case([0, 0], 600, &[])]
#[case([449, 449], 600, &[])]
#[case([451, 0], 600, &["archive lane", "from 2021-01-08T00:02:29Z on, in 149 s"])]
#[case([0, 480], 600, &["hot lane", "in 120 s"])]
#[case([451, 500], 600, &["archive lane", "hot lane"])]
#[case([601, 0], 600, &["may be deleting", "DataFlowing names the ids"])]
// Of a long retention six hours are enough.
#[case([7 * 24 * HOUR - 6 * HOUR, 0], 7 * 24 * HOUR, &[])]
#[case([7 * 24 * HOUR - 6 * HOUR + 1, 0], 7 * 24 * HOUR, &["in 21599 s"])]
fn the_deadline_is_told_before_it_comes(
    #[case] lags: [i64; 2],
    #[case] retention: i64,
    #[case] said: &[&str],
) {
    let figures = figures(None, lags, true, retention, NOW);
    let message = at_risk(&figures, retention, NOW).map(|risk| risk.message);
    assert_eq!(message.is_some(), !said.is_empty(), "{message:?}");
    for said in said {
        assert!(message.as_ref().unwrap().contains(said), "{message:?}");
    }
}

/// Also over a restart of the operator, after which the lag that the status tells has not grown.
#[test]
fn time_goes_on_while_no_processor_answers() {
    let told = figures(None, [60, 5], true, 600, NOW);
    let later = NOW + SignedDuration::from_secs(400);
    let silent = figures(Some(&told), [60, 5], false, 600, later);
    assert_eq!(silent.archive.as_ref().unwrap().seconds_left, 140);
    assert_eq!(silent.hot.as_ref().unwrap().seconds_left, 195);
    let message = at_risk(&silent, 600, later).unwrap().message;
    assert!(
        message.contains("archive lane has not stored from 2021-01-08T00:09:00Z on, in 140 s (as last known"),
        "{message}"
    );
    assert!(!message.contains("hot lane"), "{message}");
    // Whoever speaks again counts as they say.
    let back = figures(Some(&silent), [0, 5], true, 600, later);
    assert_eq!(at_risk(&back, 600, later), None);
    assert_eq!(
        back.archive.unwrap(),
        LaneBuffer {
            seconds_left: 600,
            oldest_unstored: None,
            current: true
        }
    );
}

fn fill(full_in_seconds: Option<i64>) -> StoreFill {
    StoreFill {
        used_percent: 91,
        full_in_seconds,
        estimated: false,
    }
}

#[test]
fn a_broker_that_is_full_before_a_lane_goes_on_is_a_risk() {
    let with = |lag, full| {
        let mut figures = figures(None, [lag, 0], true, 7 * 24 * HOUR, NOW);
        figures
            .stores
            .insert("kafka market-kafka-r0-0".to_owned(), fill(Some(full)));
        at_risk(&figures, 7 * 24 * HOUR, NOW).map(|risk| risk.message)
    };
    assert_eq!(with(10, HOUR), None);
    assert_eq!(with(7 * HOUR, 7 * HOUR), None);
    let message = with(7 * HOUR, HOUR).unwrap();
    assert!(
        message.contains("kafka market-kafka-r0-0 takes no more records from 2021-01-08T01:00:00Z on"),
        "{message}"
    );
}

#[rstest]
#[case(None, None)]
#[case(Some(86_400), None)]
#[case(Some(2 * HOUR), Some("hdfs uses 91 % and is full at 2021-01-08T02:00:00Z at the present rate; raise its storage.size"))]
fn a_store_that_is_full_within_a_day_is_named(#[case] full: Option<i64>, #[case] said: Option<&str>) {
    let stores = BTreeMap::from([("hdfs".to_owned(), fill(full))]);
    let message = filling(&stores, NOW).map(|found| found.message);
    assert_eq!(message.is_some(), said.is_some());
    assert!(message.unwrap_or_default().starts_with(said.unwrap_or_default()));
}
