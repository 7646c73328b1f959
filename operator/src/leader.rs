//! Leader election over a `coordination.k8s.io/v1` Lease. Only the holder runs the controller.
//!
//! A Lease is taken with `replace` and its resourceVersion, so of two that try at once one gets 409. Whether another
//! holder's lease has run out is measured on this process's own clock from when the record last changed, because
//! clocks of two machines differ.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, api::PostParams};
use tracing::{info, warn};

use crate::metrics::Metrics;

/// After so long without a renewal others may take the lease.
const LEASE: Duration = Duration::from_secs(15);
/// After so long without a successful renewal the holder gives up, before others may take over.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// Time between two tries.
const RETRY: Duration = Duration::from_secs(3);

/// What to do about a lease as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Free, or its holder is gone: take it.
    Acquire,
    /// Held by this process: renew it.
    Renew,
    /// Held by another: wait.
    Wait,
    /// This process held it and another one does now: stop.
    Lost,
}

/// Decides from the lease, from how long it has not changed, and from whether this process believes to lead.
pub fn decide(lease: Option<&LeaseSpec>, unchanged_for: Duration, me: &str, leading: bool) -> Decision {
    let holder = lease
        .and_then(|spec| spec.holder_identity.as_deref())
        .unwrap_or_default();
    match holder {
        "" => Decision::Acquire,
        holder if holder == me => Decision::Renew,
        _ if leading => Decision::Lost,
        _ if unchanged_for > LEASE => Decision::Acquire,
        _ => Decision::Wait,
    }
}

/// Takes, renews and releases the lease.
pub struct Elector {
    leases: Api<Lease>,
    name: String,
    me: String,
    metrics: Arc<Metrics>,
    /// The record as last seen, and since when it has been so.
    seen: Option<(Option<LeaseSpec>, Instant)>,
    /// When the last successful request for the lease was sent. Others count from a later moment: when they see its result.
    asked: Instant,
}

impl Elector {
    /// An elector that does not lead yet. `me` must differ between processes.
    pub fn new(client: Client, namespace: &str, name: &str, me: &str, metrics: Arc<Metrics>) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            name: name.to_owned(),
            me: me.to_owned(),
            metrics,
            seen: None,
            asked: Instant::now(),
        }
    }

    /// Waits until this process holds the lease. `standby` runs each time the API server has answered.
    pub async fn acquire(&mut self, standby: impl Fn()) {
        loop {
            let asked = Instant::now();
            match tokio::time::timeout(RETRY, self.attempt(false)).await {
                Ok(Ok(Decision::Acquire | Decision::Renew)) => {
                    info!(lease = self.name, "leading");
                    self.metrics.leading(true);
                    self.asked = asked;
                    return;
                }
                Ok(Ok(Decision::Wait | Decision::Lost)) => standby(),
                Ok(Err(error)) => warn!(lease = self.name, %error, "cannot take the lease, trying again"),
                Err(_) => warn!(lease = self.name, "the API server did not answer in time"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Renews the lease for as long as that succeeds; returns when it is lost, at the latest `RENEW_DEADLINE + RETRY` after
    /// the last successful request was sent.
    pub async fn hold(&mut self) {
        loop {
            tokio::time::sleep(RETRY).await;
            let asked = Instant::now();
            let left = RENEW_DEADLINE.saturating_sub(self.asked.elapsed());
            if left.is_zero() {
                break;
            }
            match tokio::time::timeout(left.min(RETRY), self.attempt(true)).await {
                Ok(Ok(Decision::Renew | Decision::Acquire)) => self.asked = asked,
                Ok(Ok(Decision::Lost)) => break,
                Ok(Ok(Decision::Wait)) => {}
                Ok(Err(error)) => warn!(lease = self.name, %error, "cannot renew the lease"),
                Err(_) => warn!(lease = self.name, "the API server did not answer in time"),
            }
        }
        self.metrics.leading(false);
    }

    /// Gives the lease up, so that another process takes over at once.
    pub async fn release(&mut self) {
        self.metrics.leading(false);
        let released = async {
            let Some(mut lease) = self.leases.get_opt(&self.name).await? else {
                return Ok(());
            };
            let Some(spec) = lease
                .spec
                .as_mut()
                .filter(|s| s.holder_identity.as_deref() == Some(&self.me))
            else {
                return Ok(());
            };
            spec.holder_identity = None;
            self.metrics.wrote("Lease", "update");
            self.leases
                .replace(&self.name, &PostParams::default(), &lease)
                .await
                .map(drop)
        };
        let released: Result<(), kube::Error> = released.await;
        match released {
            Ok(()) => info!(lease = self.name, "released"),
            Err(error) => warn!(lease = self.name, %error, "not released; it runs out by itself"),
        }
    }

    /// Reads the lease and does what [`decide`] says. A lost race is [`Decision::Wait`].
    async fn attempt(&mut self, leading: bool) -> Result<Decision, kube::Error> {
        let lease = self.leases.get_opt(&self.name).await?;
        let spec = lease.as_ref().and_then(|l| l.spec.clone());
        let since = match &self.seen {
            Some((seen, since)) if *seen == spec => *since,
            _ => Instant::now(),
        };
        let decision = decide(spec.as_ref(), since.elapsed(), &self.me, leading);
        self.seen = Some((spec, since));
        if !matches!(decision, Decision::Acquire | Decision::Renew) {
            return Ok(decision);
        }
        match self.write(lease, decision).await {
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Decision::Wait),
            Err(error) => Err(error),
            Ok(()) => Ok(decision),
        }
    }

    async fn write(&self, lease: Option<Lease>, decision: Decision) -> Result<(), kube::Error> {
        let now = MicroTime(Timestamp::now());
        let exists = lease.is_some();
        let mut lease = lease.unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                ..ObjectMeta::default()
            },
            spec: None,
        });
        let spec = lease.spec.get_or_insert_default();
        if decision == Decision::Acquire {
            spec.acquire_time = Some(now.clone());
            spec.lease_transitions = Some(
                spec.lease_transitions
                    .unwrap_or(0)
                    .saturating_add(i32::from(exists)),
            );
        }
        spec.holder_identity = Some(self.me.clone());
        spec.lease_duration_seconds = i32::try_from(LEASE.as_secs()).ok();
        spec.renew_time = Some(now);
        if exists {
            self.metrics.wrote("Lease", "update");
            self.leases
                .replace(&self.name, &PostParams::default(), &lease)
                .await?;
        } else {
            self.metrics.wrote("Lease", "create");
            self.leases.create(&PostParams::default(), &lease).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const FRESH: Duration = Duration::from_secs(1);
    const STALE: Duration = Duration::from_secs(16);

    fn held_by(holder: &str) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            ..LeaseSpec::default()
        }
    }

    #[rstest]
    #[case::no_lease(None, FRESH, false, Decision::Acquire)]
    #[case::released(Some(LeaseSpec::default()), FRESH, false, Decision::Acquire)]
    #[case::mine(Some(held_by("a")), FRESH, true, Decision::Renew)]
    #[case::mine_after_a_container_restart(Some(held_by("a")), FRESH, false, Decision::Renew)]
    #[case::another_is_alive(Some(held_by("b")), FRESH, false, Decision::Wait)]
    #[case::another_is_gone(Some(held_by("b")), STALE, false, Decision::Acquire)]
    #[case::taken_from_me(Some(held_by("b")), FRESH, true, Decision::Lost)]
    #[case::taken_from_me_and_gone(Some(held_by("b")), STALE, true, Decision::Lost)]
    fn decisions(
        #[case] lease: Option<LeaseSpec>,
        #[case] unchanged: Duration,
        #[case] leading: bool,
        #[case] expected: Decision,
    ) {
        assert_eq!(decide(lease.as_ref(), unchanged, "a", leading), expected);
    }

    #[test]
    fn the_holder_gives_up_before_others_may_take_over() {
        assert!(RENEW_DEADLINE + RETRY < LEASE);
    }
}
