//! Which workers' pods to take off nodes that are gone. They tolerate such nodes for ever, so that Kubernetes does not delete
//! those of a site that is cut off as a whole; what it would do otherwise is done here, where there is somewhere to go. Pure.

use crds::{CryptoPipelineSpec, names::Role};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use crate::{
    engine::named_placement,
    placement,
    reconcile::{dereference::Observed, view},
};

/// Kubernetes' own patience with a node (`default-unreachable-toleration-seconds`).
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// Pods of workers on nodes that have not been ready for five minutes, where another node of their site is. Those without a
/// placement are Kubernetes' business.
pub fn stranded<'a>(spec: &CryptoPipelineSpec, observed: &'a Observed, now: Timestamp) -> Vec<&'a Pod> {
    let roles = [
        (Role::Ingest, spec.ingest.placement.as_deref()),
        (Role::Processor, spec.processor.placement.as_deref()),
    ];
    let pods = roles.into_iter().flat_map(|(role, key)| {
        let placement = named_placement(spec, key);
        let elsewhere = key.is_some()
            && placement::nodes(&placement, &observed.sites).any(|node| node.down_since.is_none());
        view::running(observed, role).filter(move |_| elsewhere)
    });
    pods.filter(|pod| {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
        let site = observed.sites.iter().find(|site| Some(&site.name) == node);
        site.and_then(|site| site.down_since)
            .is_some_and(|since| now.duration_since(since) >= PATIENCE)
    })
    .collect()
}
