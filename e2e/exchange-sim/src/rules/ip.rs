//! The limits Binance counts by IP address: request weight and connection attempts, both ending in a ban
//! for a client that does not back off (binance-spot-api-docs: rest-api.md, IP Limits).

use std::time::Duration;

use super::window::{FixedWindow, SlidingWindow};
use crate::config::Limits;

const MINUTE: Duration = Duration::from_mins(1);
const LONGEST_BAN: Duration = Duration::from_hours(72);

/// What becomes of a request or connection attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is served.
    Granted,
    /// 429: too much; to be tried again after the given time.
    Limited(Duration),
    /// 418: banned for the given time.
    Banned(Duration),
}

/// What one address has used up. Times are since the Unix epoch.
#[derive(Debug)]
pub struct IpLimits {
    weight_limit: u32,
    weight: FixedWindow,
    attempts: SlidingWindow,
    /// Of Coinbase's REST side.
    requests: SlidingWindow,
    refusals_before_ban: u32,
    refusals: u32,
    next_ban: Duration,
    banned_until: Duration,
}

impl IpLimits {
    /// An address never seen before.
    pub const fn new(limits: &Limits) -> Self {
        Self {
            weight_limit: limits.weight_per_minute,
            weight: FixedWindow::new(MINUTE),
            attempts: SlidingWindow::new(limits.connection_attempts, Duration::from_mins(5)),
            requests: SlidingWindow::new(limits.coinbase_requests_per_second, Duration::from_secs(1)),
            refusals_before_ban: limits.refusals_before_ban,
            refusals: 0,
            next_ban: limits.ban,
            banned_until: Duration::ZERO,
        }
    }

    /// A REST request of this weight; also returns the weight used in the current minute.
    pub fn request(&mut self, now: Duration, weight: u32) -> (Admission, u32) {
        let used = self.weight.add(now, weight);
        let outcome = if used <= self.weight_limit {
            Ok(())
        } else {
            Err(self.weight.remaining(now))
        };
        (self.judge(now, outcome), used)
    }

    /// A request to Coinbase's REST side, which counts requests and bans nobody.
    pub fn coinbase_request(&mut self, now: Duration) -> Admission {
        match self.requests.admit(now) {
            Ok(()) => Admission::Granted,
            Err(retry_after) => Admission::Limited(retry_after),
        }
    }

    /// A WebSocket handshake.
    pub fn connect(&mut self, now: Duration) -> Admission {
        let outcome = self.attempts.admit(now);
        self.judge(now, outcome)
    }

    fn judge(&mut self, now: Duration, outcome: Result<(), Duration>) -> Admission {
        if now < self.banned_until {
            return Admission::Banned(self.banned_until.saturating_sub(now));
        }
        let Err(retry_after) = outcome else {
            self.refusals = 0;
            return Admission::Granted;
        };
        self.refusals += 1;
        if self.refusals <= self.refusals_before_ban {
            return Admission::Limited(retry_after);
        }
        let ban = self.next_ban;
        self.refusals = 0;
        self.banned_until = now + ban;
        self.next_ban = (ban * 2).min(LONGEST_BAN);
        Admission::Banned(ban)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn ip() -> IpLimits {
        IpLimits::new(&Limits {
            weight_per_minute: 50,
            connection_attempts: 2,
            refusals_before_ban: 2,
            ..Limits::default()
        })
    }

    #[test]
    fn weight_is_summed_and_refused_until_the_minute_is_over() {
        let mut ip = ip();
        assert_eq!(ip.request(seconds(70), 25), (Admission::Granted, 25));
        assert_eq!(ip.request(seconds(80), 25), (Admission::Granted, 50));
        assert_eq!(ip.request(seconds(90), 25), (Admission::Limited(seconds(30)), 75));
        assert_eq!(ip.request(seconds(120), 25), (Admission::Granted, 25));
    }

    #[test]
    fn not_backing_off_leads_to_bans_that_double() {
        let mut ip = ip();
        ip.request(seconds(0), 50);
        assert_eq!(ip.request(seconds(1), 1).0, Admission::Limited(seconds(59)));
        assert_eq!(ip.request(seconds(2), 1).0, Admission::Limited(seconds(58)));
        assert_eq!(ip.request(seconds(3), 1).0, Admission::Banned(seconds(120)));
        assert_eq!(
            ip.connect(seconds(63)),
            Admission::Banned(seconds(60)),
            "a ban covers everything"
        );
        assert_eq!(ip.request(seconds(123), 50).0, Admission::Granted);
        for _ in 0..2 {
            ip.request(seconds(124), 1);
        }
        assert_eq!(ip.request(seconds(124), 1).0, Admission::Banned(seconds(240)));
    }

    #[test]
    fn backing_off_in_time_forgets_the_refusals() {
        let mut ip = ip();
        for minute in 0..5 {
            assert_eq!(ip.request(seconds(60 * minute), 50).0, Admission::Granted);
            for _ in 0..2 {
                assert!(matches!(
                    ip.request(seconds(60 * minute), 1).0,
                    Admission::Limited(_)
                ));
            }
        }
    }

    #[test]
    fn connection_attempts_have_room_again_after_five_minutes() {
        let mut ip = ip();
        assert_eq!(ip.connect(seconds(10)), Admission::Granted);
        assert_eq!(ip.connect(seconds(20)), Admission::Granted);
        assert_eq!(ip.connect(seconds(30)), Admission::Limited(seconds(280)));
        assert_eq!(ip.connect(seconds(310)), Admission::Granted);
    }
}
