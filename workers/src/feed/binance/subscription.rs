//! How far a connection's subscription has come. No I/O.

use std::time::Duration;

use tokio::time::Instant;

use super::plan::Plan;

/// Time for all answers to requests, once the last is sent.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How far the requests of a plan have come.
pub struct Subscription<'a> {
    requests: &'a [String],
    sent: usize,
    /// By request: whether it was accepted.
    accepted: Vec<bool>,
    last_sent: Instant,
}

impl<'a> Subscription<'a> {
    /// Nothing sent yet.
    pub fn new(plan: &'a Plan) -> Self {
        Self {
            requests: &plan.requests,
            sent: 0,
            accepted: vec![false; plan.requests.len()],
            last_sent: Instant::now(),
        }
    }

    /// Whether a request is still to be sent.
    pub fn has_request(&self) -> bool {
        self.sent < self.requests.len()
    }

    /// The next request to send, which from now on counts as sent.
    pub fn next_request(&mut self) -> Option<String> {
        let request = self.requests.get(self.sent)?;
        self.sent += 1;
        self.last_sent = Instant::now();
        Some(request.clone())
    }

    /// Notes an answer, and returns whether it was the last one.
    pub fn accept(&mut self, id: u64) -> bool {
        let place = id.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        match place.and_then(|place| self.accepted.get_mut(place)) {
            Some(accepted) if !*accepted => {
                *accepted = true;
                self.complete()
            }
            _ => false,
        }
    }

    /// Whether every request was accepted.
    pub fn complete(&self) -> bool {
        self.accepted.iter().all(|accepted| *accepted)
    }

    /// When the answers are overdue.
    pub fn deadline(&self) -> Instant {
        self.last_sent + ANSWER_TIMEOUT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(requests: usize) -> Plan {
        Plan {
            url: String::new(),
            requests: vec!["{}".to_owned(); requests],
        }
    }

    #[test]
    fn streams_named_in_the_url_need_no_answer() {
        let plan = plan(0);
        let subscription = Subscription::new(&plan);
        assert!(subscription.complete() && !subscription.has_request());
    }

    #[test]
    fn complete_only_when_every_request_is_answered() {
        let plan = plan(2);
        let mut subscription = Subscription::new(&plan);
        while subscription.next_request().is_some() {}
        assert!(!subscription.accept(2));
        assert!(!subscription.accept(2), "an answer counts once");
        assert!(!subscription.accept(9), "an answer to nothing does not count");
        assert!(!subscription.accept(0));
        assert!(!subscription.complete());
        assert!(subscription.accept(1));
        assert!(subscription.complete());
    }
}
