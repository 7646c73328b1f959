//! Whether a client answers pings: each pong must carry the payload of a ping, within the timeout. A pong
//! with any other payload is allowed and proves nothing (binance-spot-api-docs: web-socket-streams.md).

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// The pings of one connection that wait for their pong.
#[derive(Debug)]
pub struct Heartbeat {
    timeout: Duration,
    waiting: VecDeque<(Instant, Vec<u8>)>,
}

impl Heartbeat {
    /// No ping sent yet.
    pub const fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            waiting: VecDeque::new(),
        }
    }

    /// A ping with this payload is sent.
    pub fn ping(&mut self, now: Instant, payload: Vec<u8>) {
        self.waiting.push_back((now, payload));
    }

    /// A pong arrived: it answers the ping whose payload it carries, and all pings before that one.
    pub fn pong(&mut self, payload: &[u8]) {
        if let Some(answered) = self.waiting.iter().position(|(_, sent)| sent == payload) {
            self.waiting.drain(..=answered);
        }
    }

    /// When the connection is lost unless a pong comes; `None` while nothing is owed.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.front().map(|(sent, _)| *sent + self.timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_counts_from_the_oldest_unanswered_ping() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut heartbeat = Heartbeat::new(60 * second);
        assert_eq!(heartbeat.deadline(), None);

        heartbeat.ping(start, b"1".to_vec());
        heartbeat.ping(start + 20 * second, b"2".to_vec());
        heartbeat.ping(start + 40 * second, b"3".to_vec());
        assert_eq!(heartbeat.deadline(), Some(start + 60 * second));

        heartbeat.pong(b"");
        heartbeat.pong(b"other");
        assert_eq!(
            heartbeat.deadline(),
            Some(start + 60 * second),
            "an unsolicited pong proves nothing"
        );

        heartbeat.pong(b"2");
        assert_eq!(
            heartbeat.deadline(),
            Some(start + 100 * second),
            "a pong answers the earlier pings too"
        );
        heartbeat.pong(b"3");
        assert_eq!(heartbeat.deadline(), None);
    }
}
