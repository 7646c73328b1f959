//! Rules that every pipeline keeps, whatever its spec says.

use std::collections::{BTreeMap, BTreeSet};

use crds::names::Role;
use k8s_openapi::api::core::v1::{Container, Probe};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixtures::{facts, id, objects, stored, templates, text};
use crate::{
    build::{build, kafka, rack},
    reconcile::validate::{ValidatedPipeline, validate},
};

const ZONES: [&str; 9] = ["z0", "z1", "z2", "z3", "z4", "z5", "z6", "z7", "z8"];
const LABELS: [(&str, &str); 2] = [("site", "east"), ("pool", "stores")];

prop_compose! {
    fn pipelines()(
        name in "[a-z][a-z0-9-]{0,28}[a-z0-9]",
        zones in 0_usize..=9,
        brokers in 1_i32..30,
        controllers in prop::sample::select(vec![0, 1, 3, 5]),
        nodes in 1_i32..20,
        name_nodes in 1_i32..=2,
        data_nodes in 1_i32..40,
        symbols in 1_usize..12,
        shards in 1_usize..5,
    ) -> ValidatedPipeline {
        let symbols: Vec<_> = (0..symbols.max(shards)).map(|number| format!("COIN{number}")).collect();
        let object = json!({
            "apiVersion": "cryptopipeline.dev/v1alpha1",
            "kind": "CryptoPipeline",
            "metadata": {"name": name, "namespace": "prod"},
            "spec": {
                "placements": {"east": {
                    "nodeLabels": LABELS.into_iter().collect::<BTreeMap<_, _>>(),
                    "nodeExpressions": [{"key": "type", "operator": "NotIn", "values": ["edge"]}],
                }},
                "ingest": {"placement": "east", "symbols": symbols, "shards": shards, "record": true},
                "kafka": {"placement": "east", "brokers": brokers, "controllers": controllers},
                "processor": {"placement": "east"},
                "cassandra": {"placement": "east", "nodes": nodes},
                "hdfs": {"placement": "east", "nameNodes": name_nodes, "dataNodes": data_nodes},
            },
        });
        let zones = &ZONES[..zones];
        let facts = facts(&[("kafka", zones), ("cassandra", zones), ("hdfs", zones)]);
        validate(&stored(serde_json::from_value(object).unwrap()), facts).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_built_is_consistent(pipeline in pipelines()) {
        let resources = build(&pipeline);
        prop_assert_eq!(&resources, &build(&pipeline));
        let objects = objects(&pipeline, &resources);
        names_are_legal_and_unique(&objects);
        references_resolve(&objects);
        selectors_pick_their_own_pods_only(&objects);
        pods_satisfy_the_restricted_standard(&objects);
        pods_stay_on_their_site(&objects);
        everything_but_claims_is_owned(&objects);
        claims_are_kept_from_tools_that_prune(&objects);
        kafka_ids_are_unique(&pipeline);
    }

    #[test]
    fn growing_takes_no_member_away(pipeline in pipelines()) {
        let mut grown = pipeline.clone();
        grown.spec.kafka.brokers += 1;
        grown.spec.cassandra.nodes += 1;
        grown.spec.hdfs.data_nodes += 1;
        for role in [Role::KafkaBroker, Role::Cassandra, Role::DataNode] {
            let (before, after) = (rack::members(&pipeline, role), rack::members(&grown, role));
            prop_assert_eq!(&before[..], &after[..before.len()]);
            prop_assert_eq!(after.len(), before.len() + 1);
            let per_rack: i32 = rack::racks(&grown, role).iter().map(|rack| rack.members).sum();
            prop_assert_eq!(per_rack, rack::replicas(&grown, role));
        }
    }
}

fn names_are_legal_and_unique(objects: &[Value]) {
    let ids: BTreeSet<_> = objects.iter().map(id).collect();
    assert_eq!(ids.len(), objects.len());
    for object in objects {
        let name = text(&object["metadata"]["name"]);
        // Pods of a StatefulSet carry its name and an 11-character revision in a label; those of a Job its name and a suffix.
        let room = match text(&object["kind"]) {
            "StatefulSet" => 11,
            "PersistentVolumeClaim" => 0,
            _ => 6,
        };
        assert!(name.len() + room <= 63, "{name}");
        assert!(
            name.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            "{name}"
        );
    }
}

fn references_resolve(objects: &[Value]) {
    let ids: BTreeSet<_> = objects.iter().map(id).collect();
    let assert_exists = |id: String| assert!(ids.contains(&id), "{id} is referred to and not built");
    for object in objects.iter().filter(|object| object["kind"] == "StatefulSet") {
        assert_exists(format!("Service/{}", text(&object["spec"]["serviceName"])));
    }
    for (_, template) in templates(objects) {
        let pod = template.spec.unwrap();
        assert_exists(format!("ServiceAccount/{}", pod.service_account_name.unwrap()));
        let volumes = pod.volumes.unwrap();
        let mut maps = vec![];
        for name in volumes
            .iter()
            .filter_map(|volume| Some(&volume.config_map.as_ref()?.name))
        {
            let id = format!("ConfigMap/{name}");
            assert_exists(id.clone());
            maps.push(objects.iter().find(|object| self::id(object) == id).unwrap());
        }
        for container in &pod.containers {
            probed_ports_are_open(container);
            // What the container runs, and is probed and stopped by, is in its ConfigMap.
            for script in commands(container).filter(|word| word.starts_with("/etc/")) {
                let file = script.rsplit('/').next().unwrap();
                let found = maps.iter().any(|map| map["data"].get(file).is_some());
                assert!(found, "{script} is in no ConfigMap");
            }
        }
    }
}

fn probes(container: &Container) -> impl Iterator<Item = &Probe> {
    [
        &container.startup_probe,
        &container.liveness_probe,
        &container.readiness_probe,
    ]
    .into_iter()
    .flatten()
}

fn probed_ports_are_open(container: &Container) {
    let ports: BTreeSet<_> = container
        .ports
        .iter()
        .flatten()
        .filter_map(|port| port.name.clone())
        .collect();
    for probe in probes(container) {
        let probe = serde_json::to_value(probe).unwrap();
        let port = probe
            .pointer("/httpGet/port")
            .or_else(|| probe.pointer("/tcpSocket/port"));
        assert!(port.is_none_or(|port| ports.contains(text(port))), "{probe}");
    }
}

/// Every word of what a container runs, is probed by and stopped by.
fn commands(container: &Container) -> impl Iterator<Item = &String> {
    let before_stop = container
        .lifecycle
        .iter()
        .filter_map(|lifecycle| lifecycle.pre_stop.as_ref()?.exec.as_ref());
    let actions = probes(container)
        .filter_map(|probe| probe.exec.as_ref())
        .chain(before_stop);
    container
        .command
        .iter()
        .chain(actions.filter_map(|action| action.command.as_ref()))
        .flatten()
}

fn selectors_pick_their_own_pods_only(objects: &[Value]) {
    let selectors: Vec<(String, BTreeMap<String, String>)> = objects
        .iter()
        .filter(|object| object["kind"] == "StatefulSet" || object["kind"] == "Deployment")
        .map(|object| {
            let labels = object["spec"]["selector"]["matchLabels"].clone();
            (id(object), serde_json::from_value(labels).unwrap())
        })
        .collect();
    for (owner, template) in templates(objects) {
        let labels = template.metadata.unwrap().labels.unwrap();
        let picked_by: Vec<_> = selectors
            .iter()
            .filter(|(_, selector)| selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
            .map(|(id, _)| id.as_str())
            .collect();
        let expected: &[&str] = if owner.starts_with("Job/") { &[] } else { &[&owner] };
        assert_eq!(picked_by, expected);
    }
}

/// <https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted>, and a read-only root file system.
fn pods_satisfy_the_restricted_standard(objects: &[Value]) {
    for (owner, template) in templates(objects) {
        let pod = template.spec.unwrap();
        let security = pod.security_context.unwrap();
        assert_eq!(security.run_as_non_root, Some(true), "{owner}");
        assert!(security.run_as_user.is_some_and(|user| user > 0), "{owner}");
        assert_eq!(
            security.seccomp_profile.unwrap().type_,
            "RuntimeDefault",
            "{owner}"
        );
        assert_eq!(pod.automount_service_account_token, Some(false), "{owner}");
        assert_eq!(
            (pod.host_network, pod.host_pid, pod.host_ipc),
            (None, None, None),
            "{owner}"
        );
        for container in &pod.containers {
            let security = container.security_context.as_ref().unwrap();
            assert_eq!(security.allow_privilege_escalation, Some(false), "{owner}");
            assert_eq!(security.read_only_root_filesystem, Some(true), "{owner}");
            let capabilities = security.capabilities.as_ref().unwrap();
            assert_eq!(
                capabilities.drop.as_deref(),
                Some(&["ALL".to_owned()][..]),
                "{owner}"
            );
            assert_eq!(capabilities.add, None, "{owner}");
        }
        for volume in pod.volumes.iter().flatten() {
            let allowed = volume.config_map.is_some()
                || volume.empty_dir.is_some()
                || volume.persistent_volume_claim.is_some();
            assert!(allowed, "{owner}: volume {}", volume.name);
        }
    }
}

fn pods_stay_on_their_site(objects: &[Value]) {
    for (owner, template) in templates(objects) {
        let pod = template.spec.unwrap();
        let affinity = serde_json::to_value(pod.affinity).unwrap();
        let terms = affinity
            .pointer("/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms")
            .and_then(Value::as_array)
            .unwrap();
        // Terms are ORed: a second one would open a way around the first.
        assert_eq!(terms.len(), 1, "{owner}");
        let expressions = terms[0]["matchExpressions"].as_array().unwrap();
        for (key, value) in LABELS {
            let expected = json!({"key": key, "operator": "In", "values": [value]});
            assert!(expressions.contains(&expected), "{owner}: {key}");
        }
        assert!(
            expressions.iter().any(|expression| expression["key"] == "type"),
            "{owner}"
        );
        let tolerated: BTreeSet<_> = pod
            .tolerations
            .into_iter()
            .flatten()
            .filter_map(|t| t.key)
            .collect();
        // Workers too: every component names the site, so a pod of one that is cut off has nowhere else to go.
        assert!(tolerated.contains("node.kubernetes.io/unreachable"), "{owner}");
    }
}

fn everything_but_claims_is_owned(objects: &[Value]) {
    for object in objects {
        let owners = object["metadata"]
            .get("ownerReferences")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        assert_eq!(
            owners,
            usize::from(object["kind"] != "PersistentVolumeClaim"),
            "{}",
            id(object)
        );
    }
}

/// Whatever makes them: StatefulSets, the operator before a format, the operator for a recording.
fn claims_are_kept_from_tools_that_prune(objects: &[Value]) {
    let is_claim = |object: &&Value| object["kind"] == "PersistentVolumeClaim";
    let templates = objects
        .iter()
        .filter_map(|object| object["spec"]["volumeClaimTemplates"].as_array())
        .flatten();
    for claim in objects.iter().filter(is_claim).chain(templates) {
        let annotations = &claim["metadata"]["annotations"];
        assert_eq!(
            annotations["argocd.argoproj.io/sync-options"],
            "Prune=false,Delete=false"
        );
        assert_eq!(annotations["kustomize.toolkit.fluxcd.io/prune"], "disabled");
    }
}

fn kafka_ids_are_unique(pipeline: &ValidatedPipeline) {
    let ids: Vec<_> = [Role::KafkaBroker, Role::KafkaController]
        .into_iter()
        .flat_map(|role| {
            rack::members(pipeline, role)
                .into_iter()
                .map(move |member| (role, member))
        })
        .map(|(role, member)| kafka::node_id(role, &member))
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}
