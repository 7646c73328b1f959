//! How large the volumes are, and which of them grow. Pure.
//!
//! A claim asks for a size; the volume behind it has one, its capacity. Between them lies what the storage driver has still to do.

use crds::{names::Role, quantity};
use k8s_openapi::{
    api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimCondition},
    apimachinery::pkg::api::resource::Quantity,
};
use kube::ResourceExt;

use super::{dereference::Observed, identity, validate::ValidatedPipeline};
use crate::{build::requested_storage, engine::volume_size};

/// A member's volume, as its claim tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// Name of the claim.
    pub claim: String,
    /// Whose it is.
    pub role: Role,
    /// It holds the data of a member that has taken part.
    pub formed: bool,
    /// The size that it has: what was asked for, or less where that was in vain. A volume may be larger than its claim asks for.
    pub given: Quantity,
}

/// Every volume of the pipeline.
pub fn volumes(observed: &Observed) -> Vec<Volume> {
    let claims = observed.claims.values();
    claims
        .filter_map(|claim| {
            let asked = requested_storage(claim)?;
            let given = capacity(claim).filter(|capacity| is_smaller(capacity, asked));
            Some(Volume {
                claim: claim.name_any(),
                role: identity::role(claim)?,
                formed: identity::is_marked(claim),
                given: given.unwrap_or(asked).clone(),
            })
        })
        .collect()
}

/// A claim that is to ask for another size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Name of the claim.
    pub claim: String,
    /// Its storage class.
    pub class: Option<String>,
    /// The size that it asks for now.
    pub before: String,
    /// The size that it is to ask for.
    pub size: String,
}

/// The claims that ask for less than the spec. Also those that ask for more in vain, since the spec has taken that back; no
/// volume ever shrinks. A claim without a volume is immutable.
pub fn growing(pipeline: &ValidatedPipeline, observed: &Observed) -> Vec<Growth> {
    let claims = observed.claims.values().filter(|claim| is_bound(claim));
    claims
        .filter_map(|claim| {
            let wanted = volume_size(identity::role(claim)?, &pipeline.spec)?;
            let now = requested_storage(claim)?;
            let given = capacity(claim).unwrap_or(now);
            let in_vain = is_smaller(wanted, now) && is_smaller(given, wanted) && failure(claim).is_some();
            (is_smaller(now, wanted) || in_vain).then(|| Growth {
                claim: claim.name_any(),
                class: claim
                    .spec
                    .as_ref()
                    .and_then(|spec| spec.storage_class_name.clone()),
                before: now.0.clone(),
                size: wanted.0.clone(),
            })
        })
        .collect()
}

/// Disks that are smaller than their claims and the spec ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// Those that the storage driver works at, in words.
    pub growing: Vec<String>,
    /// Those that it says it cannot make larger, in words.
    pub failed: Vec<String>,
}

/// The volumes that are on their way to the size asked for.
pub fn unfinished(pipeline: &ValidatedPipeline, observed: &Observed) -> Unfinished {
    let mut unfinished = Unfinished::default();
    for claim in observed.claims.values() {
        let wanted = identity::role(claim).and_then(|role| volume_size(role, &pipeline.spec));
        let sizes = wanted.zip(requested_storage(claim)).zip(capacity(claim));
        let Some(((wanted, asked), given)) = sizes else {
            continue;
        };
        if is_smaller(asked, wanted) || !is_smaller(given, wanted) {
            continue;
        }
        let name = claim.name_any();
        let (given, asked) = (&given.0, &asked.0);
        if let Some(why) = failure(claim) {
            unfinished.failed.push(format!(
                "claim {name} has {given} and cannot have {asked}: {why}; make room for it, or set the size back to {given} or \
                 to one that its storage can give"
            ));
            continue;
        }
        let doing = doing(claim).map(|what| format!(" ({what})")).unwrap_or_default();
        unfinished
            .growing
            .push(format!("claim {name} grows from {given} to {asked}{doing}"));
    }
    unfinished
}

/// Whether `left` is less than `right`; never where one of them is no size.
pub fn is_smaller(left: &Quantity, right: &Quantity) -> bool {
    matches!((quantity::bytes(left), quantity::bytes(right)), (Ok(left), Ok(right)) if left < right)
}

fn capacity(claim: &PersistentVolumeClaim) -> Option<&Quantity> {
    claim.status.as_ref()?.capacity.as_ref()?.get("storage")
}

fn is_bound(claim: &PersistentVolumeClaim) -> bool {
    let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, None | Some("Bound"))
}

/// Why the driver says that it cannot: in conditions since Kubernetes 1.31, and in the state of the request.
fn failure(claim: &PersistentVolumeClaim) -> Option<String> {
    const FAILED: [&str; 2] = ["ControllerResizeError", "NodeResizeError"];
    let condition = holding(claim).find(|condition| FAILED.contains(&condition.type_.as_str()));
    let states = claim.status.as_ref()?.allocated_resource_statuses.as_ref();
    let state = states.and_then(|states| states.get("storage"));
    let failed = state.filter(|state| state.ends_with("Infeasible") || state.ends_with("Failed"));
    condition.map(words).or_else(|| failed.cloned())
}

/// What is awaited of the driver or of the kubelet.
fn doing(claim: &PersistentVolumeClaim) -> Option<String> {
    const STEPS: [&str; 2] = ["FileSystemResizePending", "Resizing"];
    let step = |type_: &str| holding(claim).find(|condition| condition.type_ == type_);
    STEPS.into_iter().find_map(step).map(words)
}

fn holding(claim: &PersistentVolumeClaim) -> impl Iterator<Item = &PersistentVolumeClaimCondition> {
    let conditions = claim
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .filter(|condition| condition.status == "True")
}

fn words(condition: &PersistentVolumeClaimCondition) -> String {
    match condition.message.as_deref().filter(|message| !message.is_empty()) {
        Some(message) => format!("{}: {message}", condition.type_),
        None => condition.type_.clone(),
    }
}
