//! The driver's part of the remedies: asking another node at once. All else is for the gate and the lane.

use scylla::policies::retry::{RequestInfo, RetryDecision, RetryPolicy, RetrySession};

use super::{
    class::{Class, Remedy},
    metrics::RequestMetrics,
};

/// Makes the driver ask another node where [`Class::remedy`] says so.
#[derive(Debug)]
pub struct AskNextNode(RequestMetrics);

impl AskNextNode {
    /// Counts what is asked again.
    pub const fn new(metrics: RequestMetrics) -> Self {
        Self(metrics)
    }
}

impl RetryPolicy for AskNextNode {
    fn new_session(&self) -> Box<dyn RetrySession> {
        Box::new(Asked {
            metrics: self.0.clone(),
            again: false,
        })
    }
}

/// One request.
struct Asked {
    metrics: RequestMetrics,
    again: bool,
}

impl RetrySession for Asked {
    fn decide_should_retry(&mut self, request: RequestInfo<'_>) -> RetryDecision {
        let class = Class::from(request.error);
        let remedy = class.remedy(self.again);
        self.again = true;
        if !request.is_idempotent || remedy != Remedy::NextNode {
            return RetryDecision::DontRetry;
        }
        self.metrics.retry(class);
        RetryDecision::RetryNextTarget(None)
    }

    fn reset(&mut self) {
        self.again = false;
    }
}
