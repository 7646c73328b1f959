//! The rows of `wrong_manifests.yaml`, whose head explains them. The e2e suite includes this file too.

use serde::Deserialize;
use serde_json::{Value, json};

/// One wrong manifest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WrongManifest {
    /// What is wrong.
    pub name: String,
    #[serde(default = "unchanged")]
    metadata: Value,
    /// Merged into the smallest manifest's, or into the stored object's.
    #[serde(default = "unchanged")]
    pub spec: Value,
    stored_spec: Option<Value>,
    /// Who refuses it.
    pub refused_by: Layer,
    /// A part of the answer.
    pub expect: String,
}

/// Who can see what is wrong.
#[derive(Clone, Copy, Deserialize, PartialEq)]
pub enum Layer {
    /// A CEL rule of the CRD.
    Rule,
    /// The CRD's schema.
    Schema,
    /// Only the operator.
    Operator,
}

impl WrongManifest {
    /// The stored object, where the manifest is an update, and the manifest.
    pub fn objects(&self) -> (Option<Value>, Value) {
        let mut object = smallest();
        let stored = self.stored_spec.as_ref().map(|patch| {
            json_patch::merge(&mut object["spec"], patch);
            object.clone()
        });
        json_patch::merge(&mut object["metadata"], &self.metadata);
        json_patch::merge(&mut object["spec"], &self.spec);
        (stored, object)
    }
}

/// All rows.
pub fn wrong_manifests() -> Result<Vec<WrongManifest>, serde_yaml::Error> {
    serde_yaml::from_str(include_str!("../wrong_manifests.yaml"))
}

/// The smallest manifest that is accepted.
pub fn smallest() -> Value {
    json!({
        "apiVersion": "cryptopipeline.dev/v1alpha1",
        "kind": "CryptoPipeline",
        "metadata": {"name": "market"},
        "spec": {"ingest": {"symbols": ["BTCUSDT", "ETHUSDT"]}},
    })
}

fn unchanged() -> Value {
    json!({})
}
