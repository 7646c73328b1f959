//! One gap of one symbol, from the suspicion to its end. Pure: time is handed in, in milliseconds since 1970.

use crds::{
    gap::{GapCause, GapRecord, GapState},
    spec::Exchange,
};

use crate::model::{IdInterval, IdIntervals, Symbol};

/// A hole younger than this may be no more than a changed order: while two connections deliver a symbol, the quicker
/// one may be ahead by so much.
pub const GRACE_MS: i64 = 2_000;
/// Asked for so long without an id brought, a gap counts as unrepairable.
pub const PATIENCE_MS: i64 = 600_000;
/// The pause after the first request that brought nothing; each next one is twice as long.
const FIRST_PAUSE_MS: i64 = 1_000;
/// Longest pause between requests.
const LONGEST_PAUSE_MS: i64 = 60_000;
/// Why an answer brought nothing.
const NOT_THERE_YET: &str = "NotThereYet";

/// Ids that are not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    ids: IdInterval,
    cause: GapCause,
    detected_ms: i64,
    /// Whether it is more than a suspicion.
    confirmed: bool,
    unrepairable: bool,
    /// Ids that were fetched.
    repaired: u64,
    /// When an id of it last arrived.
    progressed_ms: i64,
    /// Requests in a row that brought nothing.
    failures: u32,
    /// From this id on all was asked for in vain: what is below comes first.
    below: Option<u64>,
    /// Nobody can bring it. It may still come by itself.
    hopeless: bool,
    /// Not to be asked for before.
    ask_again_ms: i64,
    last_error: Option<String>,
}

/// What a review of a gap comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing new.
    Keep,
    /// It is, or has become, worth telling.
    Tell,
    /// It was only a changed order.
    Forget,
    /// Kafka has every id of it.
    Close,
}

impl Gap {
    /// Ids that were skipped and may still come.
    pub const fn suspected(ids: IdInterval, cause: GapCause, now_ms: i64) -> Self {
        Self {
            ids,
            cause,
            detected_ms: now_ms,
            confirmed: false,
            unrepairable: false,
            repaired: 0,
            progressed_ms: now_ms,
            failures: 0,
            below: None,
            hopeless: false,
            ask_again_ms: now_ms,
            last_error: None,
        }
    }

    /// A gap that an earlier life has told of; `None` when the record names no ids or a gap that was closed.
    pub fn resumed(record: &GapRecord, now_ms: i64) -> Option<Self> {
        let ids = IdInterval::new(record.from_id, record.to_id)?;
        (record.state != GapState::Closed).then(|| Self {
            confirmed: true,
            unrepairable: record.state == GapState::Unrepairable,
            repaired: record.repaired_ids,
            detected_ms: record.detected_ms,
            last_error: record.last_error.clone(),
            ..Self::suspected(ids, record.cause, now_ms)
        })
    }

    /// The ids, from the lowest to the highest that was missing at the detection.
    pub const fn ids(&self) -> IdInterval {
        self.ids
    }

    /// When it was found.
    pub const fn detected_ms(&self) -> i64 {
        self.detected_ms
    }

    /// Whether it is more than a suspicion.
    pub const fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Whether it is a suspicion that has outlived any change of order.
    pub const fn is_overdue(&self, now_ms: i64) -> bool {
        !self.confirmed && now_ms >= self.detected_ms.saturating_add(GRACE_MS)
    }

    /// Whether its ids may be asked for now.
    pub const fn is_due(&self, now_ms: i64) -> bool {
        self.confirmed && !self.hopeless && now_ms >= self.ask_again_ms
    }

    /// An id of it arrived.
    pub fn filled(&mut self, fetched: bool, now_ms: i64) {
        self.progressed_ms = now_ms;
        self.repaired += u64::from(fetched);
    }

    /// What to ask for: its newest missing id below those that were asked for in vain, or else its newest missing id. So an id
    /// that never comes keeps no other from coming. `None` when `have` lacks none.
    pub fn newest_missing(&self, have: &IdIntervals) -> Option<u64> {
        let newest = |ids: IdInterval| Some(have.missing_in(ids).last()?.last());
        let lower = self
            .below
            .and_then(|below| IdInterval::new(self.ids.first(), below.checked_sub(1)?));
        lower.and_then(newest).or_else(|| newest(self.ids))
    }

    /// A request for these ids brought some of them.
    pub fn brought(&mut self, asked: IdInterval, now_ms: i64) {
        self.failures = 0;
        self.last_error = None;
        self.ask_again_ms = now_ms;
        if self.below.is_some_and(|below| asked.last() >= below) {
            self.below = None;
        }
    }

    /// These ids were asked for, and the answer holds none of them: the record of the past trails the stream, or will never have
    /// them.
    pub fn in_vain(&mut self, asked: IdInterval, now_ms: i64) {
        self.below = Some(asked.first());
        self.failed(NOT_THERE_YET, now_ms);
    }

    /// A request for its ids failed for this reason.
    pub fn failed(&mut self, reason: &'static str, now_ms: i64) {
        let pause = FIRST_PAUSE_MS << self.failures.min(16);
        self.ask_again_ms = now_ms.saturating_add(pause.min(LONGEST_PAUSE_MS));
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(reason.to_owned());
    }

    /// There is nobody to ask for it, for this reason.
    pub fn given_up(&mut self, reason: &'static str) {
        self.hopeless = true;
        self.last_error = Some(reason.to_owned());
    }

    /// Looks at the gap anew. A suspicion is confirmed only if Kafka was looked into after its grace, at `looked_ms`.
    pub fn review(
        &mut self,
        heard: &IdIntervals,
        acknowledged: &IdIntervals,
        looked_ms: i64,
        now_ms: i64,
    ) -> Outcome {
        if !self.confirmed {
            return self.confirm(heard, looked_ms, now_ms);
        }
        if acknowledged.missing_in(self.ids).is_empty() {
            return Outcome::Close;
        }
        let in_vain = self.failures > 0 && now_ms >= self.progressed_ms.saturating_add(PATIENCE_MS);
        let stuck = self.hopeless || in_vain;
        if stuck == self.unrepairable {
            Outcome::Keep
        } else {
            self.unrepairable = stuck;
            Outcome::Tell
        }
    }

    fn confirm(&mut self, heard: &IdIntervals, looked_ms: i64, now_ms: i64) -> Outcome {
        let holes = heard.missing_in(self.ids);
        let (Some(lowest), Some(highest)) = (holes.first(), holes.last()) else {
            return Outcome::Forget;
        };
        if !self.is_overdue(looked_ms) {
            return Outcome::Keep;
        }
        self.ids = IdInterval::new(lowest.first(), highest.last()).unwrap_or(self.ids);
        self.confirmed = true;
        self.progressed_ms = now_ms;
        self.ask_again_ms = now_ms;
        Outcome::Tell
    }

    /// Ids that Kafka does not have.
    pub fn missing(&self, acknowledged: &IdIntervals) -> u64 {
        acknowledged
            .missing_in(self.ids)
            .iter()
            .fold(0, |sum, hole| sum.saturating_add(hole.count()))
    }

    /// What is told of it.
    pub fn record(
        &self,
        exchange: Exchange,
        symbol: &Symbol,
        acknowledged: &IdIntervals,
        now_ms: i64,
    ) -> GapRecord {
        let missing_ids = self.missing(acknowledged);
        let state = match (missing_ids, self.unrepairable) {
            (0, _) => GapState::Closed,
            (_, true) => GapState::Unrepairable,
            (_, false) => GapState::Open,
        };
        GapRecord {
            exchange,
            symbol: symbol.to_string(),
            from_id: self.ids.first(),
            to_id: self.ids.last(),
            cause: self.cause,
            state,
            missing_ids,
            repaired_ids: self.repaired,
            detected_ms: self.detected_ms,
            closed_ms: (state == GapState::Closed).then_some(now_ms),
            last_error: self.last_error.clone(),
            updated_ms: now_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DETECTED: i64 = 1_000_000;

    fn gap() -> Gap {
        Gap::suspected(IdInterval::new(10, 19).unwrap(), GapCause::Disconnect, DETECTED)
    }

    fn confirmed() -> Gap {
        let mut gap = gap();
        let after = DETECTED + GRACE_MS;
        assert_eq!(review(&mut gap, &[9, 20], after), Outcome::Tell);
        gap
    }

    /// A review right after a look into Kafka, with everything heard acknowledged.
    fn review(gap: &mut Gap, heard: &[u64], now_ms: i64) -> Outcome {
        let heard: IdIntervals = heard.iter().copied().collect();
        gap.review(&heard, &heard, now_ms, now_ms)
    }

    #[test]
    fn a_hole_that_fills_by_itself_is_no_gap() {
        let mut gap = gap();
        assert_eq!(review(&mut gap, &[9, 20], DETECTED + GRACE_MS - 1), Outcome::Keep);
        let all: Vec<u64> = (9..=20).collect();
        assert_eq!(review(&mut gap, &all, DETECTED + GRACE_MS), Outcome::Forget);
    }

    #[test]
    fn a_hole_is_a_gap_only_after_a_look_into_kafka_that_began_after_its_grace() {
        let mut gap = gap();
        let heard: IdIntervals = [9, 20].into_iter().collect();
        let late = DETECTED + 10 * GRACE_MS;
        assert_eq!(
            gap.review(&heard, &heard, DETECTED + GRACE_MS - 1, late),
            Outcome::Keep
        );
        assert!(gap.is_overdue(late));
        assert_eq!(
            gap.review(&heard, &heard, DETECTED + GRACE_MS, late),
            Outcome::Tell
        );
    }

    #[test]
    fn a_gap_begins_and_ends_with_what_is_missing_when_it_is_confirmed() {
        let mut gap = gap();
        review(&mut gap, &[9, 10, 11, 14, 19, 20], DETECTED + GRACE_MS);
        assert_eq!(gap.ids(), IdInterval::new(12, 18).unwrap());
        assert_eq!(gap.missing(&[14].into_iter().collect()), 6);
    }

    #[test]
    fn a_gap_ends_when_kafka_has_every_id_not_when_they_are_heard() {
        let mut gap = confirmed();
        let heard: IdIntervals = (9..=20).collect();
        let acknowledged: IdIntervals = (9..=18).collect();
        let now = DETECTED + GRACE_MS + 1;
        assert_eq!(gap.review(&heard, &acknowledged, now, now), Outcome::Keep);
        assert_eq!(gap.review(&heard, &heard, now, now), Outcome::Close);
        let record = gap.record(Exchange::Binance, &"BTCUSDT".parse().unwrap(), &heard, now);
        assert_eq!((record.state, record.closed_ms), (GapState::Closed, Some(now)));
    }

    #[test]
    fn requests_that_bring_nothing_are_repeated_after_pauses_that_grow_to_a_minute() {
        let mut gap = confirmed();
        let mut now = DETECTED + GRACE_MS;
        let mut pauses = vec![];
        for _ in 0..8 {
            gap.in_vain(gap.ids(), now);
            assert!(!gap.is_due(now));
            pauses.push(gap.ask_again_ms - now);
            now = gap.ask_again_ms;
            assert!(gap.is_due(now));
        }
        assert_eq!(
            pauses,
            [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
        );
        gap.brought(gap.ids(), now);
        assert!(gap.is_due(now));
        assert_eq!(gap.last_error, None);
    }

    #[test]
    fn unrepairable_after_long_asking_in_vain_and_open_again_when_an_id_arrives() {
        let mut gap = confirmed();
        let begin = DETECTED + GRACE_MS;
        let much_later = begin + PATIENCE_MS;
        assert_eq!(
            review(&mut gap, &[9, 20], much_later),
            Outcome::Keep,
            "nobody asked"
        );
        gap.failed("RestUnavailable", begin);
        assert_eq!(review(&mut gap, &[9, 20], much_later - 1), Outcome::Keep);
        assert_eq!(review(&mut gap, &[9, 20], much_later), Outcome::Tell);
        let record = gap.record(
            Exchange::Binance,
            &"BTCUSDT".parse().unwrap(),
            &IdIntervals::new(),
            much_later,
        );
        assert_eq!(record.state, GapState::Unrepairable);
        assert_eq!(record.last_error.as_deref(), Some("RestUnavailable"));
        assert_eq!(Gap::resumed(&record, much_later).unwrap().ids(), gap.ids());

        gap.filled(true, much_later);
        assert_eq!(review(&mut gap, &[9, 19, 20], much_later), Outcome::Tell);
        assert!(!gap.unrepairable);
        assert_eq!(gap.repaired, 1);
    }

    #[test]
    fn a_gap_that_nobody_can_bring_is_unrepairable_at_once_and_not_asked_for_until_it_comes_by_itself() {
        let mut gap = confirmed();
        let now = DETECTED + GRACE_MS;
        gap.given_up("NotInReplay");
        assert_eq!(review(&mut gap, &[9, 20], now), Outcome::Tell);
        assert!(!gap.is_due(now + PATIENCE_MS));
        let record = gap.record(
            Exchange::Binance,
            &"BTCUSDT".parse().unwrap(),
            &IdIntervals::new(),
            now,
        );
        assert_eq!(record.state, GapState::Unrepairable);
        assert_eq!(record.last_error.as_deref(), Some("NotInReplay"));
        let all: Vec<u64> = (9..=20).collect();
        assert_eq!(review(&mut gap, &all, now), Outcome::Close);
    }
}
