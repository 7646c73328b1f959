//! The API as the API server sees it: the CRD's schema, its defaults and its CEL rules, tried without a cluster.

#![cfg(test)]

mod defaults;
mod generated;
mod rules;
mod schema;
mod wrong_manifests;

use kube::CustomResourceExt;
use serde_json::Value;

/// The schema that the CRD carries.
fn crd_schema() -> Value {
    let crd = serde_json::to_value(crds::CryptoPipeline::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}
