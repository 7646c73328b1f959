//! Whether trades flow, and what is wrong where they do not.

use crds::{
    gap::{GapRecord, GapState},
    reason::Reason,
    status::DataFlow,
    wire::IngestStatus,
};
use jiff::Timestamp;

use super::{Answers, LANES, lost, merge::missing_in_kafka, replay, restarted};

/// Gaps named in the condition.
const NAMED_GAPS: usize = 5;
/// Longest time that a trade is taken to need from ingest to its place in the archive's lag.
const IN_FLIGHT_MS: i64 = 60_000;

/// A condition's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Trades arrive and none is missing.
    pub flowing: bool,
    /// Nobody knows whether they do.
    pub unknown: bool,
    /// Stable, `CamelCase`.
    pub reason: &'static str,
    /// In words.
    pub message: String,
}

/// Whether trades flow.
pub fn judge(flow: Option<&DataFlow>, answers: &Answers, now: Timestamp) -> Verdict {
    let no = |reason, message: String| Verdict {
        flowing: false,
        unknown: false,
        reason,
        message,
    };
    let Some(flow) = flow else {
        return no("WorkersNotStarted", "no worker runs yet".to_owned());
    };
    let silent = |answers: usize, all: usize| answers < all || all == 0;
    let feeds: Vec<_> = answers.ingest.iter().flatten().collect();
    if answers.are_all_silent() {
        return Verdict {
            unknown: true,
            ..no(
                Reason::WorkersSilent.as_str(),
                "no worker answers the operator; nobody knows whether trades flow".to_owned(),
            )
        };
    }
    if silent(feeds.len(), answers.ingest.len()) {
        return no("IngestSilent", "an ingest worker does not answer yet".to_owned());
    }
    if let Some(message) = waiting_for_kafka(&feeds) {
        return no("KafkaUnreachable", message);
    }
    if let Some(waiting) = replay::waiting(&feeds) {
        return no("ReplayWaiting", waiting);
    }
    if let Some(feed) = feeds.iter().find(|feed| !feed.connected) {
        return no("FeedDisconnected", disconnected(feed));
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
    if let Some(message) = waiting(answers) {
        return no("LaneWaiting", message);
    }
    let gaps: Vec<&GapRecord> = feeds.iter().flat_map(|feed| &feed.gaps).collect();
    let on_their_way = may_be_on_their_way(flow, &feeds, now);
    let losses = losses(flow, answers, &feeds, &gaps, on_their_way);
    if let Some((reason, _)) = losses.first() {
        let messages: Vec<&str> = losses.iter().map(|(_, message)| message.as_str()).collect();
        return no(reason, messages.join("; besides, "));
    }
    let yes = |reason, message: String| Verdict {
        flowing: true,
        unknown: false,
        reason,
        message,
    };
    if !gaps.is_empty() {
        return yes(
            "RepairingGaps",
            format!("trade ids are being fetched from the exchange: {}", named(&gaps)),
        );
    }
    if flow.missing_ids > 0 && on_their_way {
        return yes(
            "ArchivingRepairs",
            "trades that arrived late are in Kafka and not in the archive yet".to_owned(),
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

/// Where a worker connects, and why it is not connected.
fn disconnected(feed: &IngestStatus) -> String {
    let Some(exchange) = &feed.exchange else {
        return "an ingest worker is not connected to the exchange and connects again".to_owned();
    };
    format!(
        "an ingest worker is not connected to the exchange at {}: {}",
        exchange.stream,
        exchange.waiting.as_deref().unwrap_or("connecting")
    )
}

/// What is amiss until a person acts, by reason: all of it, so that none hides another while it lasts.
fn losses(
    flow: &DataFlow,
    answers: &Answers,
    feeds: &[&IngestStatus],
    gaps: &[&GapRecord],
    on_their_way: bool,
) -> Vec<(&'static str, String)> {
    let unfetched = if gaps.is_empty() {
        0
    } else {
        missing_in_kafka(answers).unwrap_or(0)
    };
    let not_archived = (flow.missing_ids > unfetched && !on_their_way).then(|| {
        let named = lost::named(&lost::of_lane(answers, LANES[0].1, gaps));
        format!(
            "{} trade ids are in no archive file, {unfetched} of them because ingest does not have them{named}; the auditor \
             names them all",
            flow.missing_ids
        )
    });
    let hot = lost::of_lane(answers, LANES[1].1, gaps);
    let not_in_table = (!hot.is_empty() && !on_their_way).then(|| {
        format!(
            "trade ids that ingest has are not in Cassandra{}; the auditor names them all",
            lost::named(&hot)
        )
    });
    [
        ("IdsRestarted", restarted::told(feeds)),
        ("ReplayDamaged", replay::damaged(feeds)),
        ("IdsNotArchived", not_archived),
        ("IdsNotInTable", not_in_table),
        ("IdsMissing", unrepairable(gaps, feeds)),
    ]
    .into_iter()
    .filter_map(|(reason, message)| Some((reason, message?)))
    .collect()
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

/// Which lane waits for its sink, and why.
pub fn waiting(answers: &Answers) -> Option<String> {
    LANES.into_iter().find_map(|(name, pick)| {
        let mut lanes = answers.processors.iter().flatten().filter_map(pick);
        let why = lanes.find_map(|lane| lane.waiting.clone())?;
        Some(format!("the {name} lane waits: {why}"))
    })
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
