//! Parts of the spec that several components share.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A size in bytes, as [`crate::quantity::bytes`] reads it.
pub(super) const SIZE: &str = r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$";

/// A CEL rule for `x-kubernetes-validations`. The message names the field and the remedy.
pub(super) fn rule(expression: &str, message: &str) -> serde_json::Value {
    json!({"rule": expression, "message": message})
}

/// Schema of Kubernetes' `ResourceRequirements`, without the long texts that each of its uses would repeat.
pub(super) fn resources(_: &mut SchemaGenerator) -> Schema {
    let quantities = |description: &str| {
        json!({
            "description": description,
            "type": "object",
            "nullable": true,
            "maxProperties": 8,
            "additionalProperties": {
                "type": "string",
                "maxLength": 20,
                "pattern": r"^[0-9]+(\.[0-9]+)?([munkMGTPE]|[KMGTPE]i)?$",
            },
        })
    };
    json_schema!({
        "type": "object",
        "nullable": true,
        "properties": {
            "requests": quantities("What the scheduler sets aside: `cpu`, `memory`."),
            "limits": quantities("What the container may use at most: `cpu`, `memory`."),
        },
    })
}

/// Where container images come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Images {
    /// Registry and path in front of every image name, without a trailing slash.
    #[schemars(length(min = 1, max = 200))]
    #[schemars(extend("x-kubernetes-validations" = [
        rule(r"self.matches('^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*$')",
            "images.registry must be a registry and path in lower case without https:// and without a slash at its end; write it as in ghcr.io/cryptopipeline"),
    ]))]
    pub registry: String,
    /// When the kubelet pulls.
    pub pull_policy: PullPolicy,
    /// Names of Secrets of type `kubernetes.io/dockerconfigjson` in the pipeline's namespace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub pull_secrets: Vec<String>,
}

impl Default for Images {
    fn default() -> Self {
        Self {
            registry: "ghcr.io/cryptopipeline".to_owned(),
            pull_policy: PullPolicy::IfNotPresent,
            pull_secrets: vec![],
        }
    }
}

/// When the kubelet pulls an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "Kubernetes' own words")]
pub enum PullPolicy {
    Always,
    #[default]
    IfNotPresent,
    Never,
}

/// What happens to the volumes when the object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Volumes stay, and an object created again under the same name adopts them.
    #[default]
    Retain,
    /// Volumes are deleted with the object, and every trade with them.
    Delete,
}

/// The persistent volume of one member of a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Size of each member's volume. May grow where the storage class can expand, and be set back to what the volumes have; a
    /// volume never shrinks.
    #[schemars(extend("x-kubernetes-validations" = [
        rule("quantity(self).isGreaterThan(quantity('0'))",
            "storage.size must be above 0; write it as in 100Gi"),
    ]))]
    #[schemars(with = "String", length(max = 20), regex(pattern = SIZE))]
    pub size: Quantity,
}

impl Storage {
    /// A volume of this size, for instance `10Gi`.
    pub fn of(size: &str) -> Self {
        Self {
            size: Quantity(size.to_owned()),
        }
    }
}

/// An engine that runs elsewhere. Reserved: every engine is run by the operator today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct External {
    /// `host:port` of the first contacts.
    #[schemars(length(min = 1, max = 16))]
    pub addresses: Vec<String>,
}
