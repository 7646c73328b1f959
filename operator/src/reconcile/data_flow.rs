//! From the workers' answers to `status.dataFlow` and the condition `DataFlowing`. Pure.

use std::collections::BTreeMap;

use crds::{
    gap::{GapRecord, GapState},
    status::DataFlow,
    wire::{IngestStatus, LaneStatus, PartitionStatus, ProcessorStatus},
};
use jiff::Timestamp;

mod replay;

/// Gaps named in the condition.
const NAMED_GAPS: usize = 5;
/// Longest time that a trade is taken to need from ingest to its place in the archive's lag.
const IN_FLIGHT_MS: i64 = 60_000;

/// The answers of all workers; `None` where one did not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Of ingest workers.
    pub ingest: Vec<Option<IngestStatus>>,
    /// Of processors.
    pub processors: Vec<Option<ProcessorStatus>>,
}

/// What the answers are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Partitions of the topic of trades.
    pub partitions: i32,
    /// Whether the archive lane is asked for.
    pub archive: bool,
    /// Whether the hot lane is asked for.
    pub hot: bool,
    /// Seconds since the workers were last asked.
    pub seconds: i64,
}

/// A condition's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Trades arrive and none is missing.
    pub flowing: bool,
    /// Stable, `CamelCase`.
    pub reason: &'static str,
    /// In words.
    pub message: String,
}

/// The new figures. Totals never fall because a worker did not answer; what is only known of all partitions together
/// keeps its last value until all are known. Only a lag goes on meanwhile: nobody says that it does not.
pub fn merge(previous: Option<&DataFlow>, answers: &Answers, frame: Frame) -> Option<DataFlow> {
    if previous.is_none() && answers.ingest.is_empty() && answers.processors.is_empty() {
        return None;
    }
    let before = previous.cloned().unwrap_or_default();
    let archive = Lane::of(answers, |status| status.archive.as_ref());
    let hot = Lane::of(answers, |status| status.hot.as_ref());
    let all = |lane: &Lane| i32::try_from(lane.partitions.len()).is_ok_and(|known| known >= frame.partitions);
    let lag = |lane: &Lane, asked: bool, before: i64| {
        if !asked {
            0
        } else if all(lane) {
            lane.lag()
        } else {
            lane.lag().max(before.saturating_add(frame.seconds))
        }
    };
    // Only the archive lane buries what cannot be read; the figure of the other is 0.
    let dead_letters = archive
        .sum(|p| p.dead_letters)
        .saturating_add(hot.sum(|p| p.dead_letters));
    Some(DataFlow {
        last_trade_time: last_trade_time(&before, answers, &[&archive, &hot]),
        ingested_trades: before
            .ingested_trades
            .max(archive.end_offsets())
            .max(hot.end_offsets()),
        archived_trades: before.archived_trades.max(archive.sum(|p| p.trades)),
        hot_trades: before.hot_trades.max(hot.sum(|p| p.trades)),
        missing_ids: missing_ids(
            before.missing_ids,
            missing_in_kafka(answers),
            all(&archive).then(|| archive.sum(|p| p.missing_ids)),
        ),
        duplicate_ids: before.duplicate_ids.max(archive.sum(|p| p.duplicates)),
        archive_lag_seconds: lag(&archive, frame.archive, before.archive_lag_seconds),
        hot_lag_seconds: lag(&hot, frame.hot, before.hot_lag_seconds),
        dead_letters: before.dead_letters.max(dead_letters),
    })
}

/// What Kafka lacks the archive lacks too, but may not know of. What is not known of one of them stays as it was.
fn missing_ids(before: i64, in_kafka: Option<i64>, in_archive: Option<i64>) -> i64 {
    match (in_kafka, in_archive) {
        (Some(in_kafka), Some(in_archive)) => in_kafka.max(in_archive),
        (Some(known), None) | (None, Some(known)) => known.max(before),
        (None, None) => before,
    }
}

/// Ids of gaps that Kafka does not have; `None` when a worker did not answer. Of two workers that read the same symbol
/// the one that misses more counts: the other may have begun later.
fn missing_in_kafka(answers: &Answers) -> Option<i64> {
    let mut missing: BTreeMap<&String, u64> = BTreeMap::new();
    for feed in &answers.ingest {
        for (symbol, status) in &feed.as_ref()?.symbols {
            let most = missing.entry(symbol).or_default();
            *most = status.missing_ids.max(*most);
        }
    }
    let total = missing.into_values().fold(0, u64::saturating_add);
    Some(i64::try_from(total).unwrap_or(i64::MAX))
}

/// Whether trades flow.
pub fn judge(flow: Option<&DataFlow>, answers: &Answers, now: Timestamp) -> Verdict {
    let no = |reason, message: String| Verdict {
        flowing: false,
        reason,
        message,
    };
    let Some(flow) = flow else {
        return no("WorkersNotStarted", "no worker runs yet".to_owned());
    };
    let silent = |answers: usize, all: usize| answers < all || all == 0;
    let feeds: Vec<_> = answers.ingest.iter().flatten().collect();
    if silent(feeds.len(), answers.ingest.len()) {
        return no("IngestSilent", "an ingest worker does not answer yet".to_owned());
    }
    if let Some(message) = waiting_for_kafka(&feeds) {
        return no("KafkaUnreachable", message);
    }
    if let Some(waiting) = replay::waiting(&feeds) {
        return no("ReplayWaiting", waiting);
    }
    if feeds.iter().any(|feed| !feed.connected) {
        return no(
            "FeedDisconnected",
            "an ingest worker is not connected to the exchange and connects again".to_owned(),
        );
    }
    if answers.processors.is_empty() {
        return no(
            "ProcessorSilent",
            "no processor runs; trades wait in Kafka".to_owned(),
        );
    }
    if answers.processors.iter().any(Option::is_none) {
        return no("ProcessorSilent", "a processor does not answer yet".to_owned());
    }
    for (lane, pick) in LANES {
        let waiting = answers
            .processors
            .iter()
            .flatten()
            .filter_map(pick)
            .find_map(|lane| lane.waiting.clone());
        if let Some(why) = waiting {
            return no("LaneWaiting", format!("the {lane} lane waits: {why}"));
        }
    }
    let gaps: Vec<&GapRecord> = feeds.iter().flat_map(|feed| &feed.gaps).collect();
    if let Some(damaged) = replay::damaged(&feeds) {
        return no("ReplayDamaged", damaged);
    }
    if let Some(message) = unrepairable(&gaps, &feeds) {
        return no("IdsMissing", message);
    }
    let yes = |reason, message: String| Verdict {
        flowing: true,
        reason,
        message,
    };
    if !gaps.is_empty() {
        return yes(
            "RepairingGaps",
            format!("trade ids are being fetched from the exchange: {}", named(&gaps)),
        );
    }
    if flow.missing_ids > 0 && may_be_on_their_way(flow, &feeds, now) {
        return yes(
            "ArchivingRepairs",
            "trades that arrived late are in Kafka and not in the archive yet".to_owned(),
        );
    }
    if flow.missing_ids > 0 {
        return no(
            "IdsMissing",
            format!(
                "{} trade ids are in no archive file; the auditor names them",
                flow.missing_ids
            ),
        );
    }
    if flow.ingested_trades == 0 {
        return no("NoTradesYet", "connected; waiting for the first trade".to_owned());
    }
    if let Some((reason, message)) = replay::played(&feeds) {
        return yes(reason, message);
    }
    yes(
        "TradesFlow",
        "feeds are connected, both lanes run, no trade is missing".to_owned(),
    )
}

/// Set when ids were asked for in vain for long, or nobody can be asked.
fn unrepairable(gaps: &[&GapRecord], feeds: &[&IngestStatus]) -> Option<String> {
    let gaps: Vec<&GapRecord> = gaps
        .iter()
        .copied()
        .filter(|gap| gap.state == GapState::Unrepairable)
        .collect();
    let first = gaps.first()?;
    let ids = named(&gaps);
    if replay::is_played(feeds) {
        return Some(replay::missing(&ids));
    }
    let why = first.last_error.as_deref().unwrap_or("no answer");
    Some(format!(
        "trade ids cannot be fetched from the exchange ({why}), which is asked on: {ids}"
    ))
}

/// Set when trades wait on ingest's disk: more than the producers' buffers hold.
fn waiting_for_kafka(feeds: &[&IngestStatus]) -> Option<String> {
    let spooled = feeds
        .iter()
        .fold(0, |sum: u64, feed| sum.saturating_add(feed.spooled));
    if feeds.iter().any(|feed| feed.held) {
        return Some(format!(
            "Kafka does not take the trades of an ingest worker, and its buffer is full ({spooled} on the disk): the feed is \
             closed until there is room, and what it misses is fetched afterwards"
        ));
    }
    (spooled > 0).then(|| {
        format!(
            "Kafka does not take trades as fast as they come; {spooled} wait on the disks of ingest, in order"
        )
    })
}

/// What ingest sent late is in the archive once the archive's lag no longer reaches back to it.
fn may_be_on_their_way(flow: &DataFlow, feeds: &[&IngestStatus], now: Timestamp) -> bool {
    let late_ms = feeds.iter().map(|feed| feed.late_ms).max().unwrap_or(0);
    let archived_until_ms = now.as_millisecond() - flow.archive_lag_seconds.saturating_mul(1_000);
    late_ms > 0 && archived_until_ms <= late_ms.saturating_add(IN_FLIGHT_MS)
}

/// The first few, and how many more.
fn named(gaps: &[&GapRecord]) -> String {
    let names: Vec<String> = gaps.iter().take(NAMED_GAPS).map(ToString::to_string).collect();
    let more = gaps.len() - names.len();
    if more == 0 {
        names.join(", ")
    } else {
        format!("{} and {more} more", names.join(", "))
    }
}

type Pick = fn(&ProcessorStatus) -> Option<&LaneStatus>;
const LANES: [(&str, Pick); 2] = [
    ("archive", |status| status.archive.as_ref()),
    ("hot", |status| status.hot.as_ref()),
];

/// One lane over all processors. While a partition changes hands two of them may speak of it; the one that is further
/// on owns it now.
struct Lane {
    partitions: BTreeMap<i32, PartitionStatus>,
}

impl Lane {
    fn of(answers: &Answers, pick: Pick) -> Self {
        let mut partitions: BTreeMap<i32, PartitionStatus> = BTreeMap::new();
        let lanes = answers.processors.iter().flatten().filter_map(pick);
        for (number, status) in lanes.flat_map(|lane| &lane.partitions) {
            let known = partitions.entry(*number).or_insert_with(|| status.clone());
            if status.next_offset > known.next_offset {
                known.clone_from(status);
            }
        }
        Self { partitions }
    }

    fn sum(&self, figure: impl Fn(&PartitionStatus) -> u64) -> i64 {
        let total = self.partitions.values().map(figure).fold(0, u64::saturating_add);
        i64::try_from(total).unwrap_or(i64::MAX)
    }

    fn end_offsets(&self) -> i64 {
        self.sum(|partition| u64::try_from(partition.end_offset).unwrap_or(0))
    }

    /// Of the slowest partition, in seconds.
    fn lag(&self) -> i64 {
        let slowest = self.partitions.values().map(|partition| partition.lag_seconds);
        i64::try_from(slowest.max().unwrap_or(0)).unwrap_or(i64::MAX)
    }
}

fn last_trade_time(before: &DataFlow, answers: &Answers, lanes: &[&Lane]) -> Option<String> {
    let known = before
        .last_trade_time
        .as_deref()
        .and_then(|text| text.parse::<Timestamp>().ok())
        .map(Timestamp::as_millisecond);
    let fed = answers
        .ingest
        .iter()
        .flatten()
        .flat_map(|feed| feed.symbols.values().map(|symbol| symbol.last_trade_time_ms));
    let stored = lanes.iter().flat_map(|lane| {
        lane.partitions
            .values()
            .map(|partition| partition.last_trade_time_ms)
    });
    let newest = fed.chain(stored).chain(known).filter(|ms| *ms > 0).max()?;
    Timestamp::from_millisecond(newest)
        .ok()
        .map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use crds::{
        gap::GapCause,
        spec::Exchange,
        wire::{ReplayStatus, SymbolStatus},
    };

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_610_064_000, 0);

    fn partition(next: i64, end: i64, trades: u64) -> PartitionStatus {
        PartitionStatus {
            next_offset: next,
            end_offset: end,
            trades,
            ..PartitionStatus::default()
        }
    }

    fn processor(partitions: &[(i32, PartitionStatus)]) -> ProcessorStatus {
        let lane = LaneStatus {
            waiting: None,
            partitions: partitions.iter().cloned().collect(),
        };
        ProcessorStatus {
            archive: Some(lane.clone()),
            hot: Some(lane),
        }
    }

    fn ingest(connected: bool, last_ms: i64) -> IngestStatus {
        let symbol = SymbolStatus {
            last_trade_time_ms: last_ms,
            ..SymbolStatus::default()
        };
        IngestStatus {
            connected,
            symbols: BTreeMap::from([("BTCUSDT".to_owned(), symbol)]),
            ..IngestStatus::default()
        }
    }

    const fn frame(partitions: i32) -> Frame {
        Frame {
            partitions,
            archive: true,
            hot: true,
            seconds: 0,
        }
    }

    fn answers(processors: Vec<Option<ProcessorStatus>>) -> Answers {
        Answers {
            ingest: vec![Some(ingest(true, 1_610_064_000_278))],
            processors,
        }
    }

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
        assert_eq!(late_since(600), "IdsMissing");
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
        assert_eq!(reason(&missing, &good), "IdsMissing");
        assert_eq!(reason(&DataFlow::default(), &good), "NoTradesYet");
    }
}
