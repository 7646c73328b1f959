//! Which identity comes of a status, of volumes, and of neither.

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

fn claim(role: Role, rack: &str, annotations: &[(String, &str)]) -> BTreeMap<String, PersistentVolumeClaim> {
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
        ..Site::default()
    }
}

fn adopt(
    object: &CryptoPipeline,
    claims: &Live<PersistentVolumeClaim>,
    sites: &[Site],
) -> Result<Identity, Unclear> {
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
fn racks_are_not_guessed_where_volumes_tell_of_some_only() {
    let claims = claim(Role::KafkaBroker, "1", &[(zone_annotation(), "z9")]);
    let unclear = adopt(&object(None), &claims, &[site("cloud", "a")]).unwrap_err();
    assert_eq!(unclear.reason(), "RacksIncomplete");
    assert!(unclear.to_string().contains("rack 1 (z9)"), "{unclear}");
    let listed = |zones: &[&str]| {
        let mut object = object(None);
        let placement = object.spec.placements.get_mut("cloud").unwrap();
        placement.zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
        adopt(&object, &claims, &[site("cloud", "a")])
    };
    assert_eq!(listed(&["z8", "z9"]).unwrap().racks["kafka"], ["z8", "z9"]);
    assert_eq!(listed(&["z9", "z8"]).unwrap_err().reason(), "RacksIncomplete");
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
    let expected = Unclear::Conflict {
        engine: Engine::Kafka,
        on_volume: "other".to_owned(),
        in_status: "mine".to_owned(),
    };
    assert_eq!(conflict, expected);
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
    assert_eq!(conflict.reason(), "IdentityConflict");
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
