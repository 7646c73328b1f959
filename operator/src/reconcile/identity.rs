//! Facts that engines store as data and that therefore must survive the object: cluster ids, racks, and what has
//! happened once. They live in the status and, for an object that is created again, in annotations of the
//! volumes. Pure.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use crds::{
    CryptoPipeline,
    names::{LABEL_COMPONENT, LABEL_RACK, Role, qualified},
    reason::Reason,
    spec::Placement,
    status::Identity,
};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;

use super::dereference::Live;
use crate::{
    build::CLUSTER_ID_ANNOTATION,
    engine::Engine,
    milestone::Milestone,
    placement::{self, Site},
};

/// Annotation of a claim: the milestone of its role is behind ([`Milestone::roles`]).
pub fn formed_annotation() -> String {
    qualified("formed")
}

/// Annotation of a claim: the zone of its rack; empty where the site has no zones.
pub fn zone_annotation() -> String {
    qualified("zone")
}

/// Why nobody knows whose data the volumes hold, or how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says it")]
pub enum Unclear {
    /// Two records of the same fact differ: a volume's, and the status' or another volume's.
    #[error(
        "the volumes of {engine} hold the data of cluster {on_volume}, but the status says {in_status}; \
         delete the volumes of the other cluster or restore the object that they belong to"
    )]
    Conflict {
        engine: Engine,
        on_volume: String,
        in_status: String,
    },
    /// The status is gone, and volumes are too: names and ids derive from the place of each rack among all.
    #[error(
        "the volumes of {engine} tell the zone of {known}, and those of a rack before them are missing; restore them, or \
         list the zones of all racks in their order in the placement's zones"
    )]
    RacksIncomplete { engine: Engine, known: String },
}

impl Unclear {
    /// Stable reason for conditions, events and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => Reason::IdentityConflict.as_str(),
            Self::RacksIncomplete { .. } => Reason::RacksIncomplete.as_str(),
        }
    }
}

/// What the cluster tells of an identity.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The volumes that there are, by name.
    pub claims: &'a Live<PersistentVolumeClaim>,
    /// The claims that live StatefulSets make, by name of the StatefulSet.
    pub templates: &'a Live<PersistentVolumeClaim>,
    /// The nodes.
    pub sites: &'a [Site],
}

/// The identity of a pipeline: what the status says, else what the volumes say, else fresh.
///
/// Racks of a component whose site has no node yet are left open, so that they are fixed only once they are known.
pub fn adopt(object: &CryptoPipeline, told: &Evidence<'_>) -> Result<Identity, Unclear> {
    let Evidence { claims, sites, .. } = *told;
    let mut identity = object
        .status
        .as_ref()
        .and_then(|s| s.identity.clone())
        .unwrap_or_default();
    let uid = object.uid().unwrap_or_default();
    let known = |engine, recorded: &mut Option<String>| cluster_id(engine, recorded.take(), told);
    let kafka = known(Engine::Kafka, &mut identity.kafka_cluster_id)?;
    identity.kafka_cluster_id = kafka.or_else(|| Some(kafka_cluster_id(&uid)));
    let hdfs = known(Engine::Hdfs, &mut identity.hdfs_cluster_id)?;
    identity.hdfs_cluster_id = hdfs.or_else(|| Some(format!("CID-{uid}")));
    for milestone in Milestone::ALL {
        if of_roles(milestone.roles(), claims).any(is_marked) {
            milestone.record(&mut identity);
        }
    }
    let cassandra = known(Engine::Cassandra, &mut identity.cassandra_cluster_name)?;
    let formed = identity.cassandra_formed;
    identity.cassandra_cluster_name =
        cassandra.or_else(|| Some(cassandra_cluster_name(&object.name_any(), &uid, formed)));
    for engine in Engine::ALL {
        if let Some(racks) = racks(engine, object, &identity, claims, sites)? {
            identity.racks.insert(engine.as_str().to_owned(), racks);
        }
    }
    Ok(identity)
}

/// The id in the status and on the volumes, those yet to be made included; `None` where nothing tells of one.
fn cluster_id(
    engine: Engine,
    recorded: Option<String>,
    told: &Evidence<'_>,
) -> Result<Option<String>, Unclear> {
    let mut known = recorded;
    let templates = of_roles(engine.roles(), told.templates);
    for claim in of_roles(engine.roles(), told.claims).chain(templates) {
        let Some(on_volume) = claim.annotations().get(CLUSTER_ID_ANNOTATION) else {
            continue;
        };
        match &known {
            Some(in_status) if in_status != on_volume => {
                return Err(Unclear::Conflict {
                    engine,
                    on_volume: on_volume.clone(),
                    in_status: in_status.clone(),
                });
            }
            Some(_) => {}
            None => known = Some(on_volume.clone()),
        }
    }
    Ok(known)
}

/// Whether a claim says that the milestone of its role is behind.
pub fn is_marked(claim: &PersistentVolumeClaim) -> bool {
    claim
        .annotations()
        .get(&formed_annotation())
        .is_some_and(|value| value == "true")
}

/// The claims of some roles.
pub fn of_roles<'a>(
    roles: &'a [Role],
    claims: &'a Live<PersistentVolumeClaim>,
) -> impl Iterator<Item = &'a PersistentVolumeClaim> {
    claims.values().filter(move |claim| {
        let component = claim.labels().get(LABEL_COMPONENT).map(String::as_str);
        roles.iter().any(|role| component == Some(role.as_str()))
    })
}

/// Zones in rack order: those recorded, and after them those that the placement lists anew. Zones that nodes happen to
/// have are taken once, when nothing is recorded yet. `None` while nothing is known.
fn racks(
    engine: Engine,
    object: &CryptoPipeline,
    identity: &Identity,
    claims: &Live<PersistentVolumeClaim>,
    sites: &[Site],
) -> Result<Option<Vec<String>>, Unclear> {
    let placement = engine.placement(&object.spec);
    let recorded = match identity.racks.get(engine.as_str()) {
        Some(racks) => Some(racks.clone()),
        None => racks_on_volumes(engine, claims, &placement)?,
    };
    if let Some(mut racks) = recorded {
        // A pipeline that began without zones stays so: its names and ids were given out.
        if !racks.is_empty() {
            let added: Vec<_> = placement
                .zones
                .iter()
                .filter(|z| !racks.contains(z))
                .cloned()
                .collect();
            racks.extend(added);
        }
        return Ok(Some(racks));
    }
    let known = !placement.zones.is_empty() || placement::nodes(&placement, sites).next().is_some();
    Ok(known.then(|| fresh_racks(engine, object, &placement, sites)))
}

fn fresh_racks(
    engine: Engine,
    object: &CryptoPipeline,
    placement: &Placement,
    sites: &[Site],
) -> Vec<String> {
    const MOST: usize = 9;
    let members = usize::try_from(engine.racked_members(&object.spec)).unwrap_or(1);
    placement::zones(placement, sites, members.clamp(1, MOST))
}

/// The racks that an earlier object's volumes tell of. They must tell of each rack from the first on, or agree with the
/// placement's list, which does.
fn racks_on_volumes(
    engine: Engine,
    claims: &Live<PersistentVolumeClaim>,
    placement: &Placement,
) -> Result<Option<Vec<String>>, Unclear> {
    let mut zones = BTreeMap::new();
    for claim in of_roles(engine.roles(), claims) {
        if claim.labels().get(LABEL_COMPONENT).map(String::as_str) != Some(engine.racked_role().as_str()) {
            continue;
        }
        let index = claim
            .labels()
            .get(LABEL_RACK)
            .and_then(|rack| rack.parse::<usize>().ok());
        // A claim that was never marked, because the object went while it grew, says nothing; its rack's other claims do.
        if let (Some(index), Some(zone)) = (index, claim.annotations().get(&zone_annotation())) {
            zones.insert(index, zone.clone());
        }
    }
    if zones.is_empty() {
        return Ok(None);
    }
    if zones.keys().copied().eq(0..zones.len()) {
        let named = zones.into_values().filter(|zone| !zone.is_empty());
        return Ok(Some(named.collect()));
    }
    let listed = &placement.zones;
    if zones.iter().all(|(index, zone)| listed.get(*index) == Some(zone)) {
        return Ok(Some(listed.clone()));
    }
    let known: Vec<_> = zones
        .iter()
        .map(|(index, zone)| format!("rack {index} ({zone})"))
        .collect();
    Err(Unclear::RacksIncomplete {
        engine,
        known: known.join(", "),
    })
}

/// Kafka's form of a UUID: 22 characters of URL-safe base64 over its 16 bytes. Not a UUID: taken as it is.
fn kafka_cluster_id(uid: &str) -> String {
    let hex = uid.replace('-', "");
    u128::from_str_radix(&hex, 16).map_or_else(
        |_| uid.to_owned(),
        |bits| URL_SAFE_NO_PAD.encode(bits.to_be_bytes()),
    )
}

/// Nodes that meet by chance, because one has got an address that another had, tell their rings apart by this name alone. Pipelines
/// of one name in two namespaces must therefore not share it. A ring that formed before names were recorded has the
/// pipeline's name, and keeps it.
fn cassandra_cluster_name(pipeline: &str, uid: &str, formed: bool) -> String {
    if formed {
        return pipeline.to_owned();
    }
    let digits: String = uid.chars().filter(|c| *c != '-').take(8).collect();
    format!("{pipeline}-{digits}")
}

/// The role whose label a claim carries.
pub fn role(claim: &PersistentVolumeClaim) -> Option<Role> {
    let component = claim.labels().get(LABEL_COMPONENT)?;
    Role::ALL.into_iter().find(|role| role.as_str() == component)
}
