//! The gate that all requests to Cassandra go through: so many at a time as its answers allow ([`Limit`]), and again after
//! a pause where that and fewer of them are the remedy.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use scylla::errors::ExecutionError;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep},
};

use super::{
    HotError,
    class::{Class, Remedy},
    limit::{Limit, Outcome},
    metrics::RequestMetrics,
};

/// A driver's connection numbers 32,768 requests and a node works on 128 writes at a time (`concurrent_writes`, 32 by
/// default); more than this only queues.
const MOST_IN_FLIGHT: usize = 256;
/// Attempts at a request before the lane hears of it.
const ATTEMPTS: u32 = 4;
/// The pause after the first attempt; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Shared by all partitions of a lane: they burden the same nodes.
pub struct Gate {
    permits: Semaphore,
    state: Mutex<State>,
    metrics: RequestMetrics,
}

struct State {
    limit: Limit,
    /// Permits that exist, held or not. After a decrease there are too many until those who hold them are done.
    permits: usize,
}

impl Gate {
    /// Begins with one request at a time.
    pub fn new(metrics: RequestMetrics) -> Self {
        let limit = Limit::new(1..=MOST_IN_FLIGHT);
        metrics.limit(limit.now());
        Self {
            permits: Semaphore::new(limit.now()),
            state: Mutex::new(State {
                permits: limit.now(),
                limit,
            }),
            metrics,
        }
    }

    /// Carries out a request over so many rows that may be repeated.
    pub async fn carry_out<T, F>(&self, rows: usize, request: impl Fn() -> F) -> Result<T, HotError>
    where
        F: Future<Output = Result<T, ExecutionError>>,
    {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let error = match self.pass(rows, request()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let class = Class::from(&error);
            self.metrics.retry(class);
            if !slows_down(class) || attempt >= ATTEMPTS {
                return Err(error.into());
            }
            // Jittered, so that those who failed together do not come back together.
            sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
            pause *= 2;
            attempt += 1;
        }
    }

    async fn pass<T>(
        &self,
        rows: usize,
        request: impl Future<Output = Result<T, ExecutionError>>,
    ) -> Result<T, ExecutionError> {
        // Fails only when closed, which it never is.
        let permit = self.permits.acquire().await.ok();
        let started = Instant::now();
        let result = request.await;
        let outcome = match &result {
            Ok(_) => Outcome::Served {
                rows,
                latency: started.elapsed(),
            },
            Err(error) if slows_down(Class::from(error)) => Outcome::Congested,
            Err(_) => Outcome::Failed,
        };
        self.adapt(outcome, permit);
        result
    }

    fn adapt(&self, outcome: Outcome, permit: Option<SemaphorePermit<'_>>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let in_flight = state.permits.saturating_sub(self.permits.available_permits());
        state.limit.note(outcome, in_flight);
        let wanted = state.limit.now();
        if wanted > state.permits {
            self.permits.add_permits(wanted - state.permits);
            state.permits = wanted;
        } else if wanted < state.permits {
            if let Some(permit) = permit {
                permit.forget();
                state.permits -= 1;
            }
            state.permits -= self.permits.forget_permits(state.permits - wanted);
        }
        self.metrics.limit(wanted);
    }
}

fn slows_down(class: Class) -> bool {
    class.remedy(true) == Remedy::SlowDown
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        sync::atomic::{AtomicUsize, Ordering},
    };

    use futures::future::join_all;
    use rstest::rstest;
    use scylla::errors::{DbError, RequestAttemptError};

    use super::*;

    fn failed(error: DbError) -> ExecutionError {
        RequestAttemptError::DbError(error, String::new()).into()
    }

    fn gate() -> (Gate, RequestMetrics) {
        let metrics = RequestMetrics::default();
        (Gate::new(metrics.clone()), metrics)
    }

    async fn serve(gate: &Gate, requests: usize) {
        let request = || async {
            sleep(Duration::from_millis(2)).await;
            Ok(())
        };
        join_all((0..requests).map(|_| gate.carry_out(1, request))).await;
    }

    fn limit(gate: &Gate) -> usize {
        gate.state.lock().unwrap().limit.now()
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_in_flight_than_there_are_permits() {
        let (gate, _) = gate();
        let (now, over) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let random = RefCell::new(0_u64);
        let request = || async {
            if now.fetch_add(1, Ordering::SeqCst) + 1 > gate.state.lock().unwrap().permits {
                over.fetch_add(1, Ordering::SeqCst);
            }
            let number = {
                let mut random = random.borrow_mut();
                *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *random >> 33
            };
            sleep(Duration::from_millis(1 + number % 3)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            if number % 50 == 0 {
                return Err(failed(DbError::Overloaded));
            }
            Ok(())
        };
        join_all((0..5_000).map(|_| gate.carry_out(1, request))).await;
        assert_eq!(over.into_inner(), 0);
        assert_eq!(
            gate.permits.available_permits(),
            gate.state.lock().unwrap().permits,
            "every permit is back"
        );
        assert_eq!(limit(&gate), gate.permits.available_permits());
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_with_too_much_to_do_is_asked_again_later_and_by_fewer() {
        let (gate, metrics) = gate();
        serve(&gate, 1_000).await;
        let before = limit(&gate);
        let failures = Cell::new(2);
        let answer = gate
            .carry_out(1, || async {
                failures.set(failures.get() - 1);
                if failures.get() >= 0 {
                    return Err(failed(DbError::Overloaded));
                }
                Ok("served")
            })
            .await;
        assert_eq!(answer.unwrap(), "served");
        assert_eq!(limit(&gate), before / 4);
        assert_eq!(gate.state.lock().unwrap().permits, before / 4);
        assert_eq!(metrics.retries(Class::Overloaded), 2);
    }

    #[rstest]
    #[case::bounded(DbError::Overloaded, ATTEMPTS)]
    #[case::to_wait(DbError::ServerError, 1)]
    #[case::to_refuse(DbError::Invalid, 1)]
    #[tokio::test(start_paused = true)]
    async fn the_lane_hears_of_what_does_not_pass(#[case] error: DbError, #[case] attempts: u32) {
        let (gate, _) = gate();
        let made = Cell::new(0);
        let answer: Result<(), HotError> = gate
            .carry_out(1, || async {
                made.set(made.get() + 1);
                Err(failed(error.clone()))
            })
            .await;
        assert!(answer.is_err());
        assert_eq!(made.get(), attempts);
    }
}
