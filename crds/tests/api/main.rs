//! The API as the API server sees it: the CRD's schema, its defaults and its CEL rules, tried without a cluster.

#![cfg(test)]

mod defaults;
mod generated;
mod rules;
mod schema;

use kube::CustomResourceExt;
use serde_json::{Value, json};

/// The schema that the CRD carries.
fn crd_schema() -> Value {
    let crd = serde_json::to_value(crds::CryptoPipeline::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// The smallest manifest that is accepted.
fn smallest() -> Value {
    json!({
        "apiVersion": "cryptopipeline.dev/v1alpha1",
        "kind": "CryptoPipeline",
        "metadata": {"name": "market"},
        "spec": {"ingest": {"symbols": ["BTCUSDT", "ETHUSDT"]}},
    })
}
