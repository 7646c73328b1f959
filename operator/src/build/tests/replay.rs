//! What recording and replay add to a pipeline.

use k8s_openapi::api::{apps::v1::Deployment, core::v1::PersistentVolumeClaim};
use kube::ResourceExt;
use serde_json::{Value, json};

use super::fixtures::{example, facts};
use crate::{
    build::{Resources, build},
    reconcile::validate::validate,
};

/// The minimal pipeline with two shards and these fields of `ingest`.
fn built(ingest: Value) -> Resources {
    let mut object = serde_json::to_value(example("minimal")).unwrap();
    for fields in [json!({"symbols": ["BTCUSDT", "ETHUSDT"], "shards": 2}), ingest] {
        for (field, value) in fields.as_object().unwrap() {
            object["spec"]["ingest"][field] = value.clone();
        }
    }
    build(&validate(&serde_json::from_value(object).unwrap(), facts(&[])).unwrap())
}

fn shard<'a>(resources: &'a Resources, name: &str) -> &'a Deployment {
    let named = |object: &&Deployment| object.name_any() == name;
    resources
        .deployments
        .iter()
        .map(|wanted| &wanted.object)
        .find(named)
        .unwrap()
}

/// The claim that a shard mounts, and where, and how its pods are replaced. Volume and mount agree on whether it is read-only.
fn mounted(resources: &Resources, name: &str) -> (Value, Value, Value) {
    let spec = serde_json::to_value(shard(resources, name).spec.as_ref().unwrap()).unwrap();
    let pod = &spec["template"]["spec"];
    let volume = |volume: &&Value| volume.get("persistentVolumeClaim").is_some();
    let volume = pod["volumes"].as_array().unwrap().iter().find(volume).unwrap();
    let mount = |mount: &&Value| mount["name"] == volume["name"];
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    let mount = mounts.iter().find(mount).unwrap();
    let claim = &volume["persistentVolumeClaim"];
    assert_eq!(claim.get("readOnly"), mount.get("readOnly"));
    (
        claim["claimName"].clone(),
        mount["mountPath"].clone(),
        spec["strategy"].clone(),
    )
}

fn config(resources: &Resources, name: &str) -> Value {
    let map = resources
        .config_maps
        .iter()
        .find(|map| map.name_any() == name)
        .unwrap();
    serde_yaml::from_str(&map.data.as_ref().unwrap()["config.yaml"]).unwrap()
}

#[test]
fn each_recording_shard_has_a_claim_that_nobody_owns_and_never_two_pods() {
    let resources = built(json!({"record": true, "recording": {"storage": {"size": "16Gi"}}}));
    let names: Vec<_> = resources
        .claims
        .iter()
        .map(PersistentVolumeClaim::name_any)
        .collect();
    let expected = ["market-ingest-0-recording", "market-ingest-1-recording"];
    assert_eq!(names, expected);
    assert!(
        resources
            .claims
            .iter()
            .all(|claim| claim.owner_references().is_empty())
    );
    for (shard, claim) in expected.iter().enumerate() {
        let name = format!("market-ingest-{shard}");
        assert_eq!(
            mounted(&resources, &name),
            (
                json!(claim),
                json!("/var/lib/cryptopipeline/recording"),
                json!({"type": "Recreate"})
            )
        );
        assert_eq!(
            config(&resources, &name)["recording"],
            json!({"folder": "/var/lib/cryptopipeline/recording", "diskBytes": 14_u64 << 30, "rotateIntervalMs": 3_600_000})
        );
    }
}

#[test]
fn a_replay_mounts_the_claim_of_the_files_and_reads_no_exchange() {
    let replay = json!({"claim": "dumps", "path": "spot/daily", "format": "binanceCsv", "speed": "100"});
    let resources = built(json!({"source": "replay", "replay": replay}));
    assert!(resources.claims.is_empty());
    assert_eq!(
        mounted(&resources, "market-ingest-1"),
        (
            json!("dumps"),
            json!("/var/lib/cryptopipeline/replay"),
            json!({"type": "Recreate"})
        )
    );
    assert_eq!(
        config(&resources, "market-ingest-1")["replay"],
        json!({"folder": "/var/lib/cryptopipeline/replay/spot/daily", "format": "binanceCsv", "speed": "100"})
    );
}

#[test]
fn what_is_only_described_is_not_done() {
    let idle =
        json!({"replay": {"claim": "dumps", "format": "frames"}, "recording": {"storage": {"size": "16Gi"}}});
    let (idle, plain) = (built(idle), built(json!({})));
    assert_eq!(idle, plain);
}
