//! Facts that engines store as data and that therefore must survive the object: cluster ids, racks, and what has
//! happened once. They live in the status and, for an object that is created again, in annotations of the
//! volumes. Pure.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use crds::{
    CryptoPipeline,
    names::{LABEL_COMPONENT, LABEL_RACK, Role, qualified},
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

/// Two records of the same fact differ.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the volumes of {engine} hold the data of cluster {on_volume}, but the status says {in_status}; \
     delete the volumes of the other cluster or restore the object that they belong to"
)]
pub struct Conflict {
    /// Whose volumes.
    pub engine: Engine,
    /// As the volumes say.
    pub on_volume: String,
    /// As the status, or another volume, says.
    pub in_status: String,
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
pub fn adopt(object: &CryptoPipeline, told: &Evidence<'_>) -> Result<Identity, Conflict> {
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
        if let Some(racks) = racks(engine, object, &identity, claims, sites) {
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
) -> Result<Option<String>, Conflict> {
    let mut known = recorded;
    let templates = of_roles(engine.roles(), told.templates);
    for claim in of_roles(engine.roles(), told.claims).chain(templates) {
        let Some(on_volume) = claim.annotations().get(CLUSTER_ID_ANNOTATION) else {
            continue;
        };
        match &known {
            Some(in_status) if in_status != on_volume => {
                return Err(Conflict {
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
) -> Option<Vec<String>> {
    let placement = engine.placement(&object.spec);
    let recorded = identity
        .racks
        .get(engine.as_str())
        .cloned()
        .or_else(|| racks_on_volumes(engine, claims));
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
        return Some(racks);
    }
    let known = !placement.zones.is_empty() || placement::nodes(&placement, sites).next().is_some();
    known.then(|| fresh_racks(engine, object, &placement, sites))
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

/// The racks that an earlier object's volumes tell of, when they tell of each rack from the first on.
fn racks_on_volumes(engine: Engine, claims: &Live<PersistentVolumeClaim>) -> Option<Vec<String>> {
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
    let contiguous = !zones.is_empty() && zones.keys().copied().eq(0..zones.len());
    contiguous.then(|| zones.into_values().filter(|zone| !zone.is_empty()).collect())
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

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    const UID: &str = "6f1c1f0e-9a4c-4f0e-8f43-6a6b7c1d2e3f";

    fn object(status: Option<Identity>) -> CryptoPipeline {
        let mut object: CryptoPipeline = serde_json::from_value(serde_json::json!({
            "apiVersion": "cryptopipeline.dev/v1alpha1", "kind": "CryptoPipeline",
            "metadata": {"name": "market", "namespace": "prod", "uid": UID},
            "spec": {"ingest": {"symbols": ["BTCUSDT"]}, "placements": {"cloud": {"nodeLabels": {"site": "cloud"}}},
                     "kafka": {"placement": "cloud"}},
        }))
        .unwrap();
        object.status = status.map(|identity| crds::CryptoPipelineStatus {
            identity: Some(identity),
            ..Default::default()
        });
        object
    }

    fn claim(
        role: Role,
        rack: &str,
        annotations: &[(String, &str)],
    ) -> BTreeMap<String, PersistentVolumeClaim> {
        let name = format!("data-{role}-{rack}");
        BTreeMap::from([(
            name.clone(),
            PersistentVolumeClaim {
                metadata: ObjectMeta {
                    name: Some(name),
                    labels: Some(BTreeMap::from([
                        (LABEL_COMPONENT.to_owned(), role.to_string()),
                        (LABEL_RACK.to_owned(), rack.to_owned()),
                    ])),
                    annotations: Some(
                        annotations
                            .iter()
                            .map(|(k, v)| (k.clone(), (*v).to_owned()))
                            .collect(),
                    ),
                    ..ObjectMeta::default()
                },
                ..PersistentVolumeClaim::default()
            },
        )])
    }

    fn site(site: &str, zone: &str) -> Site {
        Site {
            labels: BTreeMap::from([
                ("site".to_owned(), site.to_owned()),
                ("topology.kubernetes.io/zone".to_owned(), zone.to_owned()),
            ]),
            taints: vec![],
        }
    }

    fn adopt(
        object: &CryptoPipeline,
        claims: &Live<PersistentVolumeClaim>,
        sites: &[Site],
    ) -> Result<Identity, Conflict> {
        let templates = &BTreeMap::new();
        super::adopt(
            object,
            &Evidence {
                claims,
                templates,
                sites,
            },
        )
    }

    #[test]
    fn a_fresh_pipeline_derives_its_ids_from_its_uid() {
        let identity = adopt(&object(None), &BTreeMap::new(), &[]).unwrap();
        assert_eq!(
            identity.cassandra_cluster_name.as_deref(),
            Some("market-6f1c1f0e")
        );
        assert_eq!(
            identity.kafka_cluster_id.as_deref(),
            Some("bxwfDppMTw6PQ2prfB0uPw")
        );
        assert_eq!(identity.hdfs_cluster_id, Some(format!("CID-{UID}")));
        assert!(!identity.kafka_formed);
    }

    #[test]
    fn volumes_of_an_earlier_object_are_adopted_with_their_racks() {
        let claims = claim(
            Role::KafkaBroker,
            "0",
            &[
                (CLUSTER_ID_ANNOTATION.to_owned(), "old-cluster"),
                (formed_annotation(), "true"),
                (zone_annotation(), "z9"),
            ],
        );
        let identity = adopt(&object(None), &claims, &[site("cloud", "a")]).unwrap();
        assert_eq!(identity.kafka_cluster_id.as_deref(), Some("old-cluster"));
        assert!(identity.kafka_formed && !identity.cassandra_formed && !identity.hdfs_formatted);
        assert_eq!(identity.racks["kafka"], ["z9"]);
    }

    #[test]
    fn a_claim_that_was_never_marked_does_not_hide_the_racks_of_the_others() {
        let mut claims = claim(Role::KafkaBroker, "0", &[(zone_annotation(), "z9")]);
        claims.extend(claim(Role::KafkaBroker, "1", &[]));
        let identity = adopt(&object(None), &claims, &[site("cloud", "a")]).unwrap();
        assert_eq!(identity.racks["kafka"], ["z9"]);
    }

    #[test]
    fn each_kind_of_volume_tells_of_its_own_milestone() {
        let mark = [(formed_annotation(), "true")];
        let told = |role| adopt(&object(None), &claim(role, "0", &mark), &[]).unwrap();
        let journals = told(Role::JournalNode);
        assert!(journals.hdfs_edits_shared && !journals.hdfs_formatted && !journals.hdfs_failover_formatted);
        assert!(told(Role::ZooKeeper).hdfs_failover_formatted);
        assert!(told(Role::NameNode).hdfs_formatted);
    }

    #[test]
    fn volumes_of_another_cluster_are_a_conflict() {
        let recorded = Identity {
            kafka_cluster_id: Some("mine".to_owned()),
            ..Identity::default()
        };
        let claims = claim(
            Role::KafkaController,
            "0",
            &[(CLUSTER_ID_ANNOTATION.to_owned(), "other")],
        );
        let conflict = adopt(&object(Some(recorded)), &claims, &[]).unwrap_err();
        assert_eq!(conflict.engine, Engine::Kafka);
        assert_eq!(conflict.on_volume, "other");
    }

    #[test]
    fn a_ring_keeps_the_name_that_its_volumes_and_templates_carry() {
        let name = |object: &CryptoPipeline, claims: &Live<_>, templates: &Live<_>| {
            let told = Evidence {
                claims,
                templates,
                sites: &[],
            };
            super::adopt(object, &told).map(|identity| identity.cassandra_cluster_name.unwrap())
        };
        let none = BTreeMap::new();
        let carries = |name| claim(Role::Cassandra, "0", &[(CLUSTER_ID_ANNOTATION.to_owned(), name)]);
        let fresh = object(None);
        assert_eq!(name(&fresh, &carries("market"), &none).unwrap(), "market");
        assert_eq!(name(&fresh, &none, &carries("market")).unwrap(), "market");
        let formed = object(Some(Identity {
            cassandra_formed: true,
            ..Identity::default()
        }));
        assert_eq!(name(&formed, &none, &none).unwrap(), "market");
        let conflict = name(&fresh, &carries("market-0a0a0a0a"), &carries("market-0b0b0b0b")).unwrap_err();
        assert_eq!(conflict.engine, Engine::Cassandra);
    }

    #[test]
    fn racks_are_open_until_the_site_has_a_node_and_then_never_reordered() {
        let none = adopt(&object(None), &BTreeMap::new(), &[site("on-prem", "x")]).unwrap();
        assert_eq!(none.racks.get("kafka"), None);
        let some = adopt(&object(Some(none)), &BTreeMap::new(), &[site("cloud", "b")]).unwrap();
        assert_eq!(some.racks["kafka"], ["b"]);
        let more = adopt(
            &object(Some(some)),
            &BTreeMap::new(),
            &[site("cloud", "a"), site("cloud", "b")],
        )
        .unwrap();
        assert_eq!(more.racks["kafka"], ["b"]);
    }
}
