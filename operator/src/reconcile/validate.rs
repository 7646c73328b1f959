//! Second layer of validation: turns a stored object and what was read of the cluster into a [`ValidatedPipeline`], from
//! which everything can be built without a further question. Pure.

use std::collections::BTreeMap;

use crds::{CryptoPipeline, CryptoPipelineSpec, names::Names, status::Identity};
use k8s_openapi::apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::OwnerReference};
use kube::{Resource, ResourceExt};

/// What `dereference` read of the cluster that the build needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Zones in rack order by component (`kafka`, `cassandra`, `hdfs`). Empty: one rack without a zone.
    pub racks: BTreeMap<String, Vec<String>>,
    /// Facts fixed at the first start. Both cluster ids are set here.
    pub identity: Identity,
    /// By StatefulSet name the size in the live `volumeClaimTemplates`, which are immutable.
    pub claim_sizes: BTreeMap<String, Quantity>,
}

/// A pipeline that can be built.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatedPipeline {
    /// Names of everything made from it.
    pub names: Names,
    /// Owner of everything made from it.
    pub owner: OwnerReference,
    /// What the user asked for.
    pub spec: CryptoPipelineSpec,
    /// What was read of the cluster.
    pub facts: Facts,
}

/// Everything that is wrong with a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// At least one.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong. The message names the field and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Two NameNodes need JournalNodes and ZooKeeper, which a later version brings.
    #[error("spec.hdfs.nameNodes: high availability comes with a later version; set it to 1")]
    HighAvailabilityUnavailable,
    /// Not read from the API server.
    #[error("metadata.uid is missing; create the object through the API server")]
    NotStored,
}

impl Problem {
    /// Stable reason for conditions, events and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::HighAvailabilityUnavailable => "HighAvailabilityUnavailable",
            Self::NotStored => "NotStored",
        }
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

impl Invalid {
    /// Reason of the first problem.
    pub fn reason(&self) -> &'static str {
        self.problems.first().map_or("Invalid", Problem::reason)
    }
}

/// Checks what CEL cannot, and collects every problem.
pub fn validate(object: &CryptoPipeline, facts: Facts) -> Result<ValidatedPipeline, Invalid> {
    let mut problems = vec![];
    if object.spec.hdfs.name_nodes != 1 {
        problems.push(Problem::HighAvailabilityUnavailable);
    }
    let Some(owner) = object.controller_owner_ref(&()) else {
        problems.push(Problem::NotStored);
        return Err(Invalid { problems });
    };
    if !problems.is_empty() {
        return Err(Invalid { problems });
    }
    Ok(ValidatedPipeline {
        names: Names {
            pipeline: object.name_any(),
            namespace: object.namespace().unwrap_or_default(),
            cluster_domain: object.spec.cluster_domain.clone(),
        },
        owner,
        spec: object.spec.clone(),
        facts,
    })
}
