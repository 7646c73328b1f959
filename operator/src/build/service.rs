//! Services.

use crds::names::Role;
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::metadata::{labels, owned, selector};
use crate::reconcile::validate::ValidatedPipeline;

/// The label by which Kubernetes tells the pods of a StatefulSet apart.
const POD_NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";

/// The headless Service that gives a role's pods their names. It publishes pods that are not ready too: members must find each
/// other in order to become ready.
pub fn headless(pipeline: &ValidatedPipeline, role: Role, ports: &[(&str, u16)]) -> Service {
    let mut service = service(pipeline, pipeline.names.of(role), role, ports);
    if let Some(spec) = service.spec.as_mut() {
        spec.cluster_ip = Some("None".to_owned());
        spec.publish_not_ready_addresses = Some(true);
    }
    service
}

/// A Service with an address of its own for clients, which leads to ready pods.
pub fn for_clients(pipeline: &ValidatedPipeline, name: String, role: Role, ports: &[(&str, u16)]) -> Service {
    service(pipeline, name, role, ports)
}

/// A Service with an address of its own that leads to one pod, ready or not: a name that is known, and stays the same address,
/// while the pod is away.
pub fn for_pod(pipeline: &ValidatedPipeline, pod: &str, role: Role, ports: &[(&str, u16)]) -> Service {
    let mut service = service(pipeline, pod.to_owned(), role, ports);
    if let Some(spec) = service.spec.as_mut() {
        spec.selector
            .get_or_insert_default()
            .insert(POD_NAME_LABEL.to_owned(), pod.to_owned());
        spec.publish_not_ready_addresses = Some(true);
    }
    service
}

fn service(pipeline: &ValidatedPipeline, name: String, role: Role, ports: &[(&str, u16)]) -> Service {
    let port = |(name, port): &(&str, u16)| ServicePort {
        name: Some((*name).to_owned()),
        port: i32::from(*port),
        target_port: Some(IntOrString::String((*name).to_owned())),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    };
    Service {
        metadata: owned(pipeline, name, labels(pipeline, role.as_str())),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(selector(pipeline, role.as_str())),
            ports: Some(ports.iter().map(port).collect()),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}
