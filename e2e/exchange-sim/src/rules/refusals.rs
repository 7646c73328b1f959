//! A time in which everybody is refused. Whoever was told so and comes again before it is over does not back off.

use std::{collections::HashSet, net::IpAddr, time::Duration};

use super::ip::Admission;
use crate::config::Refusal;

/// Refuses nobody until told to. Times are since the Unix epoch.
#[derive(Debug, Default)]
pub struct Refusals {
    until: Duration,
    with: Option<Refusal>,
    told: HashSet<IpAddr>,
}

/// What becomes of somebody who is refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Never granted.
    pub admission: Admission,
    /// Whether the address was told before to stay away.
    pub told: bool,
}

impl Refusals {
    /// Refuses everybody until `until`; who was told before is told afresh.
    pub fn begin(&mut self, with: Refusal, until: Duration) {
        *self = Self {
            until,
            with: Some(with),
            told: HashSet::new(),
        };
    }

    /// `None` while nobody is refused.
    pub fn ask(&mut self, ip: IpAddr, now: Duration) -> Option<Refused> {
        let wait = self.until.checked_sub(now).filter(|wait| !wait.is_zero())?;
        let admission = match self.with? {
            Refusal::Limited => Admission::Limited(wait),
            Refusal::Banned => Admission::Banned(wait),
        };
        Some(Refused {
            admission,
            told: !self.told.insert(ip),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_refused_until_the_time_is_over_and_blamed_only_when_told_before() {
        let seconds = Duration::from_secs;
        let [one, other] = [1, 2].map(|last| IpAddr::from([10, 0, 0, last]));
        let mut refusals = Refusals::default();
        assert_eq!(refusals.ask(one, seconds(1)), None);

        refusals.begin(Refusal::Limited, seconds(10));
        let refused = |wait, told| {
            Some(Refused {
                admission: Admission::Limited(seconds(wait)),
                told,
            })
        };
        assert_eq!(refusals.ask(one, seconds(4)), refused(6, false));
        assert_eq!(refusals.ask(one, seconds(5)), refused(5, true));
        assert_eq!(refusals.ask(other, seconds(6)), refused(4, false));
        assert_eq!(refusals.ask(one, seconds(10)), None);

        refusals.begin(Refusal::Banned, seconds(20));
        let banned = refusals.ask(one, seconds(15)).unwrap();
        assert_eq!(
            (banned.admission, banned.told),
            (Admission::Banned(seconds(5)), false)
        );
    }
}
