//! The status of an object that is not carried out. Pure.

use crds::{
    CryptoPipelineStatus,
    reason::Reason,
    status::{Phase, condition},
};
use jiff::Timestamp;

use super::Conditions;
use crate::{
    bootstrap::Finding,
    reconcile::{flow::Flow, symbols::Listing},
};

/// The status of an object that is refused. What workers tell is told on; the rest is held against a spec, and without one nobody knows.
pub fn watched(
    previous: &CryptoPipelineStatus,
    generation: Option<i64>,
    phase: Phase,
    why: &Finding,
    flow: &Flow,
    now: Timestamp,
) -> CryptoPipelineStatus {
    const WHOLE: [&str; 3] = [condition::READY, condition::PROGRESSING, condition::DEGRADED];
    let refused = refused(previous, generation, phase, why, now);
    let mut conditions = Conditions::new(&previous.conditions, generation, now);
    for known in &refused.conditions {
        if WHOLE.contains(&known.type_.as_str()) {
            conditions.list.push(known.clone());
        } else {
            let message = format!("nothing is held against a spec that is refused: {}", why.reason);
            conditions.say(&known.type_, "Unknown", Reason::NotLookedAt.as_str(), message);
        }
    }
    if flow.figures.is_some() {
        conditions.flow(&flow.verdict);
    }
    if flow.listing != Listing::NoAnswer {
        conditions.symbols(&flow.listing);
    }
    CryptoPipelineStatus {
        conditions: conditions.list,
        data_flow: flow.figures.clone(),
        ..refused
    }
}

/// The status of an object that is not carried out: everything else stays as it was last seen.
pub fn refused(
    previous: &CryptoPipelineStatus,
    generation: Option<i64>,
    phase: Phase,
    why: &Finding,
    now: Timestamp,
) -> CryptoPipelineStatus {
    let mut conditions = Conditions::new(&previous.conditions, generation, now);
    conditions.keep_all(&previous.conditions);
    conditions.set(condition::READY, false, why.reason, why.message.clone());
    conditions.set(
        condition::PROGRESSING,
        phase == Phase::Deleting,
        why.reason,
        why.message.clone(),
    );
    if phase == Phase::Degraded {
        conditions.set(condition::DEGRADED, true, why.reason, why.message.clone());
    }
    CryptoPipelineStatus {
        observed_generation: generation,
        phase: Some(phase),
        conditions: conditions.list,
        ..previous.clone()
    }
}
